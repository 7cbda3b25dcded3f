"""`leveret top`: a broker as it is now, in a terminal, over the HTTP API.

`views.py` has what there is to see and `asking.py` asks for it; `picture.py` draws; `watching.py` is the loop between
keys (`keyboard.py`), answers and the screen.
"""

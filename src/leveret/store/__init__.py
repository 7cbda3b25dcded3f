"""Where records go: the log. Blind to what the records mean."""

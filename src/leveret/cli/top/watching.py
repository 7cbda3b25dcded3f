"""The loop of the live view: keys and answers come in, pictures go out."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import threading
import time
from dataclasses import replace
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..ctl.api import Api, Failed
from .asking import Snapshot, Wanted, ask
from .keyboard import Keyboard
from .picture import picture, rows_for
from .views import VIEWS

_ESCAPE: Final = "\x1b"
_ERASE: Final = ("\x7f", "\b")
_FILTER_MAX: Final = 255


class Asker:
    """Asks in a thread of its own, so that keys are heard meanwhile. One question at a time; the newest counts."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._questions: queue.SimpleQueue[Wanted | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[Snapshot | Failed] = queue.SimpleQueue()
        self.reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self.asking = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def ask(self, wanted: Wanted) -> None:
        """The answer comes later: `reading` can be read then."""
        self.asking = True
        self._questions.put(wanted)

    def wake(self) -> None:
        """Let who waits for answers look round. May be called in a signal handler."""
        with contextlib.suppress(OSError):
            os.write(self._writing, b"!")

    def _work(self) -> None:
        while (wanted := self._questions.get()) is not None:
            while not self._questions.empty():
                newer = self._questions.get()
                if newer is None:
                    return
                wanted = newer
            try:
                self.answers.put(ask(self._api, wanted))
            except Failed as failed:
                self.answers.put(failed)
            except Exception as error:  # an answer that is none of the API's, as a proxy may give it
                self.answers.put(Failed(f"{type(error).__name__}: {error}"))
            self.wake()

    def taken(self) -> list[Snapshot | Failed]:
        """What came."""
        os.read(self.reading, 4096)
        found = []
        while not self.answers.empty():
            found.append(self.answers.get())
        self.asking = self.asking and not found
        return found

    def close(self) -> None:
        """No more questions; the thread ends with the one that it is at."""
        self._questions.put(None)


class Watching:
    """A live view, until somebody has seen enough."""

    def __init__(
        self,
        api: Api,
        wanted: Wanted,
        first: Snapshot,
        console: Console,
        *,
        interval_s: float,
        count: int,
        limit: int | None,
    ) -> None:
        self._asker = Asker(api)
        self._wanted = wanted
        self._snapshot = first
        self._problem: Failed | None = None
        self._console = console
        self._interval_s = interval_s
        self._left = count - 1 if count else -1
        self._limit = limit
        self._paused = False
        self._editing: str | None = None
        self._suspended = False
        self._done = False

    def run(self, descriptor: int) -> None:
        """Until `q`, or so many pictures; `descriptor` is the keyboard's."""
        keyboard = Keyboard(descriptor)
        self._catch()
        while not self._done:
            with keyboard, Live(console=self._console, screen=True, auto_refresh=False) as live:
                self._look(live, keyboard)
            if self._suspended and not self._done:
                self._suspended = False
                os.kill(os.getpid(), signal.SIGSTOP)
        self._asker.close()

    def _catch(self) -> None:
        def suspend(number: int, frame: object) -> None:
            self._suspended = True
            self._asker.wake()

        def leave(number: int, frame: object) -> None:
            self._done = True
            self._asker.wake()

        signal.signal(signal.SIGWINCH, lambda number, frame: self._asker.wake())
        signal.signal(signal.SIGTSTP, suspend)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, leave)

    def _look(self, live: Live, keyboard: Keyboard) -> None:
        """Until it is over, or stopped for a while."""
        due_s = time.monotonic() + self._interval_s
        self._fit()
        while not self._done and not self._suspended:
            self._draw(live)
            wait_s = None if self._paused or self._asker.asking else max(0.0, due_s - time.monotonic())
            ready = select.select([keyboard.descriptor, self._asker.reading], [], [], wait_s)[0]
            if self._asker.reading in ready:
                for answer in self._asker.taken():
                    self._take(answer)
                    due_s = time.monotonic() + self._interval_s
                self._fit()
            if keyboard.descriptor in ready:
                try:
                    for key in keyboard.read():
                        self._press(key)
                except (EOFError, OSError):  # the terminal is gone
                    self._done = True
            if not ready and not self._asker.asking:
                if self._left == 0:
                    self._done = True
                    return
                self._asker.ask(self._wanted)

    def _take(self, answer: Snapshot | Failed) -> None:
        if isinstance(answer, Failed):
            self._problem = answer
            return
        self._problem = None
        self._snapshot = answer
        if self._left > 0:
            self._left -= 1
        if answer.wanted.page != self._wanted.page and answer.wanted.view is self._wanted.view:
            self._wanted = replace(self._wanted, page=answer.wanted.page)

    def _fit(self) -> None:
        """As many rows as there is room for."""
        rows = rows_for(self._console.height, self._limit)
        if rows != self._wanted.rows:
            self._change(replace(self._wanted, rows=rows))

    def _change(self, wanted: Wanted) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._asker.ask(wanted)

    def _draw(self, live: Live) -> None:
        notice = problem = None
        if self._problem is not None:
            notice = Text(" connecting... ", style="bold black on yellow")
            problem = str(self._problem).partition("\n")[0]
        elif self._paused:
            notice = Text(" paused ", style="bold black on yellow")
        wanted = self._wanted if self._snapshot.wanted.view is self._wanted.view else self._snapshot.wanted
        size = self._console.size
        shown = picture(
            wanted, self._snapshot, size.width, size.height, notice=notice, problem=problem, editing=self._editing
        )
        live.update(shown, refresh=True)

    # -- keys ----------------------------------------------------------------------------------------------------------

    def _press(self, key: str) -> None:
        if self._editing is not None:
            self._edit(key)
            return
        wanted = self._wanted
        views = [*VIEWS]
        place = views.index(wanted.view.name)
        if key in ("q", "Q"):
            self._done = True
        elif key == " ":
            self._paused = not self._paused
        elif key == "/":
            self._editing = wanted.filter
        elif key == "s":
            self._change(wanted.sorted_by(1))
        elif key == "S":
            self._change(wanted.sorted_by(-1))
        elif key == "r":
            self._change(replace(wanted, reverse=not wanted.reverse, page=1))
        elif key == "n":
            self._change(replace(wanted, page=min(wanted.page + 1, self._snapshot.pages)))
        elif key == "p":
            self._change(replace(wanted, page=max(wanted.page - 1, 1)))
        elif key in ("\t", "backtab"):
            step = 1 if key == "\t" else -1
            self._change(wanted.turned_to(views[(place + step) % len(views)]))
        elif key == _ESCAPE:
            self._change(replace(wanted, filter="", page=1))

    def _edit(self, key: str) -> None:
        assert self._editing is not None
        if key in ("\r", "\n"):
            self._change(replace(self._wanted, filter=self._editing, page=1))
            self._editing = None
        elif key == _ESCAPE:
            self._editing = None
        elif key in _ERASE:
            self._editing = self._editing[:-1]
        elif key == "\x15":  # Ctrl-U
            self._editing = ""
        elif key.isprintable() and len(self._editing) < _FILTER_MAX:
            self._editing += key

"""One download that many callers may wait for."""

import threading
from collections.abc import Callable

from caas.drivers.image.base import ImageError
from caas.drivers.image.passage import Passage
from caas.model import wire


class Job:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._said = ""
        self._count = 0
        self._done = False
        self._error: ImageError | None = None
        self._passage: Passage | None = None

    def through(self, passage: Passage) -> None:
        """The way it goes."""
        self._passage = passage

    def renew(self, pull: wire.Pull | None) -> None:
        """Somebody has come who was given leave later."""
        if self._passage is not None and pull is not None:
            self._passage.renew(pull)

    def say(self, sentence: str) -> None:
        with self._changed:
            if sentence == self._said:
                return
            self._said = sentence
            self._count += 1
            self._changed.notify_all()

    def end(self, error: ImageError | None) -> None:
        with self._changed:
            self._done, self._error = True, error
            self._changed.notify_all()

    def wait(self, progress: Callable[[str], None]) -> ImageError | None:
        """Pass on what is said until the end; return how it failed."""
        told = 0
        while True:
            with self._changed:
                while not self._done and self._count == told:
                    self._changed.wait()
                if self._done:
                    return self._error
                sentence, told = self._said, self._count
            progress(sentence)

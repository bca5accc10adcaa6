"""The ``openstack`` command, run inside the test's process: 20 times faster
than a process of its own, and as good where no signal is sent to it."""

import contextlib
import dataclasses
import io
import json
import locale
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

from openstackclient import shell
from osc_lib import clientmanager


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def openstack(*argv: str, env: dict[str, str] | None = None) -> Done:
    """Run ``openstack *argv``.

    :param env: the whole environment; nothing of ours gets in.
    """
    out, err = _Ours(), _Ours()
    _forget_clients()
    with (
        _logging_as_it_is(),
        warnings.catch_warnings(),
        mock.patch.dict(os.environ, env or {}, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _locale_as_it_is(),
    ):
        try:
            code = shell.main(list(argv))
        except SystemExit as e:
            code = int(e.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def _forget_clients() -> None:
    """Those of a run before this one, maybe of another user: they are kept
    with the class."""
    for each in vars(clientmanager.ClientManager).values():
        if isinstance(each, clientmanager.ClientCache):
            each._handle = None


class _Bytes:
    """What commands write bytes to."""

    def __init__(self, text: "_Ours") -> None:
        self._text = text

    def write(self, data: bytes) -> None:
        self._text.write(data.decode())

    def flush(self) -> None:
        pass


class _Ours(io.StringIO):
    """Takes what the thread that made it writes; the service of a test may
    log in others meanwhile, through the handlers of the client."""

    def __init__(self) -> None:
        super().__init__()
        self._owner = threading.get_ident()
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        if threading.get_ident() != self._owner:
            return len(text)
        return super().write(text)


@contextlib.contextmanager
def _logging_as_it_is() -> Iterator[None]:
    """The client makes itself at home in the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@contextlib.contextmanager
def _locale_as_it_is() -> Iterator[None]:
    """The client sets the one of its environment, here mostly none."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)

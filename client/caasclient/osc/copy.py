"""openstack caas container copy."""

import argparse
import io
import os
import pathlib
import posixpath
import sys
import tarfile
import threading
from collections.abc import Iterator

from osc_lib import exceptions

from caasclient.osc.inside import add_reason
from caasclient.osc.sets import OnSets
from caasclient.sdk.streams import STDOUT, Data, Stream, StreamError


class CopyContainer(OnSets):
    """Copy files and folders into a container, or out of it.

    One of both is CONTAINER:PATH, as in:
    openstack caas container copy web app:/var/log/app.log .

    As with cp, what is copied to a folder that is there keeps its name. "-"
    stands for a tar archive on the standard input or output.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("source", metavar="<source>")
        parser.add_argument("destination", metavar="<destination>")
        add_reason(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        args = parsed_args
        source, destination = _split(args.source), _split(args.destination)
        if (source is None) == (destination is None):
            raise exceptions.CommandError(
                "Exactly one of source and destination has to be "
                "<container>:<path>."
            )
        if source is not None:
            with self.caas.download(
                self.find(args.set, args), *source, reason=args.reason
            ) as stream:
                return _save(stream, args.destination)
        assert destination is not None
        return self._upload(args, *destination)

    def _upload(
        self, args: argparse.Namespace, container: str, path: str
    ) -> int:
        of = self.find(args.set, args)
        local = None if args.source == "-" else pathlib.Path(args.source)
        if local is not None and not os.path.lexists(local):
            raise exceptions.CommandError(f"There is no {args.source!r} here.")

        def attempt(folder: str, name: str | None) -> None:
            with self.caas.upload(
                of, container, folder, reason=args.reason
            ) as stream:
                _send(stream, local, name)

        try:
            attempt(path, local.resolve().name if local else None)
        except StreamError as error:
            if local is None or error.code not in (400, 404):
                raise
            # it is no folder, so it is to be the name
            folder, name = posixpath.split(path.rstrip("/"))
            if path.endswith("/") or not name:
                raise
            attempt(folder or "/", name)
        return 0


def _split(text: str) -> tuple[str, str] | None:
    """Container and path; None for something local."""
    container, colon, path = text.partition(":")
    if not colon or not container or "/" in container or container == ".":
        return None
    if not path.startswith("/"):
        raise exceptions.CommandError(
            f"{text!r}: the path in the container has to begin with '/'."
        )
    return container, path


class _Reader(io.RawIOBase):
    """STDOUT of a stream, for tarfile."""

    def __init__(self, stream: Stream) -> None:
        self._pieces: Iterator[bytes] = (
            each.data
            for each in stream
            if isinstance(each, Data) and each.channel == STDOUT
        )
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _save(stream: Stream, destination: str) -> int:
    reader = io.BufferedReader(
        _Reader(stream),  # type: ignore[type-var]
        1 << 16,
    )
    if destination == "-":
        while piece := reader.read1(1 << 16):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return 0
    target = pathlib.Path(destination)
    into = target.is_dir() or destination.endswith("/")
    folder = target if into else target.parent
    if not folder.is_dir():
        raise exceptions.CommandError(f"There is no folder {str(folder)!r}.")
    skipped = 0
    with tarfile.open(fileobj=reader, mode="r|") as archive:
        for member in archive:
            if not into:
                _, slash, rest = member.name.partition("/")
                member.name = target.name + slash + rest
                if member.islnk():
                    _, slash, rest = member.linkname.partition("/")
                    member.linkname = target.name + slash + rest
            try:
                archive.extract(member, folder, filter="data")
            except tarfile.FilterError as error:
                skipped += 1
                print(f"Left out: {error}", file=sys.stderr)  # noqa: T201
    # what may come after the archive, and whether it went well
    while reader.read1(1 << 16):
        pass
    return 1 if skipped else 0


class _Writer:
    """STDIN of a stream, for tarfile; gives up when the service does."""

    def __init__(self, stream: Stream, over: threading.Event) -> None:
        self._stream = stream
        self._over = over

    def write(self, data: bytes) -> int:
        if self._over.is_set():
            raise BrokenPipeError
        self._stream.send(data)
        return len(data)


def _send(
    stream: Stream, local: pathlib.Path | None, name: str | None
) -> None:
    """:param local: None for an archive on the standard input."""
    over = threading.Event()
    failed: list[StreamError] = []

    def listen() -> None:
        try:
            for _ in stream:
                pass
        except StreamError as error:
            failed.append(error)
        over.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    writer = _Writer(stream, over)
    try:
        if local is None:
            while piece := os.read(sys.stdin.fileno(), 1 << 16):
                writer.write(piece)
        else:
            with tarfile.open(
                fileobj=writer,  # type: ignore[call-overload]
                mode="w|",
                format=tarfile.PAX_FORMAT,
            ) as archive:
                archive.add(local, arcname=name)
        stream.end_input()
    except BrokenPipeError:
        pass
    listener.join()
    if failed:
        raise failed[0]

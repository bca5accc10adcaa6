"""What the engine tells of a pull or a push, as a sentence.  Pure."""

from collections.abc import Callable, Mapping
from typing import Any

#: What the engine says of a layer that it has, and once it has it all.
_THERE = "Already exists"
_DONE = ("Pull complete", _THERE)
_DOWNLOADED = ("Verifying Checksum", "Download complete", "Extracting")


#: Shortest time between two sentences, in s, while only bytes come.
INTERVAL = 0.5


class Progress:
    """Counts layers and bytes; those the engine has need not come.

    :param say: told when there is news, though not of each byte.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = -INTERVAL
        self._layers = ""
        self._sentence = "downloading"
        self._hitch = ""
        #: bytes that have come of each layer, None for all, by its short id
        self._got: dict[str, int | None] = {}
        self._there: set[str] = set()
        self._done: set[str] = set()

    def take(
        self, line: Mapping[str, Any], sizes: Mapping[str, int], now: float
    ) -> None:
        """:param line: of the engine.
        :param sizes: of the layers of the image, bytes, by digest; empty
            while they are not known.
        :param now: seconds.
        """
        if not sizes:
            return
        short = {d.partition(":")[2][:12]: s for d, s in sizes.items()}
        which, status = str(line.get("id", "")), str(line.get("status", ""))
        if which in short:
            self._note(which, status, line.get("progressDetail") or {})
        layers = f"{len(self._done & short.keys())} of {len(short)} layers"
        if layers == self._layers and now - self._said < INTERVAL:
            return
        self._layers, self._said = layers, now
        coming = {w: s for w, s in short.items() if w not in self._there}
        got = sum(self._of(w, s) for w, s in coming.items())
        total = sum(coming.values())
        if got >= total:
            self._sentence = f"unpacking: {layers}"
        else:
            self._sentence = (
                f"downloading: {_mb(got)} of {_mb(total)} MB, {layers}"
            )
        self._tell()

    def hitch(self, why: str) -> None:
        """Nothing comes, and why; "" when it does again."""
        self._hitch = why
        self._tell()

    def _tell(self) -> None:
        why = self._hitch
        self._say(f"{self._sentence}; {why}" if why else self._sentence)

    def _note(
        self, which: str, status: str, detail: Mapping[str, Any]
    ) -> None:
        if status == _THERE:
            self._there.add(which)
        if status in _DONE:
            self._done.add(which)
        if status in _DONE or status in _DOWNLOADED:
            self._got[which] = None
        elif status == "Downloading":
            self._got[which] = int(detail.get("current") or 0)

    def _of(self, which: str, size: int) -> int:
        got = self._got.get(which, 0)
        return size if got is None else min(got, size)


class Sending:
    """Counts bytes of layers that the engine pushes, unpacked.

    :param say: told now and then.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said = -INTERVAL
        #: how many there are of each layer, and how many have gone
        self._layers: dict[str, tuple[int, int]] = {}

    def take(self, line: Mapping[str, Any], now: float) -> None:
        """:param line: of the engine.
        :param now: seconds.
        """
        which, status = str(line.get("id", "")), str(line.get("status", ""))
        detail = line.get("progressDetail") or {}
        if status == "Pushing" and detail.get("total"):
            total = int(detail["total"])
            gone = min(total, int(detail.get("current") or 0))
            self._layers[which] = total, gone
        elif status == "Pushed" and which in self._layers:
            total, _ = self._layers[which]
            self._layers[which] = total, total
        total = sum(total for total, _ in self._layers.values())
        if not total or now - self._said < INTERVAL:
            return
        self._said = now
        gone = sum(gone for _, gone in self._layers.values())
        self._say(f"pushed {_mb(gone)} of {_mb(total)} MB")


def _mb(size: int) -> str:
    return f"{size / 1e6:.{0 if size >= 10e6 else 1}f}"

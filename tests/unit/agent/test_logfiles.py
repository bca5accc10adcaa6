"""Reading files while they are written, rotated, kept and removed."""

import errno
import itertools
import json
import os
import pathlib
import random
import shutil
import threading

import pytest

from caas.agent.logs import FormerLogs, Kept
from caas.agent.streams.logfiles import GAP, Reader, Wish


class Engine:
    """Writes a log as the json-file driver does."""

    def __init__(
        self,
        path: pathlib.Path,
        size: int = 2000,
        files: int = 3,
        former: int = 3,
    ) -> None:
        self.path = path
        self.size = size
        self.files = files
        self.former = FormerLogs(path / "kept", former)
        self.runs = itertools.count()
        self.number = itertools.count()
        self.written: list[bytes] = []
        self.run()

    def run(self) -> None:
        """A new container."""
        self.id = f"run{next(self.runs)}"
        folder = self.path / self.id
        folder.mkdir()
        self.log = folder / f"{self.id}-json.log"

    @property
    def live(self) -> Kept:
        return Kept(self.id, self.log)

    def write(self, count: int = 1, width: int = 0) -> None:
        for _ in range(count):
            n = next(self.number)
            line = f"{n} {'x' * width}\n"
            self.written.append(line.encode())
            entry = {
                "log": line,
                "stream": ("stdout", "stderr")[n % 2],
                "time": f"2026-01-01T00:00:{n // 1000:02d}.{n % 1000:03d}1Z",
            }
            raw = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
            with self.log.open("ab") as file:
                file.write(raw)
                full = file.tell() >= self.size
            if full:
                self.rotate()

    def rotate(self) -> None:
        names = [
            self.log,
            *(
                self.log.with_name(f"{self.log.name}.{n}")
                for n in range(1, self.files)
            ),
        ]
        names[-1].unlink(missing_ok=True)
        for older, newer in reversed(list(itertools.pairwise(names))):
            if older.exists():
                older.rename(newer)
        self.log.touch()

    def replace(self, *, keep: bool = True) -> None:
        if keep and self.log.exists():
            self.former.keep("set", "web", "name", self.id, self.log)
        shutil.rmtree(self.log.parent)
        self.run()

    def reader(self, chunk: int = 1 << 16, **wish: object) -> Reader:
        reader = Reader(
            lambda: self.former.of_member("set", "web"),
            Wish(**wish),  # type: ignore[arg-type]
            chunk,
        )
        reader.live = self.live
        return reader


@pytest.fixture(params=["linked", "copied"])
def engine(request, tmp_path, monkeypatch):
    if request.param == "copied":
        monkeypatch.setattr(os, "link", refuse)
    return Engine(tmp_path)


def refuse(*_: object) -> None:
    """Of another file system."""
    raise OSError(errno.EXDEV, "no link")


def read(reader: Reader) -> list[bytes]:
    """All there is now."""
    found, more = [], True
    while more:
        entries, more = reader.read()
        found += [b"GAP" if e is GAP else e.data for e in entries]
    return found


def test_nothing_yet(engine):
    reader = engine.reader()
    assert read(reader) == []
    engine.write(3)
    assert read(reader) == engine.written
    assert read(reader) == []
    reader.close()


def test_a_line_that_is_not_written_to_its_end(engine):
    reader = engine.reader()
    engine.write(1)
    raw = engine.log.read_bytes()
    for end in range(len(raw)):
        engine.log.write_bytes(raw[:end])
        assert read(reader) == []
    engine.log.write_bytes(raw)
    assert read(reader) == engine.written
    reader.close()


def test_a_line_longer_than_what_is_read_at_once(engine):
    reader = engine.reader(chunk=64)
    engine.size = 1 << 20
    engine.write(3, width=5000)
    assert read(reader) == engine.written
    assert read(engine.reader(tail=1)) == engine.written[-1:]
    reader.close()


def test_the_last_lines_over_files_and_containers(engine):
    for count in (20, 3, 40):
        engine.write(count)
        engine.replace()
    engine.write(7)
    there = read(engine.reader())
    assert there == engine.written[-len(there) :]
    assert len(there) > 50
    for count in range(len(there) + 3):
        reader = engine.reader(tail=count)
        assert read(reader) == (there[-count:] if count else [])
        engine.write(1)
        assert read(reader) == engine.written[-1:]
        reader.close()
        there = read(engine.reader())


def test_what_is_older_is_left_alone(engine):
    engine.write(200)
    there = read(engine.reader())
    for index in range(0, len(there), 3):
        n = int(there[index].split()[0])
        at = f"2026-01-01T00:00:{n // 1000:02d}.{n % 1000:03d}100000Z"
        assert read(engine.reader(since=at)) == there[index:]
        assert read(engine.reader(until=at)) == there[: index + 1]
        assert read(engine.reader(until=at, tail=2)) == there[: index + 1][-2:]
    assert read(engine.reader(since="2027-01-01T00:00:00.000000000Z")) == []


def test_the_slow_are_told_that_lines_are_missing(engine):
    engine.write(10)
    reader = engine.reader(chunk=128)
    (first,), more = reader.read()
    assert more
    engine.write(300)
    got = [first.data, *read(reader)]
    assert got.count(b"GAP") == 1
    gap = got.index(b"GAP")
    assert got[:gap] == engine.written[:gap]
    rest = got[gap + 1 :]
    assert rest == engine.written[-len(rest) :]
    reader.close()


def test_no_file_is_left_open(engine):
    fds = pathlib.Path("/proc/self/fd")

    def ours() -> list[str]:
        links = []
        for each in fds.iterdir():
            try:
                links.append(str(each.readlink()))
            except FileNotFoundError:
                continue
        return [link for link in links if link.startswith(str(engine.path))]

    readers = []
    for tail in (None, 0, 5, 1000):
        engine.write(40)
        readers.append(engine.reader(tail=tail))
        readers[-1].read()
        engine.replace()
        engine.write(40)
        for reader in readers:
            reader.live = engine.live
            read(reader)
    assert ours()
    for reader in readers:
        reader.close()
        assert reader.read() == ([], False)
    assert ours() == []


@pytest.mark.parametrize("seed", range(80))
def test_whatever_happens_meanwhile(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    if seed % 2:
        monkeypatch.setattr(os, "link", refuse)
    engine = Engine(
        tmp_path, size=rng.choice([300, 1000, 5000]), files=rng.choice([2, 5])
    )
    engine.write(rng.randrange(5))
    reader = engine.reader(chunk=rng.choice([50, 300, 1 << 16]))
    got: list[bytes] = []
    for _ in range(80):
        match rng.randrange(5):
            case 0 | 1:
                engine.write(rng.randrange(1, 4), rng.randrange(40))
            case 2:
                got += [e.data for e in reader.read()[0]]
            case 3:
                # it keeps up, as far as one can with so little
                got += read(reader)
            case 4 if rng.random() < 0.3:
                engine.replace()
                if rng.random() < 0.5:
                    reader.live = None
                    got += read(reader)
                engine.write(rng.randrange(3))
                reader.live = engine.live
        if engine.size < 5000:
            got += read(reader)
    got += read(reader)
    assert got == engine.written
    reader.close()


def test_a_set_that_keeps_no_logs(tmp_path):
    engine = Engine(tmp_path, former=0)
    engine.write(3)
    reader = engine.reader()
    got = read(reader)
    engine.replace()
    engine.write(3)
    reader.live = engine.live
    got += read(reader)
    assert got == engine.written
    assert list(engine.former.list()) == []
    reader.close()


def test_a_log_begins_before_it_is_its_turn(engine):
    engine.write(60)
    before = read(engine.reader())
    engine.replace()
    engine.write(3)
    reader = engine.reader(chunk=128)
    got = [e.data for e in reader.read()[0]]
    now = engine.written[60:]
    # now its first file is removed before the former ones are read
    engine.write(200)
    got += read(reader)
    assert got[: len(before)] == before
    rest = got[len(before) :]
    gap = rest.index(b"GAP")
    assert rest[:3] == now
    assert rest[:gap] == engine.written[60:][:gap]
    assert rest[gap + 1 :] == engine.written[-len(rest) + gap + 1 :]
    reader.close()


def test_a_line_that_a_container_did_not_end(engine):
    reader = engine.reader()
    with engine.log.open("a") as file:
        file.write(
            '{"log":"cut","stream":"stdout","time":"2026-01-01T00:00:00Z"}\n'
        )
    got = read(reader)
    engine.replace()
    engine.write(1)
    reader.live = engine.live
    assert got + read(reader) == [b"cut", b"\n", *engine.written]
    reader.close()


@pytest.mark.parametrize("seed", range(4))
def test_rotated_at_that_very_moment(tmp_path, seed):
    engine = Engine(tmp_path, size=400, files=2 + seed % 3)
    engine.write(1)
    reader = engine.reader(chunk=200)
    # what is removed before the first look is no gap
    got = read(reader)
    assert got == engine.written
    writer = threading.Thread(target=engine.write, args=(1500,))
    writer.start()
    while writer.is_alive():
        got += read(reader)
        # and from the end
        last = engine.reader(tail=2)
        lines = [int(line.split()[0]) for line in read(last) if line != b"GAP"]
        assert lines == sorted(set(lines))
        last.close()
    writer.join()
    got += read(reader)
    reader.close()
    lines = [line for line in got if line != b"GAP"]
    assert lines == sorted(set(lines), key=lambda line: int(line.split()[0]))
    assert lines[-1] == engine.written[-1]
    if b"GAP" not in got:
        assert lines == engine.written

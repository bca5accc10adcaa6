"""The headers of archives, good ones and bad ones."""

import io
import os
import pathlib
import subprocess
import tarfile

import pytest

from caas.layers import tar


def packed(*entries: tuple[str, bytes], layout: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def listed(data: bytes) -> list[tar.Member]:
    return list(tar.members(io.BytesIO(data)))


FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]


@pytest.mark.parametrize("layout", FORMATS)
def test_members_and_their_data(layout: int) -> None:
    long = "folder/" * 12 + "name"
    entries = [("a", b""), (long, b"x" * 512), ("c", b"y" * 700)]
    data = packed(*entries, layout=layout)
    found = listed(data)
    assert [m.name for m in found] == ["a", long, "c"]
    assert [data[m.offset : m.offset + m.size] for m in found] == [
        d for _, d in entries
    ]
    assert {m.kind for m in found} == {"0"}


@pytest.mark.parametrize("layout", FORMATS[1:])
def test_names_of_any_length(layout: int) -> None:
    name = "é" * 2000
    data = packed((name, b"data"), ("next", b""), layout=layout)
    assert [m.name for m in listed(data)] == [name, "next"]


def test_links() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind, link in ((tarfile.SYMTYPE, "s" * 150), (b"1", "hard")):
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, link
            archive.addfile(info)
    assert [(m.kind, m.link) for m in listed(out.getvalue())] == [
        ("2", "s" * 150),
        ("1", "hard"),
    ]


def test_size_of_a_link_is_none() -> None:
    info = tarfile.TarInfo("link")
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "x", 1 << 40
    data = info.tobuf(tarfile.GNU_FORMAT) + packed(
        ("next", b"1"), layout=tarfile.GNU_FORMAT
    )
    assert [m.size for m in listed(data)] == [0, 1]


def test_huge_size_in_binary() -> None:
    info = tarfile.TarInfo("big")
    info.size = 10 << 30
    with pytest.raises(tar.NotTar, match="ends within"):
        listed(info.tobuf(tarfile.GNU_FORMAT))


@pytest.mark.parametrize("layout", ["gnu", "posix"])
def test_holes_count(tmp_path: pathlib.Path, layout: str) -> None:
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        for place in range(40):
            file.seek(place * (25 << 20))
            file.write(b"data")
        file.truncate(1000 << 20)
    data = subprocess.run(
        ["tar", f"--format={layout}", "-S", "-C", tmp_path, "-c", "sparse"],
        check=True,
        capture_output=True,
    ).stdout
    assert len(data) < 4 << 20
    (member,) = listed(data)
    assert member.unpacked == 1000 << 20


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"x" * 512,
        os.urandom(5000),
        packed(("a", b"x" * 600), layout=tarfile.GNU_FORMAT)[:800],
        packed(("a", b"x" * 600), layout=tarfile.GNU_FORMAT)[:400],
        bytes(512) + b"x" * 512,
    ],
)
def test_not_a_tar(data: bytes) -> None:
    with pytest.raises(tar.NotTar):
        listed(data)


@pytest.mark.parametrize("size", [0, 512, 1024, 10240])
def test_nothing_in_it(size: int) -> None:
    """The engine's own empty layer is 1024 zeros."""
    assert listed(bytes(size)) == []


def test_fed_in_any_pieces() -> None:
    entries = [("a", b""), ("é" * 300, b"x" * 1700), ("c", b"y" * 512)]
    data = packed(*entries, layout=tarfile.PAX_FORMAT) + b"what follows"
    whole = listed(data)
    for step in (1, 7, 511, 512, 513, 5000):
        reader = tar.Reader()
        found = [
            member
            for at in range(0, len(data), step)
            for member in reader.feed(data[at : at + step])
        ]
        reader.finish()
        assert found == whole
        assert reader.ended


def test_checksum_of_signed_bytes() -> None:
    info = tarfile.TarInfo("é")
    data = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    signed = int(data[148:154], 8) - 2 * 256
    data[148:154] = b"%06o" % signed
    assert [m.name for m in listed(bytes(data))] == ["é"]
    data[148:154] = b"%06o" % (signed + 1)
    with pytest.raises(tar.NotTar):
        listed(bytes(data))


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_endless_header_is_not_read(kind: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.size = kind, 1 << 33

    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 <= size <= 1 << 21
            return super().read(size)

    with pytest.raises(tar.NotTar, match="too long"):
        list(tar.members(Endless(info.tobuf(tarfile.GNU_FORMAT))))


@pytest.mark.parametrize(
    "record",
    [b"5 a=b", b"x a=b\n", b"99 a=b\n", b"0 a=b\n", b"12 size=-99\n"],
)
def test_damaged_extended_header(record: bytes) -> None:
    info = tarfile.TarInfo("a")
    info.type, info.size = b"x", len(record)
    data = info.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    with pytest.raises(tar.NotTar):
        listed(data + packed(("a", b"x"), layout=tarfile.USTAR_FORMAT))

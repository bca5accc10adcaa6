"""The binary and the image of infra containers."""

import io
import pathlib
import struct
import tarfile

import pytest

from caas.drivers.runtime import infra
from caas.drivers.runtime.base import EngineError


def elf(*segments: int) -> bytes:
    """A program with segments of these types."""
    head = b"\x7fELF\x02\x01\x01" + bytes(25)
    head += struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 0)
    head = head[:54] + struct.pack("<HH", 56, len(segments)) + bytes(6)
    return head + b"".join(
        struct.pack("<I", kind).ljust(56, b"\0") for kind in segments
    )


def test_static_program(tmp_path: pathlib.Path) -> None:
    binary = tmp_path / "busybox"
    binary.write_bytes(elf(1, 6))
    assert infra.read_binary(str(binary)) == elf(1, 6)


@pytest.mark.parametrize("data", [elf(6, 3, 1), b"#!/bin/sh", b""])
def test_program_that_needs_more(tmp_path: pathlib.Path, data: bytes) -> None:
    binary = tmp_path / "busybox"
    binary.write_bytes(data)
    with pytest.raises(EngineError, match="not a static program") as error:
        infra.read_binary(str(binary))
    assert error.value.permanent


def test_no_program(tmp_path: pathlib.Path) -> None:
    with pytest.raises(EngineError, match="busybox-static"):
        infra.read_binary(str(tmp_path / "none"))


def test_archive() -> None:
    data = infra.archive(b"program")
    assert data == infra.archive(b"program")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["bin", "volume", "bin/busybox"]
        assert tar.getmember("bin/busybox").mode == 0o755


def test_another_binary_is_another_image() -> None:
    one, two = infra.reference(b"1"), infra.reference(b"2")
    assert one.startswith("caas.local/infra:")
    assert one != two

"""The image of infra containers: a static busybox and nothing else."""

import hashlib
import io
import pathlib
import struct
import tarfile

from caas.drivers.runtime.base import EngineError

#: What an infra container runs: it holds namespaces and does nothing.
COMMAND = ("/bin/busybox", "sleep", "2147483647")

_PT_INTERP = 3


def read_binary(path: str) -> bytes:
    """The busybox, or an error telling an operator what to do."""
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as e:
        raise EngineError(
            f"The binary of infra containers cannot be read ({e.strerror}): "
            "install busybox-static or set infra_binary of [docker].",
            permanent=True,
        ) from e
    if not data.startswith(b"\x7fELF") or _needs_loader(data):
        raise EngineError(
            "The binary of infra containers is not a static program: install "
            "busybox-static or set infra_binary of [docker].",
            permanent=True,
        )
    return data


def reference(data: bytes) -> str:
    """What the image made from it is called."""
    return f"caas.local/infra:{hashlib.sha256(data).hexdigest()[:16]}"


def archive(data: bytes) -> bytes:
    """The root file system as a tar, the same bytes each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "volume"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            folder.mode = 0o755
            tar.addfile(folder)
        file = tarfile.TarInfo("bin/busybox")
        file.mode = 0o755
        file.size = len(data)
        tar.addfile(file, io.BytesIO(data))
    return out.getvalue()


def _needs_loader(elf: bytes) -> bool:
    """Whether a 64-bit ELF program asks for a dynamic loader."""
    if len(elf) < 64 or elf[4] != 2:
        return False
    order = "<" if elf[5] == 1 else ">"
    (offset,) = struct.unpack_from(f"{order}Q", elf, 32)
    size, count = struct.unpack_from(f"{order}HH", elf, 54)
    if offset + size * count > len(elf):
        return False
    return any(
        struct.unpack_from(f"{order}I", elf, offset + i * size)[0]
        == _PT_INTERP
        for i in range(count)
    )

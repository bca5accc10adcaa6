"""Put into Glance a small Docker image, and what our properties mean.

The image is busybox, in an archive as ``docker save`` writes it; no Docker is
needed for it.
"""

import argparse
import hashlib
import io
import json
import pathlib
import platform
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from typing import IO

import cloud

NAME = "quickstart:1"
#: The kernel's word for a machine -> Docker's.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
EPOCH = "1970-01-01T00:00:00Z"
#: Runs until it is told to end, as a server does: process 1 hears only the
#: signals it asked for, and a shell only while it waits.
COMMAND = ["sh", "-c", "trap 'exit 0' INT TERM; sleep 2147483647 & wait"]


def add(
    tar: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    mode: int = 0o644,
    kind: bytes = tarfile.REGTYPE,
    link: str = "",
) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname = kind, mode, link
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def layer(busybox: pathlib.Path) -> bytes:
    """A root directory: busybox with a link for each of its commands."""
    applets = subprocess.run(  # noqa: S603 (ours)
        [busybox, "--list"], check=True, capture_output=True, text=True
    ).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory, mode in (
            ("bin", 0o755),
            ("etc", 0o755),
            ("root", 0o700),
            ("tmp", 0o1777),
            ("var", 0o755),
        ):
            add(tar, directory, mode=mode, kind=tarfile.DIRTYPE)
        add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for applet in applets:
            if applet != "busybox":
                add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, link="busybox")
        add(
            tar,
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\n"
            b"nobody:x:65534:65534:nobody:/:/bin/false\n",
        )
        add(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    return buffer.getvalue()


def write_archive(
    busybox: pathlib.Path,
    file: IO[bytes],
    image: str = NAME,
    command: Sequence[str] = COMMAND,
) -> None:
    """:param image: its name, by which one differs from another."""
    content = layer(busybox)
    name = hashlib.sha256(content).hexdigest()
    machine = platform.machine()
    config = json.dumps(
        {
            "architecture": MACHINES.get(machine, machine),
            "os": "linux",
            "created": EPOCH,
            "config": {
                "Env": ["PATH=/bin"],
                "Cmd": list(command),
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{name}"]},
            "history": [{"created": EPOCH, "created_by": image}],
        }
    ).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = [
        {
            "Config": config_name,
            "RepoTags": [image],
            "Layers": [f"{name}/layer.tar"],
        }
    ]
    with tarfile.open(fileobj=file, mode="w") as tar:
        add(tar, config_name, config)
        add(tar, name, mode=0o755, kind=tarfile.DIRTYPE)
        add(tar, f"{name}/layer.tar", content)
        add(tar, "manifest.json", json.dumps(manifest).encode())


def upload(keystone: str, archive: IO[bytes], name: str = NAME) -> None:
    """Put the archive into Glance, unless an image of its name is there."""
    glance = cloud.api(keystone, "image")
    # Glance takes what stands before a colon for an operator.
    query = {"name": f"eq:{name}"}
    found = glance.get("/v2/images", params=query).json()["images"]
    for image in found:
        if image["status"] == "active":
            return
        # The rest of an upload that was interrupted.
        glance.delete(f"/v2/images/{image['id']}")
    image = glance.post(
        "/v2/images",
        json={
            "name": name,
            "container_format": "docker",
            "disk_format": "raw",
            "visibility": "public",
        },
    ).json()
    archive.seek(0)
    glance.put(
        f"/v2/images/{image['id']}/file",
        data=archive,
        headers={"Content-Type": "application/octet-stream"},
    )


def define(keystone: str, metadefs: pathlib.Path) -> None:
    """What ``glance-manage db_load_metadefs`` does, some seconds faster."""
    glance = cloud.api(keystone, "image")
    url = "/v2/metadefs/namespaces"
    body = json.loads(metadefs.read_bytes())
    there = glance.get(f"{url}/{body['namespace']}", raise_exc=False)
    if there.status_code == 404:
        glance.post(url, json=body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keystone", required=True)
    parser.add_argument("--busybox", type=pathlib.Path, required=True)
    parser.add_argument("--metadefs", type=pathlib.Path, required=True)
    args = parser.parse_args()
    define(args.keystone, args.metadefs)
    with tempfile.TemporaryFile() as archive:
        write_archive(args.busybox, archive)
        upload(args.keystone, archive)


if __name__ == "__main__":
    main()

"""Debian's docker-registry: what caas-registry is measured beside.

It asks nobody who comes, and speaks plain HTTP.
"""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile

import stack


@contextlib.contextmanager
def run():
    """Its port, or None without the program; its files are in the folder of
    the stack, and gone at the end."""
    program = shutil.which("docker-registry")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = pathlib.Path(tempfile.mkdtemp(dir=stack.DIR))
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", folder / "config.yml"], stdout=log, stderr=log
        )
    try:
        stack.wait(lambda: _reachable(port), "docker-registry")
        yield port
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _reachable(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False

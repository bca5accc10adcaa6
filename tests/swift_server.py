"""A real Swift for Glance to keep images in, in one process."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest
import requests

REPO = pathlib.Path(__file__).resolve().parent.parent


class SwiftServer:
    """Started at once; everybody may do everything.

    :ivar url: of the one account.
    """

    def __init__(self) -> None:
        # not in /dev/shm: it needs extended attributes
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="caas-swift-"))
        port = _four_ports()
        self.base = f"http://127.0.0.1:{port}"
        self.url = f"{self.base}/v1/AUTH_glance"
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    REPO / "devstack" / "lib" / "swift_server.py",
                    self.folder,
                    str(port),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self, timeout: float = 60) -> None:
        until = time.monotonic() + timeout
        while True:
            with contextlib.suppress(requests.ConnectionError):
                requests.get(f"{self.base}/healthcheck", timeout=timeout)
                return
            log = (self.folder / "log").read_text()
            assert self._process.poll() is None, log
            assert time.monotonic() < until, log
            time.sleep(0.05)

    def close(self) -> None:
        # it has nothing to end in order
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder)

    def objects(self) -> list[str]:
        """Names of all that is stored, container and object."""
        found = []
        for container in self._listed(""):
            found += [
                f"{container}/{name}" for name in self._listed(f"/{container}")
            ]
        return found

    def glance(self) -> dict[str, str]:
        """Options of a store of Glance."""
        return {
            "swift_store_auth_version": "3",
            "swift_store_auth_address": f"{self.base}/v3",
            "swift_store_user": "service:glance",
            "swift_store_key": "any",
            "swift_store_endpoint_type": "publicURL",
            "swift_store_create_container_on_put": "true",
            # MiB: what is larger, or of unknown size, is cut into pieces
            "swift_store_large_object_size": "4",
            "swift_store_large_object_chunk_size": "1",
        }

    def _listed(self, path: str) -> list[str]:
        answer = requests.get(self.url + path, timeout=60)
        return answer.text.split() if answer.ok else []


def _four_ports() -> int:
    """The first of four free ports in a row."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(
                socket.create_server(("127.0.0.1", 0))
            ).getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                for port in range(first + 1, first + 4):
                    stack.enter_context(
                        socket.create_server(("127.0.0.1", port))
                    )
                return int(first)


@pytest.fixture(scope="session")
def swift_server() -> Iterator[SwiftServer]:
    made = SwiftServer()
    yield made
    made.close()

"""A port that leads to another one, and counts what passes."""

import contextlib
import socket
import subprocess
import sys
import threading

#: Run in the namespace: listens, and hands the socket over.
_LISTEN = """
import socket, sys
ours = socket.socket(fileno=int(sys.argv[1]))
server = socket.create_server(("127.0.0.1", int(sys.argv[2])))
socket.send_fds(ours, [b"x"], [server.fileno()])
"""


def listen_within(pid: int, port: int) -> socket.socket:
    """:param pid: of a process in the network namespace to listen in."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        subprocess.run(
            [
                *("nsenter", f"--net=/proc/{pid}/ns/net"),
                *("sh", "-c", 'ip link set lo up; exec "$@"', "sh"),
                *(sys.executable, "-c", _LISTEN),
                *(str(theirs.fileno()), str(port)),
            ],
            pass_fds=[theirs.fileno()],
            check=True,
            timeout=30,
        )
        _, [number], _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=number)


class Wire:
    """:param server: listens; :meth:`close` closes it.
    :param port: where it leads to, in our network namespace.
    :ivar sent: bytes that went to our port; ``received`` came from it.
    """

    def __init__(self, server: socket.socket, port: int) -> None:
        self._port = port
        self.sent = self.received = 0
        self._lock = threading.Lock()
        self._server = server
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def reset(self) -> None:
        with self._lock:
            self.sent = self.received = 0

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                client.close()
                continue
            for way in (
                (client, server, "sent"),
                (server, client, "received"),
            ):
                threading.Thread(
                    target=self._copy, args=way, daemon=True
                ).start()

    def _copy(
        self, source: socket.socket, target: socket.socket, count: str
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 18):
                with self._lock:
                    setattr(self, count, getattr(self, count) + len(data))
                target.sendall(data)
        for each in (target, source):
            with contextlib.suppress(OSError):
                each.shutdown(
                    socket.SHUT_RDWR if each is source else socket.SHUT_WR
                )

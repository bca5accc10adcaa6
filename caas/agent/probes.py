"""Checks of health over the network, from inside the network of a set."""

import ctypes
import os
import socket
import threading
import time

from caas.model import spec

_CLONE_NEWNET = 0x40000000
#: Most bytes of an answer that are looked at.
_STATUS_LINE = 256
_LOOPBACK = "127.0.0.1"

_libc = ctypes.CDLL(None, use_errno=True)


def probe(check: spec.HealthCheck, pid: int, address: str | None) -> str:
    """Check over HTTP or TCP.

    :param pid: of a process in the network namespace of the set.
    :param address: of the set, for what does not listen on 127.0.0.1.
    :returns: what is wrong, without a stop at the end; "" if all is well.
    """
    end = time.monotonic() + check.timeout
    said = f"connection refused on port {check.port}"
    for host in (_LOOPBACK, address):
        if host is None:
            continue
        try:
            connection = _socket_in(pid)
        except OSError as error:
            return f"the network of the set cannot be entered: {_why(error)}"
        with connection:
            try:
                connection.settimeout(_left(end))
                connection.connect((host, check.port))
                return _ask(connection, check, end)
            except ConnectionRefusedError:
                continue
            except TimeoutError:
                return f"no answer within {check.timeout:g} s"
            except OSError as error:
                said = f"port {check.port}: {_why(error)}"
    return said


def _ask(
    connection: socket.socket, check: spec.HealthCheck, end: float
) -> str:
    if check.type == "tcp":
        return ""
    where = f":{check.port}{check.path}"
    request = (
        f"GET {check.path} HTTP/1.1\r\n"
        f"Host: {_LOOPBACK}:{check.port}\r\n"
        "User-Agent: caas-agent\r\n"
        "Accept: */*\r\n"
        "Connection: close\r\n\r\n"
    )
    connection.sendall(request.encode("ascii", errors="replace"))
    answer = b""
    while b"\n" not in answer and len(answer) < _STATUS_LINE:
        connection.settimeout(_left(end))
        part = connection.recv(_STATUS_LINE)
        if not part:
            break
        answer += part
    words = answer.split(b"\n", 1)[0].split()
    if (
        len(words) < 2
        or not words[0].startswith(b"HTTP/")
        or not words[1].isdigit()
    ):
        return f"no HTTP answer from {where}"
    status = int(words[1])
    return "" if 200 <= status < 400 else f"HTTP status {status} from {where}"


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _socket_in(pid: int) -> socket.socket:
    """A TCP socket of another network namespace.

    It stays there wherever the thread is that uses it, so a thread of its
    own enters the namespace and ends there.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def enter() -> None:
        try:
            with open(f"/proc/{pid}/ns/net") as namespace:
                if _libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number))
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=enter, name="probe", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]

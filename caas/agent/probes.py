"""Health checks over the network, from within the network of a set.

Those that run a command are the runtime driver's.
"""

import contextlib
import re
import socket
import time
import urllib.parse
from collections.abc import Iterable

from caas.drivers.network import namespaces
from caas.drivers.network.base import NetworkError
from caas.model import spec

_LOOPBACK = "127.0.0.1"
_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})(?!\d)")
#: Bytes of an answer in which its first line has to end.
_LONGEST_LINE = 1024
#: Characters of a path that are told.
_LONGEST_PATH = 80
# All printable ASCII but the space stays as it is in a path.
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def probe(check: spec.HealthCheck, pid: int, address: str | None) -> str:
    """What is wrong, as a short sentence without a full stop; "" if nothing.

    It goes to the loopback address and, if nothing listens there, to
    ``address``.  It takes ``check.timeout`` s at most and never raises.

    :param check: of type ``http`` or ``tcp``.
    :param pid: of a process in the network of the set.
    :param address: of the set.
    """
    deadline = time.monotonic() + check.timeout
    port = check.port or 0
    hosts = [_LOOPBACK, *([address] if address else [])]
    try:
        sockets = namespaces.tcp_sockets(pid, len(hosts))
    except NetworkError:
        return "the container does not run"
    except (OSError, RuntimeError) as e:
        return f"its network cannot be entered: {e}"
    try:
        ways = zip(sockets, hosts, strict=True)
        way, host = _connected(ways, port, deadline)
        return _get(check, way, host, deadline) if check.type == "http" else ""
    except TimeoutError:
        return f"no answer within {check.timeout:g} s"
    except ConnectionRefusedError:
        return f"connection refused on port {port}"
    except (ConnectionResetError, BrokenPipeError):
        return f"connection reset on port {port}"
    except OSError as e:
        return f"no connection to port {port}: {e.strerror or e}"
    finally:
        for each in sockets:
            each.close()


def _connected(
    ways: Iterable[tuple[socket.socket, str]], port: int, deadline: float
) -> tuple[socket.socket, str]:
    """The first of some sockets and hosts that is not refused."""
    for way, host in ways:
        way.settimeout(_left(deadline))
        with contextlib.suppress(ConnectionRefusedError):
            way.connect((host, port))
            if not namespaces.is_own_end(way):
                return way, host
    raise ConnectionRefusedError


def _get(
    check: spec.HealthCheck, way: socket.socket, host: str, deadline: float
) -> str:
    path = urllib.parse.quote(check.path, _PRINTABLE, errors="replace")
    way.settimeout(_left(deadline))
    way.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{check.port}\r\n"
        "User-Agent: caas-agent\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n".encode("ascii")
    )
    line = b""
    while b"\n" not in line and len(line) < _LONGEST_LINE:
        way.settimeout(_left(deadline))
        data = way.recv(_LONGEST_LINE)
        if not data:
            break
        line += data
    where = f":{check.port}{_shortened(path)}"
    if not line:
        return f"connection closed without an answer from {where}"
    status = _STATUS.match(line)
    if status is None:
        return f"no answer of HTTP from {where}"
    code = int(status[1])
    return "" if 200 <= code < 400 else f"HTTP status {code} from {where}"


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _shortened(path: str) -> str:
    if len(path) <= _LONGEST_PATH:
        return path
    return f"{path[: _LONGEST_PATH - 3]}..."

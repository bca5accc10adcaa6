"""Health checks over the network, in real network namespaces."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from caas.agent.probes import probe
from caas.drivers.network import namespaces
from caas.model import spec
from tests.system.drivers.namespaces import Namespace

ADDRESS = "10.11.12.13"
PORT = 8080
LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def made() -> Iterator[Namespace]:
    """Has an address of its own, which no other namespace reaches."""
    there = Namespace()
    try:
        there.run("ip", "link", "set", "lo", "up")
        there.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
        yield there
    finally:
        there.close()


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with made() as there:
        yield there


def http(path: str = "/", timeout: float = 5) -> spec.HealthCheck:
    return spec.HealthCheck("http", port=PORT, path=path, timeout=timeout)


def tcp(timeout: float = 5, port: int = PORT) -> spec.HealthCheck:
    return spec.HealthCheck("tcp", port=port, timeout=timeout)


Answer = Callable[[socket.socket, threading.Event], None]


class Server:
    """Listens in a namespace; what it was sent is kept.

    :ivar done: set when the server is to end.
    """

    def __init__(
        self, namespace: Namespace, host: str, answer: Answer, backlog: int
    ) -> None:
        self.requests: list[bytes] = []
        self.done = threading.Event()
        self._answer = answer
        opened = namespaces.open_of(namespace.pid)
        self.listener = namespaces.call_in(opened, socket.socket)
        os.close(opened)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, PORT))
        self.listener.listen(backlog)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(10)
                    self._answer(connection, self.done)
                    # what came meanwhile, else the end is a reset
                    connection.shutdown(socket.SHUT_WR)
                    self.requests.append(connection.recv(65536))

    def close(self) -> None:
        self.done.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def served(
    namespace: Namespace,
    answer: Answer | bytes,
    host: str = LOOPBACK,
    backlog: int = 8,
) -> Iterator[Server]:
    """:param answer: said to every client, or what does."""

    def say(connection: socket.socket, done: threading.Event) -> None:
        assert isinstance(answer, bytes)
        connection.sendall(answer)

    server = Server(
        namespace, host, say if isinstance(answer, bytes) else answer, backlog
    )
    try:
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("host", [LOOPBACK, ADDRESS, "0.0.0.0"])
@pytest.mark.parametrize("check", [tcp(), http()], ids=["tcp", "http"])
def test_well(
    namespace: Namespace, check: spec.HealthCheck, host: str
) -> None:
    with served(namespace, b"HTTP/1.1 200 OK\r\n\r\n", host):
        assert probe(check, namespace.pid, ADDRESS) == ""


def test_no_address_is_asked_that_is_not_given(namespace: Namespace) -> None:
    with served(namespace, b"", ADDRESS):
        refused = "connection refused on port 8080"
        assert probe(tcp(), namespace.pid, None) == refused
        assert probe(tcp(), namespace.pid, ADDRESS) == ""


@pytest.mark.parametrize("check", [tcp(), http()], ids=["tcp", "http"])
def test_refused(namespace: Namespace, check: spec.HealthCheck) -> None:
    begun = time.monotonic()
    problem = probe(check, namespace.pid, ADDRESS)
    assert problem == "connection refused on port 8080"
    assert time.monotonic() - begun < check.timeout


def test_a_port_given_to_the_probe_itself_is_no_server() -> None:
    """Loopback connections to a free port may meet themselves."""
    ports = "/proc/sys/net/ipv4/ip_local_port_range"
    with made() as there:
        there.run("sh", "-c", f"echo 50000 50001 >{ports}")
        for port in (50000, 50001) * 20:
            problem = probe(tcp(port=port), there.pid, None)
            assert problem == f"connection refused on port {port}"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.0 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://1.1.1.1/\r\n\r\n", ""),
        (b"HTTP/1.1 399 \n", ""),
        (b"HTTP/1.1 400 No\r\n\r\n", "HTTP status 400 from :8080/health"),
        (b"HTTP/1.1 500", "HTTP status 500 from :8080/health"),
        (b"HTTP/1.1 103 Hints\r\n", "HTTP status 103 from :8080/health"),
        (b"HTTP/1.1 2000 OK\r\n", "no answer of HTTP from :8080/health"),
        (b"HTTP/1.1 OK\r\n", "no answer of HTTP from :8080/health"),
        (b"SSH-2.0-OpenSSH\r\n", "no answer of HTTP from :8080/health"),
        (b"\0" * 1_000_000, "no answer of HTTP from :8080/health"),
        (b"", "connection closed without an answer from :8080/health"),
    ],
)
def test_answers(namespace: Namespace, answer: bytes, problem: str) -> None:
    with served(namespace, answer):
        assert probe(http("/health"), namespace.pid, ADDRESS) == problem


def test_what_is_asked(namespace: Namespace) -> None:
    with served(namespace, b"HTTP/1.1 200 OK\r\n\r\n") as server:
        odd = "/a?b=%20&c=$(x);'\"#d\r\nEvil: 1 \N{SNOWMAN}\ud800"
        assert probe(http(odd), namespace.pid, ADDRESS) == ""
        assert probe(http("/" + "a" * 500), namespace.pid, ADDRESS) == ""
    request, longest = server.requests
    line, *headers = request.decode("ascii").split("\r\n")
    assert line == (
        "GET /a?b=%20&c=$(x);'\"#d%0D%0AEvil:%201%20%E2%98%83? HTTP/1.1"
    )
    assert headers == [
        "Host: 127.0.0.1:8080",
        "User-Agent: caas-agent",
        "Accept: */*",
        "Connection: close",
        "",
        "",
    ]
    assert longest.startswith(b"GET /" + b"a" * 500 + b" HTTP/1.1\r\n")


def test_a_long_path_is_told_in_part(namespace: Namespace) -> None:
    with served(namespace, b"HTTP/1.1 404 No\r\n\r\n"):
        problem = probe(http("/" + "a" * 500), namespace.pid, ADDRESS)
    assert len(problem) < 120
    assert problem.endswith("aaa...")


def test_host_is_the_address_where_that_is_asked(
    namespace: Namespace,
) -> None:
    with served(namespace, b"HTTP/1.1 200 OK\r\n\r\n", ADDRESS) as server:
        assert probe(http(), namespace.pid, ADDRESS) == ""
    assert f"Host: {ADDRESS}:8080\r\n".encode() in server.requests[0]


def silent(connection: socket.socket, done: threading.Event) -> None:
    done.wait(10)


def dripping(connection: socket.socket, done: threading.Event) -> None:
    while not done.wait(0.05):
        connection.sendall(b"x")


@pytest.mark.parametrize("answer", [silent, dripping])
def test_the_time_is_for_all_of_it(
    namespace: Namespace, answer: Answer
) -> None:
    with served(namespace, answer) as server:
        begun = time.monotonic()
        problem = probe(http(timeout=0.5), namespace.pid, ADDRESS)
        took = time.monotonic() - begun
        server.done.set()
    assert problem == "no answer within 0.5 s"
    assert 0.5 <= took < 5


def test_a_server_that_takes_no_more_connections(
    namespace: Namespace,
) -> None:
    with (
        served(namespace, silent, backlog=0) as server,
        contextlib.ExitStack() as stack,
    ):
        # one is held, one waits; for further ones there is no place
        problem = ""
        deadline = time.monotonic() + 30
        while not problem and time.monotonic() < deadline:
            opened = namespaces.open_of(namespace.pid)
            other = stack.enter_context(
                namespaces.call_in(opened, socket.socket)
            )
            os.close(opened)
            other.setblocking(False)
            other.connect_ex((LOOPBACK, PORT))
            problem = probe(tcp(timeout=0.5), namespace.pid, ADDRESS)
        server.done.set()
    assert problem == "no answer within 0.5 s"


def test_a_reset_connection(namespace: Namespace) -> None:
    def reset(connection: socket.socket, done: threading.Event) -> None:
        linger = b"\x01\0\0\0\0\0\0\0"
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()

    with served(namespace, reset):
        problem = probe(http(), namespace.pid, ADDRESS)
    assert problem == "connection reset on port 8080"


def test_a_process_that_is_gone() -> None:
    there = Namespace()
    there.close()
    for pid in (there.pid, 0):
        assert probe(tcp(), pid, ADDRESS) == "the container does not run"


def test_the_host_s_own_network_is_never_asked() -> None:
    with subprocess.Popen(["sleep", "1000"]) as other:
        try:
            problem = probe(tcp(), other.pid, None)
        finally:
            other.kill()
    assert problem == "the container does not run"


def test_nothing_of_it_is_left(namespace: Namespace) -> None:
    """No descriptor, no thread, and nobody in another namespace."""
    own = os.readlink("/proc/self/ns/net")

    def state() -> tuple[int, int, set[str]]:
        tasks = os.listdir("/proc/self/task")
        homes = {os.readlink(f"/proc/self/task/{t}/ns/net") for t in tasks}
        files = len(os.listdir("/proc/self/fd"))
        return files, threading.active_count(), homes

    before = state()
    for _ in range(20):
        assert probe(http(), namespace.pid, ADDRESS)
    deadline = time.monotonic() + 10
    # a thread that has ended may be seen a little longer
    while state() != before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state() == before
    assert before[2] == {own}


def test_many_at_once(namespace: Namespace) -> None:
    problems: list[str] = []
    with served(namespace, b"HTTP/1.1 200 OK\r\n\r\n", backlog=64):
        threads = [
            threading.Thread(
                target=lambda: problems.append(
                    probe(http(), namespace.pid, ADDRESS)
                )
            )
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert problems == [""] * 16

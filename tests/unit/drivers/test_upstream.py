"""What reaches the registry, and whom a host takes for it."""

import hashlib
import http.server
import pathlib
import ssl
import threading
from collections.abc import Iterator

import pytest

from caas.drivers.image.base import ImageError
from caas.drivers.image.upstream import Upstream
from caas.model import wire
from tests.certificates import Authority

BODY = b"{}"
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
PULL = wire.Pull("token-1", "web/app", DIGEST)


class Answering(http.server.BaseHTTPRequestHandler):
    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def ours(tmp_path: pathlib.Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def server(ours: Authority) -> Iterator[http.server.HTTPServer]:
    handler = type("Handler", (Answering,), {"seen": []})
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.issue("registry"))
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def upstream(
    server: http.server.HTTPServer, ca_file: pathlib.Path
) -> Upstream:
    return Upstream(
        f"https://127.0.0.1:{server.server_port}/", str(ca_file), 5
    )


def test_its_authority_is_the_one_configured(
    server: http.server.HTTPServer,
    ours: Authority,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever else the environment and the machine know of it."""
    other = Authority(tmp_path / "other").file
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    found = upstream(server, ours.file).manifest("It", PULL, DIGEST)
    assert found == (BODY, "")
    ((path, authorization),) = server.RequestHandlerClass.seen
    assert path == f"/v2/web/app/manifests/{DIGEST}"
    assert authorization == "Bearer token-1"
    # nor is one trusted that the environment alone knows
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ours.file))
    with pytest.raises(ImageError, match="not to be trusted") as error:
        upstream(server, other).manifest("It", PULL, DIGEST)
    assert not error.value.permanent

"""Our filter in a real Glance: ``glance/caas_glance``."""

import concurrent.futures
import contextlib
import http.server
import json
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from caas_glance import properties
from keystoneauth1 import noauth
from keystoneauth1.session import Session

from caas.clients.records import Records
from tests.fixtures import DatabaseServer
from tests.glance_server import REPO, Client, GlanceServer

METADEFS = REPO / "etc" / "caas" / "metadefs"
PATCH = "application/openstack-images-v2.1-json-patch"
OLD_PATCH = "application/openstack-images-v2.0-json-patch"
ALICE, BOB, VIEWER = "alice:p1:member", "bob:p2:member", "eve:p1:reader"


class Listener:
    """Where caas would be.

    :ivar got: (path, token) of each request.
    :ivar seen: of which images it took a message from there.
    """

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[str, str]] = queue.Queue()
        self.seen: set[str] = set()
        self._answers = threading.Event()
        self._answers.set()
        got, answers = self.got, self._answers

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answers.wait(30)
                got.put((self.path, self.headers["X-Auth-Token"]))
                self.send_response(202)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """It takes requests, and answers them later."""
        while not self.got.empty():
            self.got.get()
        self._answers.clear()
        yield
        self._answers.set()

    def told(self, image_id: str) -> str:
        """Wait to be told of an image; give the token that came with it."""
        while True:
            path, token = self.got.get(timeout=30)
            _, v1, images, told, look = path.split("/")
            assert (v1, images, look) == ("v1", "images", "look")
            self.seen.add(told)
            if told == image_id:
                return token


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def guarded(
    glance_servers: Callable[..., GlanceServer],
    database_server: Callable[[str], DatabaseServer],
    listener: Listener,
) -> GlanceServer:
    # Of two writers at once Glance answers one with 500 on SQLite.
    return glance_servers(
        database=database_server("mariadb").new_database(),
        guard={"caas_url": listener.url},
    )


@pytest.fixture
def alice(guarded: GlanceServer) -> Client:
    return guarded.client(ALICE)


@pytest.fixture
def caas(guarded: GlanceServer) -> Client:
    """The service user."""
    return guarded.client()


def record(client: Client, **properties: Any) -> str:
    """Make a docker record; return its id."""
    body = {"container_format": "docker", "disk_format": "raw", **properties}
    answer = client.post("/v2/images", json=body)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


def patch(
    client: Client, image_id: str, *changes: Any, kind: str = PATCH
) -> Any:
    return client.patch(
        f"/v2/images/{image_id}",
        data=json.dumps(changes),
        headers={"Content-Type": kind},
    )


def add(name: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": f"/{name}", "value": value}


def refused(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    for word in words:
        assert word in answer.text


# -- names --------------------------------------------------------------------


def test_an_image_is_found_by_a_name_with_a_tag(
    alice: Client, guarded: GlanceServer
) -> None:
    """Which stock Glance refuses; ``openstack image show NAME`` asks so."""
    prefix = uuid.uuid4().hex
    made = {
        name: record(alice, name=name)
        for name in (f"{prefix}/web:1", f"{prefix}/web:2", f"{prefix}:1:2")
    }

    def found(name: str, client: Client = alice, **more: Any) -> list[str]:
        answer = client.get("/v2/images", params={"name": name, **more})
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["images"]]

    for name, image_id in made.items():
        assert found(name) == found(f"eq:{name}") == [image_id]
        assert found(name, container_format="docker", limit=1) == [image_id]
        assert found(name, container_format="bare") == []
        assert found(name, guarded.client(BOB)) == []
    quoted = ",".join(f'"{name}"' for name in made)
    assert sorted(found(f"in:{quoted}")) == sorted(made.values())
    assert found(prefix) == found("web:1%") == found(f"{prefix}/web:") == []
    plus = f"{prefix} a+b&name=c:1/\u00e9"
    assert found(plus) == []
    twin = record(alice, name=plus)
    assert found(plus) == [twin]
    for name in ("neq:web", "gt:1"):
        answer = alice.get("/v2/images", params={"name": name})
        refused(answer, 400, "operator")


# -- parents ------------------------------------------------------------------


def test_a_chain_is_made_and_taken_down_from_its_top(alice: Client) -> None:
    base = record(alice, name="base")
    layer = record(alice, parent_id=base)
    top = record(alice)
    assert patch(alice, top, add("parent_id", layer)).status_code == 200
    for below in (base, layer):
        refused(alice.delete(f"/v2/images/{below}"), 409, "parent of other")
    shown = alice.get(f"/v2/images/{base}").json()
    assert "caas_deleting" not in shown
    for each in (top, layer, base):
        assert alice.delete(f"/v2/images/{each}").status_code == 204


@pytest.mark.parametrize(
    ("parent", "word"),
    [
        # not random, as their names tell workers which tests there are
        ("5d0c1b6e-7f3a-4e7c-9b52-08d1f6a3c9e4", "no image"),
        ("5D0C1B6E-7F3A-4E7C-9B52-08D1F6A3C9E4", "lower case"),
        ("base", "UUID"),
        ("", "UUID"),
        (7, "UUID"),
    ],
)
def test_a_parent_is_there(alice: Client, parent: Any, word: str) -> None:
    body = {"container_format": "docker", "parent_id": parent}
    refused(alice.post("/v2/images", json=body), 400, word)
    top = record(alice)
    refused(patch(alice, top, add("parent_id", parent)), 400, word)
    assert "parent_id" not in alice.get(f"/v2/images/{top}").json()


def test_a_parent_is_a_docker_record(alice: Client) -> None:
    disk = record(alice, container_format="bare")
    body = {"container_format": "docker", "parent_id": disk}
    refused(alice.post("/v2/images", json=body), 400, "not docker")


def test_a_parent_can_be_read_by_who_names_it(
    alice: Client, guarded: GlanceServer, caas: Client
) -> None:
    bob = guarded.client(BOB)
    base = record(alice)
    body = {"container_format": "docker", "parent_id": base}
    hidden = bob.post("/v2/images", json=body)
    body["parent_id"] = str(uuid.uuid4())
    absent = bob.post("/v2/images", json=body)
    assert hidden.text.replace(base, "") == absent.text.replace(
        body["parent_id"], ""
    )
    refused(hidden, 400, "no image")
    assert patch(
        caas, base, {"op": "replace", "path": "/visibility", "value": "public"}
    ).ok
    top = record(bob, parent_id=base)
    # Its owner is told that it has children, and not whose.
    answer = alice.delete(f"/v2/images/{base}")
    refused(answer, 409, "parent of other")
    assert top not in answer.text
    assert bob.delete(f"/v2/images/{top}").ok
    assert alice.delete(f"/v2/images/{base}").ok


def test_others_are_not_told_of_children(
    alice: Client, guarded: GlanceServer, caas: Client
) -> None:
    bob = guarded.client(BOB)
    private, public = record(alice), record(caas, visibility="public")
    bare = record(caas, visibility="public")
    tops = [record(alice, parent_id=each) for each in (private, public)]
    unknown = str(uuid.uuid4())
    answers = [bob.delete(f"/v2/images/{each}") for each in (private, unknown)]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].text.replace(private, unknown) == answers[1].text
    answers = [bob.delete(f"/v2/images/{each}") for each in (public, bare)]
    assert [each.status_code for each in answers] == [403, 403]
    assert answers[0].text.replace(public, bare) == answers[1].text
    for each in tops:
        assert alice.delete(f"/v2/images/{each}").ok


@pytest.mark.parametrize(
    "change",
    [
        {"op": "remove", "path": "/parent_id"},
        {"op": "replace", "path": "/parent_id", "value": "OTHER"},
        {"op": "add", "path": "/ Parent_ID ", "value": "OTHER"},
        {"op": "replace", "path": "/container_format", "value": "bare"},
    ],
)
def test_a_parent_stays(alice: Client, change: dict[str, Any]) -> None:
    base, other = record(alice), record(alice)
    top = record(alice, parent_id=base)
    if "value" in change:
        change = {**change, "value": change["value"].replace("OTHER", other)}
    refused(patch(alice, top, change), 403)
    assert alice.get(f"/v2/images/{top}").json()["parent_id"] == base
    # what it is already may be said again
    assert patch(alice, top, add("parent_id", base)).ok


def test_both_dialects_of_patch_are_read(alice: Client) -> None:
    base, other = record(alice), record(alice)
    top = record(alice)
    old = {"add": "/parent_id", "value": base}
    assert patch(alice, top, old, kind=OLD_PATCH).ok
    old["value"] = other
    refused(patch(alice, top, old, kind=OLD_PATCH), 403, "never changes")
    gone = {"remove": "/parent_id"}
    refused(patch(alice, top, gone, kind=OLD_PATCH), 403, "never changes")


def test_a_record_becomes_docker_with_a_parent_that_is_right(
    alice: Client,
) -> None:
    loose = record(alice, container_format="bare", parent_id="what I like")
    change = {"op": "replace", "path": "/container_format", "value": "docker"}
    refused(patch(alice, loose, change), 400, "UUID")
    base = record(alice)
    assert patch(alice, loose, change, add("parent_id", base)).ok
    refused(alice.delete(f"/v2/images/{base}"), 409)
    change["value"] = "bare"
    refused(patch(alice, base, change), 403, "stays")


def test_records_stand_on_each_other_and_not_in_a_ring(alice: Client) -> None:
    low = record(alice)
    high = record(alice, parent_id=record(alice, parent_id=low))
    refused(patch(alice, low, add("parent_id", high)), 400, "stands itself")
    refused(patch(alice, low, add("parent_id", low)), 400, "stands itself")


def test_no_child_is_left_without_its_parent_by_a_race(
    alice: Client, guarded: GlanceServer
) -> None:
    def child(parent: str) -> Any:
        return guarded.client(ALICE).post(
            "/v2/images",
            json={"container_format": "docker", "parent_id": parent},
        )

    def gone(parent: str) -> Any:
        return guarded.client(ALICE).delete(f"/v2/images/{parent}")

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for turn in range(10):
            base = record(alice)
            jobs = [child, gone, child, gone][turn % 2 :]
            answers = list(pool.map(lambda job, base=base: job(base), jobs))
            made = [a.json()["id"] for a in answers if a.status_code == 201]
            assert {a.status_code for a in answers} <= {
                201, 204, 400, 404, 409,
            }  # fmt: skip
            there = alice.get(f"/v2/images/{base}").ok
            for each in made:
                assert alice.get(f"/v2/images/{each}").ok
                assert there
                assert alice.delete(f"/v2/images/{each}").ok


def test_two_records_do_not_become_parents_of_each_other(
    alice: Client, guarded: GlanceServer
) -> None:
    def put(pair: tuple[str, str]) -> Any:
        return patch(guarded.client(ALICE), pair[0], add("parent_id", pair[1]))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(8):
            a, b = record(alice), record(alice)
            answers = list(pool.map(put, [(a, b), (b, a)]))
            assert sum(each.ok for each in answers) < 2
            for image_id in (a, b) if answers[0].ok else (b, a):
                assert alice.delete(f"/v2/images/{image_id}").ok


# -- what caas alone writes ---------------------------------------------------


@pytest.mark.parametrize("name", ["caas_digest", "CAAS_kind", " caas_x"])
def test_users_do_not_write_what_caas_says_of_images(
    alice: Client, caas: Client, name: str
) -> None:
    body = {"container_format": "docker", name: "sha256:1"}
    refused(alice.post("/v2/images", json=body), 403, "by caas only")
    mine = record(caas, owner="p1", caas_digest="sha256:2", caas_kind="image")
    refused(patch(alice, mine, add(name, "sha256:1")), 403, "by caas only")
    gone = {"op": "remove", "path": "/caas_digest"}
    refused(patch(alice, mine, gone), 403, "by caas only")
    gone = {"remove": "/caas~0digest".replace("~0", "_")}
    refused(patch(alice, mine, gone, kind=OLD_PATCH), 403, "by caas only")
    assert patch(
        alice, mine, {"op": "replace", "path": "/name", "value": "ns/app:2"}
    ).ok


@pytest.mark.parametrize("kind", ["layer", "blob"])
def test_parts_of_images_are_removed_by_caas(
    alice: Client, caas: Client, kind: str
) -> None:
    part = record(caas, owner="p1", os_hidden=True, caas_kind=kind)
    refused(alice.delete(f"/v2/images/{part}"), 403, kind, "caas removes")
    assert caas.delete(f"/v2/images/{part}").ok


def test_caas_may_take_a_record_out_of_the_tree(caas: Client) -> None:
    """As its bytes stand elsewhere too, and here nobody needs them."""
    base, other = record(caas, owner="p1"), record(caas, owner="p1")
    data = record(caas, owner="p1", parent_id=base)
    refused(patch(caas, data, add("parent_id", other)), 403, "never changes")
    gone = {"op": "remove", "path": "/parent_id"}
    assert patch(caas, data, gone).ok
    assert caas.delete(f"/v2/images/{base}").ok
    assert patch(caas, data, add("parent_id", other)).ok


def test_bytes_another_record_uses_stay(caas: Client) -> None:
    data = record(caas, owner="p1", caas_kind="layer")
    other = record(caas, owner="p1", caas_kind="layer", caas_data_id=data)
    refused(caas.delete(f"/v2/images/{data}"), 409)
    assert caas.delete(f"/v2/images/{other}").ok
    assert caas.delete(f"/v2/images/{data}").ok


# -- telling caas -------------------------------------------------------------


def test_caas_is_told_with_the_users_token(
    alice: Client, listener: Listener
) -> None:
    image = record(alice, name="archive")
    answer = alice.put(
        f"/v2/images/{image}/file",
        data=b"bytes",
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 204
    assert listener.told(image) == ALICE
    name = {"op": "replace", "path": "/name", "value": "other"}
    assert patch(alice, image, name).ok
    assert listener.told(image) == ALICE
    assert alice.delete(f"/v2/images/{image}").ok
    assert listener.told(image) == ALICE


def test_caas_is_told_of_nothing_else(
    alice: Client, caas: Client, guarded: GlanceServer, listener: Listener
) -> None:
    octets = {"Content-Type": "application/octet-stream"}
    disk = record(alice, container_format="bare")
    own = record(caas, owner="p1")
    for client, image in ((alice, disk), (caas, own)):
        file = f"/v2/images/{image}/file"
        assert client.put(file, data=b"bytes", headers=octets).ok
        assert client.delete(f"/v2/images/{image}").ok
    viewer = guarded.client(VIEWER)
    kept = record(alice)
    refused(viewer.delete(f"/v2/images/{kept}"), 403)
    # The messages come in order, so there was none before this one.
    last = record(alice)
    assert alice.delete(f"/v2/images/{last}").ok
    listener.told(last)
    assert not listener.seen & {disk, own, kept}


def test_nobody_waits_for_a_caas_that_does_not_answer(
    alice: Client, listener: Listener
) -> None:
    with listener.silent():
        images = [record(alice) for _ in range(3)]
        for image in images:
            assert alice.delete(f"/v2/images/{image}").ok
    for image in images:
        assert listener.told(image) == ALICE


# -- what is bad or not ours --------------------------------------------------


def test_bytes_stream_through(alice: Client) -> None:
    image = record(alice)
    sizes = [1 << 20] * 8
    answer = alice.put(
        f"/v2/images/{image}/file",
        data=(b"x" * size for size in sizes),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 204
    answer = alice.get(
        f"/v2/images/{image}/file", headers={"Range": "bytes=5-9"}
    )
    assert answer.content == b"xxxxx"
    assert alice.get(f"/v2/images/{image}").json()["size"] == sum(sizes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'[{"op": "add"}]',
        b'[["add", "/parent_id", "x"]]',
        b'[{"op": "add", "path": 7, "value": 1}]',
        b'[{"op": "add", "path": "", "value": 1}]',
        b'[{"op": "add", "path": "/", "value": 1}]',
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_a_bad_body_is_refused(alice: Client, body: bytes) -> None:
    image = record(alice)
    refused(alice.post("/v2/images", data=body), 400)
    answer = alice.patch(
        f"/v2/images/{image}", data=body, headers={"Content-Type": PATCH}
    )
    # To change nothing, or the property '', is well for Glance.
    assert answer.status_code in (200, 400)


def test_a_body_is_bounded(alice: Client) -> None:
    body = json.dumps({"name": "x" * 2_000_000}).encode()
    refused(alice.post("/v2/images", data=body), 413, "larger than")
    # chunked: its length is not said
    halves = iter([body[: len(body) // 2], body[len(body) // 2 :]])
    refused(alice.post("/v2/images", data=halves), 413, "larger than")
    answer = alice.post("/v2/images", data=iter([b'{"na', b'me": "x"}']))
    assert answer.status_code == 201
    assert answer.json()["name"] == "x"


def test_glance_acts_on_what_was_checked(alice: Client) -> None:
    body = b'{"container_format": "docker", "parent_id": "x", "parent_id": %s}'
    base = record(alice)
    answer = alice.post("/v2/images", data=body % json.dumps(base).encode())
    assert answer.json()["parent_id"] == base
    body = json.dumps({"container_format": "docker", "caas_x": "1"})
    refused(alice.post("/v2/images", data=body.encode("utf-16")), 403)


def test_another_method_is_not_put_into_a_query_or_a_form(
    alice: Client,
) -> None:
    base = record(alice)
    record(alice, parent_id=base)
    path = f"/v2/images/{base}"
    refused(alice.get(f"{path}?_method=DELETE"), 400, "_method")
    refused(alice.post(f"{path}?_method=delete"), 400, "_method")
    refused(alice.post(path, data={"_method": "DELETE"}), 400, "forms")
    assert alice.get(path).ok


@pytest.mark.parametrize("path", ["/v2/images/", "//v2/images/", "/images/"])
def test_other_spellings_of_a_path_are_no_way_round(
    alice: Client, path: str
) -> None:
    base = record(alice)
    record(alice, parent_id=base)
    for end in ("", "/"):
        answer = alice.delete(f"{path}{base}{end}")
        assert answer.status_code in (300, 404, 409), answer.text
    assert alice.get(f"/v2/images/{base}").ok


def test_all_else_is_as_without_it(
    alice: Client, glance_server: GlanceServer
) -> None:
    stock = glance_server.client(ALICE)
    for method, path in (
        ("HEAD", "/v2/images"),
        ("GET", "/"),
        ("GET", "/v2/schemas/image"),
        ("DELETE", "/v2/images"),
        ("POST", "/v2/images/x"),
        ("PATCH", "/v2/images/x"),
        ("DELETE", "/v2/images/%2e%2e"),
        ("PUT", "/v2/images/x/file"),
        ("POST", "/v2/images/x/import"),
        ("GET", "/healthcheck"),
    ):
        answers = [each.request(method, path) for each in (alice, stock)]
        assert answers[0].status_code == answers[1].status_code, path
    for form in ("text/html", "application/json"):
        headers = {"Accept": form}
        body = {"container_format": "docker", "parent_id": "x"}
        answer = alice.post("/v2/images", json=body, headers=headers)
        like = stock.post("/v2/images", json={"x": 1}, headers=headers)
        assert answer.status_code == like.status_code == 400
        assert answer.headers["Content-Type"] == like.headers["Content-Type"]
        assert "x-openstack-request-id" in answer.headers


def test_caas_knows_whether_it_is_guarded(
    guarded: GlanceServer, glance_server: GlanceServer
) -> None:
    for server, there in ((guarded, True), (glance_server, False)):
        seen = Records(Session(noauth.NoAuth()), endpoint=server.url)
        assert seen.guarded() is there


def test_a_stock_glance_guards_less(glance_server: GlanceServer) -> None:
    alice = glance_server.client(ALICE)
    base = record(alice)
    top = record(alice, parent_id=base, caas_digest="sha256:1")
    assert alice.delete(f"/v2/images/{base}").ok
    assert alice.get(f"/v2/images/{top}").ok


# -- metadata definitions -----------------------------------------------------


def test_properties_are_defined_in_glance(alice: Client, caas: Client) -> None:
    file = json.loads((METADEFS / "caas-image.json").read_text())
    answer = caas.post("/v2/metadefs/namespaces", json=file)
    assert answer.status_code == 201, answer.text
    found = alice.get("/v2/metadefs/namespaces/OS::Caas::Image").json()
    assert found["visibility"] == "public"
    assert [each["name"] for each in found["resource_type_associations"]] == [
        "OS::Glance::Image"
    ]
    assert set(found["properties"]) == set(file["properties"])
    assert {
        properties.PARENT,
        properties.KIND,
        properties.DATA,
        properties.DELETING,
    } <= set(found["properties"])

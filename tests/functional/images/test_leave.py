"""What a host may do with leave to push one image, over HTTP."""

import dataclasses
from typing import Any

import pytest
import webob
from cryptography.fernet import Fernet
from oslo_config import cfg

from caas import pull
from caas.api.registry.app import Registry as Application
from caas.api.registry.auth import Auth
from caas.api.registry.bearers import Bearers
from caas.api.registry.call import Settings
from caas.core import namespaces
from caas.model.images import Name
from caas.model.query import Query
from caas.policy import Policy
from caas.store import events
from tests.functional.images import registry
from tests.functional.images.registry import digest, image, layer

BASE = image(layer(base="1"))
NEW = image(layer(base="1"), layer(new="2"))
KEYS = [Fernet.generate_key().decode()]


@dataclasses.dataclass
class Host:
    """Has leave for p1/app:2, made from p1/base."""

    there: registry.Registry
    application: Application
    token: str

    def __call__(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> webob.Response:
        request = webob.Request.blank(
            path,
            method=method,
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )
        request.body = body
        return request.get_response(self.application)

    def upload(self, data: bytes, name: str = "p1/app") -> webob.Response:
        begun = self("POST", f"/v2/{name}/blobs/uploads/")
        if begun.status_int != 202:
            return begun
        location = begun.headers["Location"]
        assert self("PATCH", location, data).status_int == 202
        return self("PUT", f"{location}?digest={digest(data)}")

    def put(self, name: str = "p1/app:2", query: str = "") -> webob.Response:
        repository, _, tag = name.partition(":")
        return self(
            "PUT",
            f"/v2/{repository}/manifests/{tag}{query}",
            NEW.manifest,
            **{"Content-Type": "application/vnd.oci.image.manifest.v1+json"},
        )


@pytest.fixture
def host(fake: registry.Registry) -> Host:
    fake.push(BASE, name=Name("p1", "base"))
    conf = cfg.ConfigOpts()
    conf([], project="caas", default_config_files=[])
    tokens = pull.Tokens(KEYS, 60)
    auth = Auth(Bearers(KEYS, 60), tokens, Policy(conf))
    endpoint: Any = None
    token = tokens.issue_push(
        "p1/app",
        "2",
        base=pull.Base("p1/base", BASE.digest),
        user_id="u1",
        project_id="p1",
    )
    return Host(
        fake, Application(fake.deps, Settings(), auth, endpoint), token
    )


def test_an_image_is_pushed(host: Host) -> None:
    assert host("GET", "/v2/").status_int == 200
    config, common, new = NEW.blobs
    # what it is made from is mounted, from nowhere else
    where = f"/v2/p1/app/blobs/uploads/?mount={digest(common)}&from="
    assert host("POST", f"{where}p1/other").status_int == 202
    assert host("POST", f"{where}p1/base").status_int == 201
    assert host.upload(new).status_int == 201
    assert host.upload(config).status_int == 201
    assert host("HEAD", f"/v2/p1/app/blobs/{digest(new)}").status_int == 200
    made = host.put()
    assert made.status_int == 201, made.text
    assert made.headers["Docker-Content-Digest"] == NEW.digest
    assert host.there.pull("2") == NEW
    with host.there.store.reader() as conn:
        query = Query(sort_key="at", filters={"action": "image.push"})
        (last, _) = events.list_(conn, query)
    assert (last.user_id, last.project_id) == ("u1", "p1")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/p1/other/blobs/uploads/"),
        ("PUT", "/v2/p1/other/manifests/2"),
        ("GET", f"/v2/p1/app/blobs/{BASE.digest}"),
        ("GET", "/v2/p1/app/manifests/1"),
        ("HEAD", "/v2/p1/app/manifests/2"),
        ("GET", "/v2/p1/base/manifests/1"),
        ("GET", "/v2/p1/app/tags/list"),
        ("DELETE", "/v2/p1/app/manifests/2"),
        ("DELETE", f"/v2/p1/app/blobs/{BASE.digest}"),
        ("GET", "/v2/_catalog"),
        ("GET", f"/v2/p1/app/referrers/{BASE.digest}"),
    ],
)
def test_and_nothing_else_is_done(host: Host, method: str, path: str) -> None:
    answer = host(method, path)
    assert answer.status_int == 403
    if method != "HEAD":
        assert "not for this" in answer.text


@pytest.mark.parametrize(
    ("name", "query"), [("p1/app:1", ""), ("p1/app:2", "?tag=latest")]
)
def test_nor_another_tag(host: Host, name: str, query: str) -> None:
    answer = host.put(name, query)
    assert answer.status_int == 403
    assert "for the tag '2' only" in answer.text


def test_the_rights_of_who_asked_count_when_it_is_pushed(host: Host) -> None:
    """They may have been lost since."""
    there = host.there
    owner = registry.ctx("p2", "u2")
    namespaces.create(there.deps, owner, "theirs")
    tokens = pull.Tokens(KEYS, 60)
    host.token = tokens.issue_push(
        "theirs/app", "2", base=None, user_id="u1", project_id="p1"
    )
    answer = host("POST", "/v2/theirs/app/blobs/uploads/")
    assert answer.status_int == 404
    there.share("theirs", "p1", namespaces.Role.PUSH)
    for data in NEW.blobs:
        assert host.upload(data, "theirs/app").status_int == 201
    assert host.put("theirs/app:2").status_int == 201
    # it is the owner of the namespace who has it
    assert there.pull("2", Name("theirs", "app"), owner) == NEW


def test_leave_runs_out(host: Host) -> None:
    host.token = host.token[:-2] + "xx"
    answer = host("POST", "/v2/p1/app/blobs/uploads/")
    assert answer.status_int == 401

"""Who may pull and push, by a real Keystone's word; and what others learn."""

import time
import uuid
from typing import Any

import requests
from cryptography.fernet import Fernet

from caas import pull
from caas.api.registry.bearers import Bearer, Bearers
from caas.clients.logins import Scoped
from tests import archives
from tests.registry import Client, code, descriptor, sha256
from tests.system.registry.conftest import Registry, connect

ABSENT = f"sha256:{'0' * 64}"


def secret(registry: Registry, name: str) -> str:
    """Of the stack."""
    lines = (registry.stack.path / "secrets").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)[name]


def test_nobody(registry: Registry, repository: str, demo: Client) -> None:
    """Is told where to log in, of what is there as of what is not."""
    demo.push(repository, "1", archives.ONE)
    for name in (repository, "demo/none", "none/none"):
        for method, path, actions in (
            ("GET", "manifests/1", "pull"),
            ("HEAD", f"blobs/{sha256(archives.ONE)}", "pull"),
            ("PUT", "manifests/1", "pull,push"),
            ("POST", "blobs/uploads/", "pull,push"),
            ("DELETE", "manifests/1", "delete"),
        ):
            answer = requests.request(
                method,
                f"{registry.url}/v2/{name}/{path}",
                verify=registry.ca,
                timeout=60,
            )
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == (
                f'Bearer realm="{registry.url}/v2/token",'
                f'service="{registry.address}",'
                f'scope="repository:{name}:{actions}"'
            )
    nobody = registry.client(None)
    answer = nobody("GET", "/v2/")
    assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")


def outcome(answer: requests.Response) -> tuple[int, str, str]:
    """All there is in an answer, but what was asked for."""
    if answer.status_code < 400 or not answer.content:
        return answer.status_code, "", ""
    [error] = answer.json()["errors"]
    message = error["message"]
    for word in ("demo/none", "none/none"):
        message = message.replace(word, "NAME")
    return answer.status_code, error["code"], message


def test_a_stranger(demo: Client, stranger: Client, repository: str) -> None:
    """Learns nothing: it is as if there were no such namespace."""
    body = demo.push(repository, "1", archives.ONE)
    location = demo("POST", f"/v2/{repository}/blobs/uploads/").headers[
        "Location"
    ]
    upload = location.rpartition("/")[2]
    for method, path in (
        ("GET", "manifests/1"),
        ("HEAD", "manifests/1"),
        ("GET", f"manifests/{sha256(body)}"),
        ("PUT", "manifests/1"),
        ("DELETE", "manifests/1"),
        ("GET", f"blobs/{sha256(archives.ONE)}"),
        ("HEAD", f"blobs/{sha256(archives.ONE)}"),
        ("DELETE", f"blobs/{sha256(archives.ONE)}"),
        ("POST", "blobs/uploads/"),
        ("POST", f"blobs/uploads/?mount={sha256(archives.ONE)}"),
        ("GET", f"blobs/uploads/{upload}"),
        ("PATCH", f"blobs/uploads/{upload}"),
        ("PUT", f"blobs/uploads/{upload}?digest={ABSENT}"),
        ("DELETE", f"blobs/uploads/{upload}"),
        ("GET", "tags/list"),
    ):
        how: dict[str, Any] = {}
        if method == "PUT" and "manifests" in path:
            how["data"] = body
        seen = outcome(stranger(method, f"/v2/{repository}/{path}", **how))
        absent = outcome(stranger(method, f"/v2/none/none/{path}", **how))
        assert seen[0] == 404, (method, path, seen)
        assert seen[1] == absent[1]
        assert (
            seen[2].replace(repository, "NAME").replace("'demo'", "'none'")
            == absent[2]
        )
    for name in (repository, "none/none"):
        answer = stranger("GET", f"/v2/{name}/referrers/{sha256(body)}")
        assert (answer.status_code, answer.json()["manifests"]) == (200, [])
    catalog = stranger("GET", "/v2/_catalog").json()["repositories"]
    assert repository not in catalog
    assert demo("DELETE", location).status_code == 204


def test_bytes_of_others_cannot_be_had_by_their_digest(
    demo: Client, stranger: Client, repository: str
) -> None:
    """Neither by mounting them nor by naming them in a manifest."""
    layer = archives.packed({"secret": uuid.uuid4().bytes})
    demo.push(repository, "1", layer)
    mine = f"{stranger.project}/mine"  # type: ignore[attr-defined]
    stranger.push(mine, "1", archives.ONE)
    answer = stranger(
        "POST",
        f"/v2/{mine}/blobs/uploads/",
        params={"mount": sha256(layer), "from": repository},
    )
    assert answer.status_code == 202
    assert stranger("DELETE", answer.headers["Location"]).status_code == 204
    body = stranger.manifest(mine, "1").json()
    body["layers"].append(
        descriptor("application/vnd.oci.image.layer.v1.tar", layer)
    )
    answer = stranger.put(mine, "2", body)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert stranger.delete(mine, "1") == 202


def test_a_reader(registry: Registry, demo: Client, repository: str) -> None:
    """Pulls, and does not push."""
    demo.push(repository, "1", archives.ONE)
    viewer = registry.client("viewer")
    assert viewer.manifest(repository, "1").status_code == 200
    for answer in (
        viewer("POST", f"/v2/{repository}/blobs/uploads/"),
        viewer.put(repository, "2", b"{}"),
        viewer("DELETE", f"/v2/{repository}/manifests/1"),
    ):
        assert (answer.status_code, code(answer)) == (403, "DENIED")
        assert "roles in the project 'demo'" in answer.text


def test_a_token_is_for_what_was_asked(
    registry: Registry, demo: Client, repository: str
) -> None:
    """A client that wants more is told to fetch another."""
    demo.push(repository, "1", archives.ONE)
    got = requests.get(
        f"{registry.url}/v2/token",
        params={"scope": f"repository:{repository}:pull"},
        auth=("demo", registry.users["demo"]),
        verify=registry.ca,
        timeout=60,
    ).json()
    assert got["expires_in"] == 600
    assert got["token"] == got["access_token"]

    def ask(method: str, path: str) -> requests.Response:
        return requests.request(
            method,
            f"{registry.url}{path}",
            headers={"Authorization": f"Bearer {got['token']}"},
            verify=registry.ca,
            timeout=60,
        )

    assert ask("GET", f"/v2/{repository}/manifests/1").status_code == 200
    for method, path in (
        ("POST", f"/v2/{repository}/blobs/uploads/"),
        ("DELETE", f"/v2/{repository}/manifests/1"),
        ("GET", "/v2/demo/other/manifests/1"),
        ("GET", "/v2/_catalog"),
    ):
        answer = ask(method, path)
        assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="insufficient_scope"' in challenge


def test_tokens_that_are_none(registry: Registry) -> None:
    keys = [secret(registry, "PULL_KEY")]
    who = Scoped("x", time.time() + 60, "u", "u", "d", "p", "p", "d", ())
    expired = Bearers(keys, 60, lambda: time.time() - 120)
    forged = Bearers([Fernet.generate_key().decode()], 60)
    for token in (
        "x",
        expired.issue(Bearer(who, {}))[0],
        forged.issue(Bearer(who, {}))[0],
    ):
        answer = requests.get(
            f"{registry.url}/v2/",
            headers={"Authorization": f"Bearer {token}"},
            verify=registry.ca,
            timeout=60,
        )
        assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")
        challenge = answer.headers["WWW-Authenticate"]
        assert 'error="invalid_token"' in challenge


def test_nobody_can_say_who_he_is(registry: Registry) -> None:
    """Headers of keystonemiddleware come from it only."""
    for token in ({}, {"X-Auth-Token": "x"}):
        answer = requests.get(
            f"{registry.url}/v2/_catalog",
            headers={
                "X-Identity-Status": "Confirmed",
                "X-Project-Id": "p",
                "X-User-Id": "u",
                "X-Roles": "admin",
                **token,
            },
            verify=registry.ca,
            timeout=60,
        )
        assert answer.status_code == 401


def test_a_token_of_keystone(
    registry: Registry, keystone: Any, demo: Client, repository: str
) -> None:
    """As a header, or as the password of docker login."""
    demo.push(repository, "1", archives.ONE)
    made = keystone.session.post(
        f"{keystone.session.auth.auth_url}/auth/tokens",
        json={
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {
                        "user": {
                            "name": "demo",
                            "domain": {"id": "default"},
                            "password": registry.users["demo"],
                        }
                    },
                }
            }
        },
        authenticated=False,
    ).headers["X-Subject-Token"]
    answer = requests.get(
        f"{registry.url}/v2/{repository}/manifests/1",
        headers={"X-Auth-Token": made},
        verify=registry.ca,
        timeout=60,
    )
    assert answer.status_code == 200
    client = Client(registry.url, ("token", made), registry.ca)
    assert client.manifest(repository, "1").status_code == 200
    client.push(repository, "2", archives.TWO)


def test_an_application_credential(
    registry: Registry, demo: Client, repository: str
) -> None:
    user = connect(registry.stack, "caas-demo")
    made = user.identity.create_application_credential(
        user.current_user_id, name=uuid.uuid4().hex, roles=[{"name": "reader"}]
    )
    try:
        demo.push(repository, "1", archives.ONE)
        client = Client(registry.url, (made.id, made.secret), registry.ca)
        assert client.manifest(repository, "1").status_code == 200
        answer = client("POST", f"/v2/{repository}/blobs/uploads/")
        assert (answer.status_code, code(answer)) == (403, "DENIED")
    finally:
        user.identity.delete_application_credential(
            user.current_user_id, made.id
        )


def test_the_project_is_that_of_the_namespace(
    registry: Registry, keystone: Any, stranger: Client
) -> None:
    """A user of several projects need not say which one is meant."""
    name = stranger.project  # type: ignore[attr-defined]
    password = uuid.uuid4().hex
    user = keystone.identity.create_user(
        name=f"both-{name}", password=password, domain_id="default"
    )
    role = keystone.identity.find_role("member")
    for each in ("demo", name):
        project = keystone.identity.find_project(each)
        keystone.identity.assign_project_role_to_user(project, user, role)
    try:
        both = Client(registry.url, (user.name, password), registry.ca)
        assert both("GET", "/v2/").status_code == 200
        # one that is made as it is first pushed to, and one that is there
        for repository in (f"{name}/{user.name}", f"demo/{user.name}"):
            both.push(repository, "1", archives.ONE)
            assert both.delete(repository, "1") == 202
    finally:
        keystone.identity.delete_user(user)


def test_users_with_a_domain(registry: Registry) -> None:
    password = registry.users["demo"]
    for name, status in (("demo@Default", 200), ("demo@none", 401)):
        client = Client(registry.url, (name, password), registry.ca)
        assert client("GET", "/v2/").status_code == status


def test_oauth(registry: Registry, repository: str) -> None:
    """As containerd asks."""
    form = {
        "grant_type": "password",
        "username": "demo",
        "password": registry.users["demo"],
        "service": registry.address,
        "scope": f"repository:{repository}:pull,push",
    }

    def ask(**changes: str) -> requests.Response:
        return requests.post(
            f"{registry.url}/v2/token",
            data=form | changes,
            verify=registry.ca,
            timeout=60,
        )

    answer = ask()
    assert answer.status_code == 200
    assert answer.json()["scope"] == form["scope"]
    assert answer.headers["Cache-Control"] == "no-store"
    begun = requests.post(
        f"{registry.url}/v2/{repository}/blobs/uploads/",
        headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
        verify=registry.ca,
        timeout=60,
    )
    assert begun.status_code == 202
    for changes in (
        {"password": "wrong"},
        {"grant_type": "refresh_token", "refresh_token": "x"},
        {"grant_type": "none"},
    ):
        assert ask(**changes).status_code == 401
    answer = requests.post(
        f"{registry.url}/v2/token",
        data=b"\xff",
        verify=registry.ca,
        timeout=60,
    )
    assert answer.status_code == 400


def test_a_host_with_leave(
    registry: Registry, demo: Client, repository: str
) -> None:
    """Gets that image, and nothing else."""
    body = demo.push(repository, "1", archives.ONE)
    other = demo.push(repository, "2", archives.TWO)
    keys = [secret(registry, "PULL_KEY")]
    leave = pull.Tokens(keys, 600).issue(repository, sha256(body))

    def ask(method: str, path: str, **how: Any) -> requests.Response:
        return requests.request(
            method,
            f"{registry.url}{path}",
            headers={"Authorization": f"Bearer {leave}"},
            verify=registry.ca,
            timeout=60,
            **how,
        )

    at = f"/v2/{repository}"
    assert ask("GET", f"{at}/manifests/{sha256(body)}").content == body
    blob = ask("GET", f"{at}/blobs/{sha256(archives.ONE)}")
    assert blob.content == archives.ONE
    assert ask("HEAD", f"{at}/blobs/{sha256(archives.ONE)}").status_code == 200
    config = demo.manifest(repository, "1").json()["config"]["digest"]
    assert ask("GET", f"{at}/blobs/{config}").status_code == 200
    for path in (
        f"{at}/manifests/{sha256(other)}",
        f"{at}/manifests/1",
        f"{at}/blobs/{sha256(archives.TWO)}",
    ):
        assert ask("GET", path).status_code == 404
    for method, path in (
        ("GET", f"/v2/demo/other/manifests/{sha256(body)}"),
        ("GET", f"{at}/tags/list"),
        ("GET", "/v2/_catalog"),
        ("POST", f"{at}/blobs/uploads/"),
        ("PUT", f"{at}/manifests/1"),
        ("DELETE", f"{at}/manifests/1"),
    ):
        answer = ask(method, path)
        assert (answer.status_code, code(answer)) == (403, "DENIED")


def test_a_host_with_leave_to_push(
    registry: Registry, keystone: Any, demo: Client, repository: str
) -> None:
    """That tag, with what it is made of."""
    demo.push(repository, "base", archives.ONE)
    leave = pull.Tokens([secret(registry, "PULL_KEY")], 600).issue_push(
        repository,
        "made",
        base=None,
        user_id=keystone.identity.find_user("demo").id,
        project_id=keystone.identity.find_project("demo").id,
    )
    host = Client(registry.url, None, registry.ca)
    host.http.headers["Authorization"] = f"Bearer {leave}"
    body = host.push(repository, "made", archives.ONE, archives.TWO)
    assert demo.manifest(repository, "made").content == body
    for answer in (
        host.put(repository, "other", body),
        host("DELETE", f"/v2/{repository}/manifests/made"),
        host("POST", "/v2/demo/other/blobs/uploads/"),
        host("GET", f"/v2/{repository}/tags/list"),
        host("GET", "/v2/_catalog"),
    ):
        assert (answer.status_code, code(answer)) == (403, "DENIED")

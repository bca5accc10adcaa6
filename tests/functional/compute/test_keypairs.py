"""Names of key pairs, which stand in paths."""

import pytest

from tests.functional.compute.driver import Compute


@pytest.mark.parametrize(
    ("version", "name", "status"),
    [
        ("2.1", "My key_1-a", 200),
        ("2.1", "a/b", 400),
        ("2.1", "a@b", 400),
        ("2.91", "ä", 400),
        ("2.92", "a.b@c", 201),
        ("2.92", "a/b", 400),
        ("2.92", "a\n", 400),
        ("2.92", "...", 201),
        ("2.92", ".", 400),
        ("2.92", "..", 400),
    ],
)
def test_names(compute: Compute, version: str, name: str, status: int) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKd8T9oB7yGzvwQzB8gAG1tBOeDbn"
    key += "BS1Qn4sPq7zVb3x test"
    body = {"keypair": {"name": name, "public_key": key}}
    answer = compute.ask("POST", "/os-keypairs", body, version=version)
    assert answer.status_int == status, answer.text
    if status != 400:
        path = f"/os-keypairs/{name.replace(' ', '%20')}"
        found = compute.ok("GET", path, version=version)["keypair"]
        assert found["name"] == name


@pytest.mark.parametrize("name", [".", ".."])
def test_names_that_mean_something_in_paths(
    compute: Compute, name: str
) -> None:
    said = compute.service.request(
        "POST", "/v1/keypairs", {"keypair": {"name": name}}
    )
    assert said.status_int == 400
    assert "cannot be named" in said.json["error"]["message"]

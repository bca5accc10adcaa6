"""The longest that is allowed fits into every database."""

import base64

import pytest

from tests import fixtures
from tests.functional.service import Service

#: Four bytes in UTF-8, two units in UTF-16.
WIDE = "\U0001f600"

#: As much as can be handed into a set.
HANDED = {
    "user_data": "A" * 65532,
    "files": [
        {
            "path": f"/{n}".ljust(255, "p"),
            "contents": base64.b64encode(b"\xff" * 65536).decode(),
        }
        for n in range(5)
    ],
}


@pytest.mark.parametrize("database", fixtures.DATABASES)
@pytest.mark.parametrize("letter", ["x", WIDE])
def test_the_longest_of_all(
    service: Service, database: str, letter: str
) -> None:
    quota = dict.fromkeys(("sets", "containers", "vcpus", "memory_mb"), -1)
    service.request("PUT", "/v1/quotas/p1", {"quota": quota | {"disk_gb": -1}})
    flavor = service.flavor(
        letter * 255, vcpus=1024, memory_mb=2**24, disk_gb=2**20
    )
    # as long as a name in it may be
    name = letter * (255 // len(letter.encode()))
    path = "/".join([name] * 20)[:1023].rstrip("/")
    container = {
        "name": "c" * 63,
        "image": "app:1",
        "index": 999,
        "command": [letter * 1000],
        "env": {"E" * 255: letter * 20_000},
        "labels": {"l" * 255: letter * 4096},
        "user": "u" * 64 + ":" + "g" * 63,
        "mounts": [{"path": "/" + path, "sub_path": path}],
    }
    made = service.create(
        name=letter * 255,
        description=letter * 255,
        hostname="h" * 63,
        flavor=flavor["id"],
        availability_zone=letter * 255,
        metadata={f"{n:03}" + letter * 252: letter * 255 for n in range(128)},
        max_count=10,
        containers=[container],
        **HANDED,
    )
    assert made[9]["name"] == letter * 250 + "-10"
    assert made[9]["hostname"].endswith("-10")
    assert len(made[9]["hostname"]) <= 63
    path = f"/v1/sets/{made[0]['id']}"
    shown = service.request("GET", path, token="u1:p1:reader").json["set"]
    assert shown == made[0] | {"containers": shown["containers"]}
    for key, value in container.items():
        if key not in ("image", "mounts"):
            assert shown["containers"][1][key] == value
    answer = service.request("GET", f"{path}/inputs")
    assert answer.json["inputs"] == {**HANDED, "public_key": ""}
    used = service.request("GET", "/v1/quotas/p1").json["quota"]["resources"]
    assert used["memory_mb"]["used"] == 10 * 2**24
    answer = service.request("POST", "/v1/hosts/h1/disable", {})
    assert answer.status_int == 404
    service.host("h1")
    answer = service.request(
        "POST", "/v1/hosts/h1/disable", {"reason": letter * 255}
    )
    assert answer.json["host"]["disabled_reason"] == letter * 255

"""Versions are settled as Nova does, and errors have its form."""

import re

import pytest

from tests.functional.compute.driver import Compute

NEW = "OpenStack-API-Version"
OLD = "X-OpenStack-Nova-API-Version"

FOUND = [
    ({}, "2.1"),
    ({NEW: "compute 2.5"}, "2.5"),
    ({OLD: "2.5"}, "2.5"),
    ({NEW: "compute 2.6", OLD: "2.5"}, "2.6"),
    ({NEW: "compute latest"}, "2.96"),
    ({OLD: "latest"}, "2.96"),
    ({NEW: "volume 3.1"}, "2.1"),
    ({NEW: "volume 3.1", OLD: "2.7"}, "2.7"),
    ({NEW: "volume 3.1, compute 2.8"}, "2.8"),
    ({NEW: "compute 2.8, compute 2.9, volume 3.1"}, "2.9"),
]


@pytest.mark.parametrize(("headers", "version"), FOUND)
def test_found(
    compute: Compute, headers: dict[str, str], version: str
) -> None:
    answer = compute.ask("GET", "/servers", version=None, headers=headers)
    assert answer.status_int == 200
    assert answer.headers[NEW] == f"compute {version}"
    assert answer.headers[OLD] == version
    assert {*answer.headers.getall("Vary")} >= {NEW, OLD}


@pytest.mark.parametrize(
    "text", ["foo", "2.latest", "2.01", "2", "2.1.1", "02.1", "2.1x", "-2.1"]
)
@pytest.mark.parametrize("header", [NEW, OLD])
def test_malformed(compute: Compute, text: str, header: str) -> None:
    value = f"compute {text}" if header == NEW else text
    said = compute.refused(
        400, "GET", "/servers", version=None, headers={header: value}
    )
    assert said == (
        f"API Version String {text} is of invalid format. Must be of format "
        "MajorNum.MinorNum."
    )


@pytest.mark.parametrize("text", ["2.0", "2.97", "2.999", "3.0", "1.1"])
def test_out_of_range(compute: Compute, text: str) -> None:
    answer = compute.ask("GET", "/servers", version=text)
    assert answer.status_int == 406
    assert answer.json == {
        "computeFault": {
            "code": 406,
            "message": f"Version {text} is not supported by the API. Minimum "
            "is 2.1 and maximum is 2.96.",
        }
    }
    assert answer.headers[NEW] == f"compute {text}"
    assert answer.headers[OLD] == text


def test_a_call_out_of_its_own_range_is_not_there(compute: Compute) -> None:
    server = compute.create()
    tags = f"/servers/{server}/tags"
    compute.refused(404, "GET", tags, version="2.25")
    compute.ok("GET", tags, version="2.26")


def test_documents(compute: Compute) -> None:
    """Without a token, below any name of the service."""
    how = {"token": None, "version": None}
    root = "/compute"
    both = compute.ok("GET", "/", root=root, **how)["versions"]
    assert [each["id"] for each in both] == ["v2.0", "v2.1"]
    assert both[0]["version"] == both[0]["min_version"] == ""
    for path, ident in (
        *(("/v2.1", "v2.1"), ("/v2.1/", "v2.1")),
        *(("/v2", "v2.0"), ("/v2/", "v2.0")),
    ):
        shown = compute.ok("GET", path, root=root, **how)["version"]
        assert shown["id"] == ident
        link = shown["links"][0]
        assert link["rel"] == "self"
        assert link["href"].endswith(f"/compute{path.rstrip('/')}/")
        assert shown["media-types"][0]["base"] == "application/json"
    shown = compute.ok("GET", "/v2.1", root=root, **how)["version"]
    assert (shown["min_version"], shown["version"]) == ("2.1", "2.96")
    assert shown["status"] == "CURRENT"
    answer = compute.ask("GET", "/v3/servers", root=root, **how)
    assert answer.status_int == 300
    hrefs = [c["links"][0]["href"] for c in answer.json["choices"]]
    assert [h.rpartition("/compute")[2] for h in hrefs] == [
        "/v2/v3/servers",
        "/v2.1/v3/servers",
    ]


def test_addresses_are_those_the_user_asked(compute: Compute) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "c.example"}
    compute.service.reconfigure(
        oslo_middleware={"enable_proxy_headers_parsing": "true"}
    )
    shown = compute.ok("GET", "", token=None, version=None, headers=headers)[
        "version"
    ]
    assert shown["links"][0]["href"] == "https://c.example/compute/v2.1/"


def test_a_project_in_the_path(compute: Compute) -> None:
    mine, other = "a" * 32, "b" * 32
    token = f"u1:{mine}:member"
    compute.ok("GET", f"/{mine}/servers", token=token)
    said = compute.refused(400, "GET", f"/{other}/servers", token=token)
    assert other in said
    assert "Malformed request URL" in said


def test_the_api_without_versions(compute: Compute) -> None:
    """It takes no notice of the headers, nor of what it does not know."""
    answer = compute.ask(
        "GET", "/servers", version="2.999", root="/compute/v2"
    )
    assert answer.status_int == 200
    assert NEW not in answer.headers
    assert OLD not in answer.headers
    body = compute.request(nonsense=1, networks=None)
    compute.refused(400, "POST", "/servers", body, version="2.1")
    made = compute.ok("POST", "/servers", body, root="/compute/v2")["server"]
    assert "/compute/v2/servers/" in made["links"][0]["href"]
    shown = compute.ok("GET", f"/servers/{made['id']}", root="/compute/v2")
    assert "locked" not in shown["server"]
    body = compute.request(name=" old ", networks=None)
    compute.refused(400, "POST", "/servers", body, version="2.1")
    made = compute.ok("POST", "/servers", body, root="/compute/v2")["server"]
    assert compute.get(made["id"])["name"] == "old"
    body = compute.request(name="  ", networks=None)
    compute.refused(400, "POST", "/servers", body, root="/compute/v2")


REQUEST_ID = re.compile(r"req-[0-9a-f-]{36}")

ERRORS = [
    ("GET", "/servers/nothing", None, 404, "itemNotFound"),
    ("GET", "/nothing", None, 404, "itemNotFound"),
    ("PATCH", "/servers", None, 405, "badMethod"),
    ("POST", "/servers", b"{", 400, "badRequest"),
    ("POST", "/servers", None, 400, "badRequest"),
    ("POST", "/servers", [], 400, "badRequest"),
    ("POST", "/servers", b" " * (1 << 21), 413, "overLimit"),
    ("GET", "/servers?name=%ff", None, 400, "badRequest"),
    ("GET", "/servers/%ff", None, 400, "badRequest"),
    ("GET", "/servers?all_tenants=1", None, 403, "forbidden"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "key"), ERRORS)
def test_errors(
    compute: Compute,
    method: str,
    path: str,
    body: object,
    status: int,
    key: str,
) -> None:
    answer = compute.ask(method, path, body)
    assert answer.status_int == status, answer.text
    assert answer.json.keys() == {key}
    assert answer.json[key]["code"] == status
    assert answer.json[key]["message"]
    ids = {
        answer.headers["x-openstack-request-id"],
        answer.headers["x-compute-request-id"],
    }
    [ident] = ids
    assert REQUEST_ID.fullmatch(ident)
    # what is too large, or no text, comes as far as no version
    assert answer.headers.get(NEW) == (
        None if status == 413 or path.endswith("/%ff") else "compute 2.96"
    )


def test_what_no_action_is(compute: Compute) -> None:
    server = compute.create()
    path = f"/servers/{server}/action"
    said = compute.refused(400, "POST", path, {"foo": None})
    assert said == "There is no such action: foo"
    for body in ({}, [], {"os-start": None, "os-stop": None}, None):
        compute.refused(400, "POST", path, body)
    # how routes are kept is no path
    compute.refused(404, "POST", f"{path}/os-start", {"os-start": None})
    said = compute.refused(400, "POST", "/flavors/small/action", {"foo": None})
    assert said == "There is no such action: foo"
    compute.refused(404, "POST", "/limits/action", {"foo": None})

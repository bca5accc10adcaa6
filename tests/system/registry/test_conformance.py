"""What the OCI distribution specification 1.1 asks of a registry.

Its endpoints (end-1 to end-14) and its four categories, pull, push, content
discovery and content management, with what the suite of the specification
(``conformance/``) looks at; that is written in Go and is run by hand, see
*Testing* of the contributor guide.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests import archives
from tests.registry import (
    CONFIG,
    EMPTY,
    INDEX,
    LAYER,
    MANIFEST,
    Client,
    code,
    descriptor,
    sha256,
)

ABSENT = f"sha256:{'0' * 64}"
BAD_DIGESTS = [
    "sha256:baddigeststring",
    f"sha256:{'A' * 64}",
    f"sha256:{'0' * 63}",
    f"md5:{'0' * 32}",
    f"sha512:{'0' * 128}",
]


def unique(size: int = 512) -> bytes:
    return os.urandom(size)


def settings() -> bytes:
    """A configuration nobody has."""
    return json.dumps({"org.example": unique(16).hex()}).encode()


def begin(client: Client, repository: str, **how: Any) -> str:
    answer = client("POST", f"/v2/{repository}/blobs/uploads/", **how)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Docker-Upload-UUID"]
    return str(answer.headers["Location"])


def patch(
    client: Client, location: str, data: bytes, first: int | None = None
) -> requests.Response:
    headers = {"Content-Type": "application/octet-stream"}
    if first is not None:
        headers["Content-Range"] = f"{first}-{first + len(data) - 1}"
    return client("PATCH", location, data=data, headers=headers)


def stored(answer: requests.Response, client: Client, data: bytes) -> None:
    assert answer.status_code == 201, answer.text
    assert answer.headers["Docker-Content-Digest"] == sha256(data)
    found = client("GET", answer.headers["Location"])
    assert (found.status_code, found.content) == (200, data)


# --- end-1 ----------------------------------------


def test_there_is_a_registry(demo: Client) -> None:
    answer = demo("GET", "/v2/")
    assert (answer.status_code, answer.json()) == (200, {})
    version = answer.headers["Docker-Distribution-API-Version"]
    assert version == "registry/2.0"


# --- push: blobs ----------------------------------------


def post_only(client: Client, repository: str, data: bytes, digest: str):
    return client(
        "POST",
        f"/v2/{repository}/blobs/uploads/",
        params={"digest": digest},
        data=data,
    )


def post_put(client: Client, repository: str, data: bytes, digest: str):
    location = begin(client, repository)
    return client("PUT", location, params={"digest": digest}, data=data)


def streamed(client: Client, repository: str, data: bytes, digest: str):
    location = begin(client, repository)
    # a body of unknown length
    answer = client("PATCH", location, data=iter([data] if data else []))
    assert answer.status_code == 202, answer.text
    assert answer.headers["Range"] == f"0-{max(0, len(data) - 1)}"
    location = answer.headers["Location"]
    return client("PUT", location, params={"digest": digest})


def pieces(client: Client, repository: str, data: bytes, digest: str):
    location, third = begin(client, repository), len(data) // 3 + 1
    for first in range(0, len(data), third):
        answer = patch(client, location, data[first : first + third], first)
        assert answer.status_code == 202, answer.text
        last = min(first + third, len(data)) - 1
        assert answer.headers["Range"] == f"0-{last}"
        location = answer.headers["Location"]
    return client("PUT", location, params={"digest": digest})


def last_piece_in_put(
    client: Client, repository: str, data: bytes, digest: str
):
    location, half = begin(client, repository), len(data) // 2
    answer = patch(client, location, data[:half], 0)
    assert answer.status_code == 202, answer.text
    return client(
        "PUT",
        answer.headers["Location"],
        params={"digest": digest},
        data=data[half:],
        headers={"Content-Range": f"{half}-{len(data) - 1}"},
    )


WAYS = [post_only, post_put, streamed, pieces, last_piece_in_put]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@ways
def test_push_a_blob(
    demo: Client, repository: str, way: Callable[..., requests.Response]
) -> None:
    data = unique()
    stored(way(demo, repository, data, sha256(data)), demo, data)
    head = demo("HEAD", f"/v2/{repository}/blobs/{sha256(data)}")
    assert head.status_code == 200
    assert head.headers["Content-Length"] == str(len(data))
    assert head.headers["Docker-Content-Digest"] == sha256(data)
    assert head.content == b""


@ways
@pytest.mark.parametrize("digest", [ABSENT, *BAD_DIGESTS])
def test_a_digest_that_is_wrong(
    demo: Client,
    repository: str,
    way: Callable[..., requests.Response],
    digest: str,
) -> None:
    data = unique()
    answer = way(demo, repository, data, digest)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")
    found = demo("HEAD", f"/v2/{repository}/blobs/{sha256(data)}")
    assert found.status_code == 404


@pytest.mark.parametrize("data", [b"", b"{}"])
def test_blobs_everybody_has(
    demo: Client, repository: str, data: bytes
) -> None:
    for way in (post_only, post_put, streamed):
        stored(way(demo, repository, data, sha256(data)), demo, data)


def test_pieces_out_of_order(demo: Client, repository: str) -> None:
    data = unique(3000)
    location = begin(demo, repository)
    for first in (0, 1000, 2000):
        # ahead, or from the beginning again
        wrong = (first + 1000) % 3000
        answer = patch(demo, location, data[wrong : wrong + 1000], wrong)
        assert answer.status_code == 416
        assert code(answer) == "BLOB_UPLOAD_INVALID"
        status = demo("GET", location)
        assert status.status_code == 204
        assert status.headers["Range"] == f"0-{max(0, first - 1)}"
        location = status.headers["Location"]
        answer = patch(demo, location, data[first : first + 1000], first)
        assert answer.status_code == 202
        location = answer.headers["Location"]
    bad = demo(
        "PUT",
        location,
        params={"digest": sha256(data)},
        data=b"abc",
        headers={"Content-Range": "0-2"},
    )
    assert bad.status_code == 416
    done = demo("PUT", location, params={"digest": sha256(data)})
    stored(done, demo, data)


def test_an_upload_is_cancelled(demo: Client, repository: str) -> None:
    location = begin(demo, repository)
    assert patch(demo, location, b"abc").status_code == 202
    assert demo("DELETE", location).status_code == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        how = {"params": {"digest": ABSENT}} if method == "PUT" else {}
        answer = demo(method, location, **how)
        assert (answer.status_code, code(answer)) == (
            404,
            "BLOB_UPLOAD_UNKNOWN",
        )


def test_an_upload_belongs_to_its_repository(
    demo: Client, repository: str
) -> None:
    location = begin(demo, repository)
    other = location.replace(repository, f"{repository}-other")
    assert patch(demo, other, b"abc").status_code == 404
    assert demo("DELETE", location).status_code == 204


@pytest.mark.parametrize(
    "upload", ["x", "00000000-0000-4000-8000-000000000000"]
)
def test_an_upload_that_is_none(
    demo: Client, repository: str, upload: str
) -> None:
    answer = demo("PATCH", f"/v2/{repository}/blobs/uploads/{upload}", data="")
    assert answer.status_code == 404


def test_mount(demo: Client, repository: str) -> None:
    data = unique()
    digest = demo.upload(f"{repository}-other", data)
    where = f"/v2/{repository}/blobs/uploads/"
    query = {"mount": digest, "from": f"{repository}-other"}
    stored(demo("POST", where, params=query), demo, data)
    anonymous = unique()
    digest = demo.upload(f"{repository}-other", anonymous)
    stored(demo("POST", where, params={"mount": digest}), demo, anonymous)


@pytest.mark.parametrize(
    "source", [{"from": "demo/none"}, {"from": "NO/NAME"}, {}]
)
def test_mount_what_is_not_there(
    demo: Client, repository: str, source: dict[str, str]
) -> None:
    """The client is to upload it."""
    data = unique()
    location = begin(
        demo, repository, params={"mount": sha256(data), **source}
    )
    done = demo("PUT", location, params={"digest": sha256(data)}, data=data)
    stored(done, demo, data)


def test_another_algorithm(demo: Client, repository: str) -> None:
    answer = demo(
        "POST",
        f"/v2/{repository}/blobs/uploads/",
        params={"digest-algorithm": "sha512"},
    )
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")


# --- pull: blobs ----------------------------------------


@pytest.mark.parametrize(
    ("wanted", "first", "stop"),
    [
        ("500-1499", 500, 1500),
        ("500-", 500, 2048),
        ("-500", 1548, 2048),
        ("-5000", 0, 2048),
        ("2000-5000", 2000, 2048),
        ("0-0", 0, 1),
        ("0-", 0, 2048),
    ],
)
def test_ranges(
    demo: Client, repository: str, wanted: str, first: int, stop: int
) -> None:
    data = unique(2048)
    digest = demo.upload(repository, data)
    answer = demo(
        "GET",
        f"/v2/{repository}/blobs/{digest}",
        headers={"Range": f"bytes={wanted}"},
    )
    assert (answer.status_code, answer.content) == (206, data[first:stop])
    told = answer.headers["Content-Range"]
    assert told == f"bytes {first}-{stop - 1}/2048"
    assert answer.headers["Docker-Content-Digest"] == digest


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ("bytes=500-0", 416),
        ("bytes=5000-10000", 416),
        ("bytes=-0", 416),
        ("bytes=0-1,4-5", 200),
        ("lines=0-1", 200),
        ("bytes=-", 200),
    ],
)
def test_ranges_that_are_none(
    demo: Client, repository: str, wanted: str, status: int
) -> None:
    digest = demo.upload(repository, unique(2048))
    answer = demo(
        "GET",
        f"/v2/{repository}/blobs/{digest}",
        headers={"Range": wanted},
    )
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */2048"
        assert code(answer) == "SIZE_INVALID"


def test_a_blob_that_is_not_there(demo: Client, repository: str) -> None:
    for digest in (ABSENT, "sha256:baddigeststring", "x"):
        for method in ("GET", "HEAD"):
            answer = demo(method, f"/v2/{repository}/blobs/{digest}")
            assert answer.status_code == 404
    assert code(demo.blob(repository, ABSENT)) == "BLOB_UNKNOWN"


def test_who_has_it_already(demo: Client, repository: str) -> None:
    digest = demo.upload(repository, unique())
    path = f"/v2/{repository}/blobs/{digest}"
    tag = demo("GET", path).headers["ETag"]
    answer = demo("GET", path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")


# --- manifests ----------------------------------------


def pulls(
    client: Client, repository: str, reference: str, body: bytes, kind: str
) -> None:
    for method in ("GET", "HEAD"):
        answer = client(method, f"/v2/{repository}/manifests/{reference}")
        assert answer.status_code == 200, answer.text
        assert answer.content == (body if method == "GET" else b"")
        assert answer.headers["Content-Type"] == kind
        assert answer.headers["Content-Length"] == str(len(body))
        assert answer.headers["Docker-Content-Digest"] == sha256(body)


def manifest_of(
    client: Client, repository: str, config: bytes, *layers: bytes, **more: Any
) -> dict[str, Any]:
    """One whose blobs are there."""
    for data in (config, *layers):
        client.upload(repository, data)
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(more.pop("config_type", CONFIG), config),
        "layers": [
            descriptor(more.get("layer_type", LAYER), each) for each in layers
        ],
        **{k: v for k, v in more.items() if k != "layer_type"},
    }


def accepted(
    client: Client,
    repository: str,
    reference: str,
    manifest: dict[str, Any],
    kind: str = MANIFEST,
) -> bytes:
    body = json.dumps(manifest, indent=1).encode()
    answer = client.put(repository, reference, body, kind)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Docker-Content-Digest"] == sha256(body)
    found = client("GET", answer.headers["Location"])
    assert found.content == body
    subject = manifest.get("subject", {}).get("digest")
    assert answer.headers.get("OCI-Subject") == subject
    pulls(client, repository, reference, body, kind)
    pulls(client, repository, sha256(body), body, kind)
    return body


def test_an_image(demo: Client, repository: str) -> None:
    layers = [archives.packed({f"f{n}": unique()}) for n in range(3)]
    body = demo.push(repository, "image", *layers)
    pulls(demo, repository, "image", body, MANIFEST)
    for layer in layers:
        assert demo.blob(repository, sha256(layer)).content == layer


def test_content_that_is_no_tar(demo: Client, repository: str) -> None:
    """The suite of the specification pushes such images."""
    manifest = manifest_of(demo, repository, settings(), unique(), unique())
    accepted(demo, repository, "bytes", manifest)


def test_without_layers(demo: Client, repository: str) -> None:
    manifest = manifest_of(demo, repository, settings())
    accepted(demo, repository, "none", manifest)


def test_a_large_manifest(demo: Client, repository: str) -> None:
    notes = {f"note-{n}": "A" * 10_000 for n in range(390)}
    manifest = manifest_of(demo, repository, settings(), annotations=notes)
    accepted(demo, repository, "large", manifest)


def test_one_that_is_too_large(demo: Client, repository: str) -> None:
    answer = demo.put(repository, "huge", b" " * (9 << 20))
    assert answer.status_code == 413
    assert "8388608 bytes at most" in answer.text


def test_fields_that_are_not_known(demo: Client, repository: str) -> None:
    manifest = manifest_of(
        demo, repository, settings(), unique(), **{"org.example": {"a": 1}}
    )
    accepted(demo, repository, "custom", manifest)


def test_data_in_descriptors(demo: Client, repository: str) -> None:
    manifest = manifest_of(demo, repository, b"{}", unique())
    manifest["config"]["data"] = "e30="
    accepted(demo, repository, "data", manifest)


def test_layers_from_elsewhere(demo: Client, repository: str) -> None:
    """They are not distributed, so they need not be there."""
    manifest = manifest_of(demo, repository, settings(), unique())
    foreign = unique()
    manifest["layers"].insert(
        0,
        descriptor(
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            foreign,
            urls=["https://example.com/blob"],
        ),
    )
    accepted(demo, repository, "foreign", manifest)


def index_of(*manifests: tuple[str, bytes], **more: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            descriptor(
                kind,
                body,
                platform={"os": "linux", "architecture": f"arch{n}"},
            )
            for n, (kind, body) in enumerate(manifests)
        ],
        **more,
    }


def test_an_index(demo: Client, repository: str) -> None:
    bodies = []
    for _ in range(2):
        manifest = manifest_of(demo, repository, settings(), unique())
        bodies.append(json.dumps(manifest).encode())
        answer = demo.put(repository, sha256(bodies[-1]), bodies[-1])
        assert answer.status_code == 201, answer.text
    inner = accepted(
        demo,
        repository,
        "index",
        index_of(*((MANIFEST, body) for body in bodies)),
        INDEX,
    )
    accepted(demo, repository, "outer", index_of((INDEX, inner)), INDEX)
    accepted(demo, repository, "empty", index_of(), INDEX)
    assert demo.delete(repository, "outer") == 202


def test_several_tags_at_once(demo: Client, repository: str) -> None:
    manifest = manifest_of(demo, repository, settings(), unique())
    body = json.dumps(manifest).encode()
    answer = demo(
        "PUT",
        f"/v2/{repository}/manifests/{sha256(body)}",
        params=[("tag", "1"), ("tag", "1.2")],
        data=body,
        headers={"Content-Type": MANIFEST},
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["OCI-Tag"] == "1, 1.2"
    for reference in ("1", "1.2"):
        pulls(demo, repository, reference, body, MANIFEST)


def test_a_manifest_of_blobs_that_are_not_there(
    demo: Client, repository: str
) -> None:
    manifest = manifest_of(demo, repository, settings(), unique())
    manifest["layers"].append(descriptor(LAYER, b"absent"))
    answer = demo.put(repository, "bad", manifest)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert sha256(b"absent") in answer.text
    index = index_of((MANIFEST, b"absent"))
    answer = demo.put(repository, "bad", index, INDEX)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert demo.manifest(repository, "bad").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b"\xff", b"null", b'{"schemaVersion": 1}'],
)
def test_what_is_no_manifest(
    demo: Client, repository: str, body: bytes
) -> None:
    answer = demo.put(repository, "bad", body)
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize("reference", [ABSENT, *BAD_DIGESTS])
def test_a_manifest_with_another_digest(
    demo: Client, repository: str, reference: str
) -> None:
    manifest = manifest_of(demo, repository, settings(), unique())
    answer = demo.put(repository, reference, manifest)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("reference", ["-x", ".x", "x" * 129, "a b", "é"])
def test_a_tag_that_is_none(
    demo: Client, repository: str, reference: str
) -> None:
    answer = demo.put(repository, reference, b"{}")
    assert (answer.status_code, code(answer)) == (400, "TAG_INVALID")


def test_a_manifest_that_is_not_there(demo: Client, repository: str) -> None:
    for reference in ("none", ABSENT):
        answer = demo.manifest(repository, reference)
        assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")
        head = demo("HEAD", f"/v2/{repository}/manifests/{reference}")
        assert (head.status_code, head.content) == (404, b"")
    answer = demo.manifest(repository, "sha256:baddigeststring")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "name", ["Demo/app", "demo/app_", "demo/" + "a" * 200]
)
def test_a_name_that_is_none(demo: Client, name: str) -> None:
    answer = demo.manifest(name, "latest")
    assert (answer.status_code, code(answer)) == (400, "NAME_INVALID")
    assert "NAMESPACE/REPOSITORY" in answer.text


def test_a_name_without_a_namespace(demo: Client) -> None:
    for answer in (
        demo.manifest("app", "latest"),
        demo("POST", "/v2/app/blobs/uploads/"),
    ):
        assert (answer.status_code, code(answer)) == (404, "NAME_UNKNOWN")
        assert "NAMESPACE/REPOSITORY" in answer.text


# --- content discovery ----------------------------------------


def test_tags(demo: Client, repository: str) -> None:
    manifest = manifest_of(demo, repository, settings(), unique())
    # in the order of their bytes
    names = ["1", "10", "2", "Z", "_a", "a", "b"]
    for name in reversed(names):
        assert demo.put(repository, name, manifest).status_code == 201
    path = f"/v2/{repository}/tags/list"

    def listed(**query: Any) -> list[str]:
        answer = demo("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"] == repository
        return list(answer.json()["tags"])

    assert listed() == names
    assert listed(n=3) == names[:3]
    assert listed(n=0) == []
    assert listed(n=3, last="2") == names[3:6]
    assert listed(last="a") == ["b"]
    assert listed(last="b") == []
    assert listed(last="3") == names[3:]
    assert listed(n="9" * 30) == names
    followed, url = [], f"{path}?n=3"
    while url:
        answer = demo("GET", url)
        followed += answer.json()["tags"]
        url = answer.links.get("next", {}).get("url")
    assert followed == names
    assert "Link" not in demo("GET", path, params={"n": 0}).headers
    assert "Link" not in demo("GET", path, params={"n": 7}).headers
    for bad in ("-1", "x", "1.5", ""):
        answer = demo("GET", path, params={"n": bad})
        assert answer.status_code == 400
    for name in names:
        demo.delete(repository, name)


def test_tags_of_nothing(demo: Client, repository: str) -> None:
    answer = demo("GET", f"/v2/{repository}/tags/list")
    assert (answer.status_code, code(answer)) == (404, "NAME_UNKNOWN")


def test_catalog(demo: Client, repository: str) -> None:
    names = sorted(f"{repository}/{n}" for n in range(3))
    for name in names:
        demo.push(name, "1", archives.ONE)
    found, url = [], "/v2/_catalog?n=2"
    while url:
        answer = demo("GET", url)
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["repositories"]) <= 2
        found += answer.json()["repositories"]
        url = answer.links.get("next", {}).get("url")
    assert [name for name in found if name in names] == names
    assert found == sorted(found)
    for name in names:
        demo.delete(name, "1")


def test_referrers(demo: Client, repository: str) -> None:
    subject_body = demo.push(repository, "subject", archives.ONE)
    subject = descriptor(MANIFEST, subject_body)
    path = f"/v2/{repository}/referrers/{subject['digest']}"

    def asked(**query: str) -> tuple[list[dict[str, Any]], str | None]:
        answer = demo("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == INDEX
        index = answer.json()
        assert (index["schemaVersion"], index["mediaType"]) == (2, INDEX)
        applied = answer.headers.get("OCI-Filters-Applied")
        return index["manifests"], applied

    assert asked() == ([], None)
    made = {}
    for kind, notes in (
        ("application/vnd.example.sbom", {"org.example": "one"}),
        ("application/vnd.example.signature", {"org.example": "two"}),
    ):
        manifest = manifest_of(
            demo,
            repository,
            b"{}",
            unique(),
            config_type=EMPTY,
            layer_type=kind,
            artifactType=kind,
            annotations=notes,
            subject=subject,
        )
        made[kind] = accepted(demo, repository, f"by-{len(made)}", manifest)
    # without a type of its own it is that of the configuration
    plain = manifest_of(
        demo, repository, settings(), unique(), subject=subject
    )
    made[CONFIG] = accepted(demo, repository, "plain", plain)
    index = index_of(subject=subject, artifactType="application/index")
    made["application/index"] = accepted(
        demo, repository, "an-index", index, INDEX
    )
    found = {each["artifactType"]: each for each in asked()[0]}
    assert set(found) == set(made)
    for kind, body in made.items():
        assert found[kind]["digest"] == sha256(body)
        assert found[kind]["size"] == len(body)
        notes = json.loads(body).get("annotations")
        assert found[kind].get("annotations") == notes
        some, applied = asked(artifactType=kind)
        assert [each["digest"] for each in some] == [sha256(body)]
        assert applied == "artifactType"
    assert asked(artifactType="none")[0] == []
    for body in made.values():
        assert demo.delete(repository, sha256(body)) == 202
    assert asked()[0] == []


def test_referrers_in_no_repository(demo: Client, repository: str) -> None:
    """404 would say that there is no such API."""
    for name in (repository, "none/none"):
        answer = demo("GET", f"/v2/{name}/referrers/{ABSENT}")
        assert (answer.status_code, answer.json()["manifests"]) == (200, [])


def test_referrers_of_what_is_not_there(demo: Client, repository: str) -> None:
    manifest = manifest_of(
        demo,
        repository,
        b"{}",
        unique(),
        artifactType="application/vnd.example",
        config_type=EMPTY,
        subject=descriptor(MANIFEST, b"absent"),
    )
    body = accepted(demo, repository, "early", manifest)
    path = f"/v2/{repository}/referrers"
    answer = demo("GET", f"{path}/{sha256(b'absent')}")
    assert [e["digest"] for e in answer.json()["manifests"]] == [sha256(body)]
    answer = demo("GET", f"{path}/{ABSENT}")
    assert (answer.status_code, answer.json()["manifests"]) == (200, [])
    for bad in ("x", "sha256:baddigeststring"):
        answer = demo("GET", f"{path}/{bad}")
        assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")


# --- content management ----------------------------------------


def test_delete(demo: Client, repository: str) -> None:
    body = demo.push(repository, "one", archives.ONE)
    digest = sha256(body)
    assert demo.put(repository, "two", body).status_code == 201
    blob = f"/v2/{repository}/blobs/{sha256(archives.ONE)}"

    assert demo.delete(repository, "one") == 202
    assert demo.manifest(repository, "one").status_code == 404
    assert demo.manifest(repository, "two").status_code == 200
    assert demo.delete(repository, "one") == 404

    assert demo.delete(repository, digest) == 202
    for reference in ("two", digest):
        assert demo.manifest(repository, reference).status_code == 404
    assert demo.delete(repository, digest) == 404

    # it may be part of another image of this namespace by now
    assert demo("DELETE", blob).status_code in (202, 409)
    absent = f"/v2/{repository}/blobs/{ABSENT}"
    answer = demo("DELETE", absent)
    assert (answer.status_code, code(answer)) == (404, "BLOB_UNKNOWN")


def test_delete_a_blob(demo: Client, repository: str) -> None:
    digest = demo.upload(repository, unique())
    path = f"/v2/{repository}/blobs/{digest}"
    assert demo("DELETE", path).status_code == 202
    assert demo("HEAD", path).status_code == 404
    assert demo("DELETE", path).status_code == 404


# --- what is no part of it ----------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v2/demo/app", 404),
        ("GET", "/v2/demo/app/blobs/", 404),
        ("POST", "/v2/", 405),
        ("PATCH", "/v2/demo/app/manifests/1", 405),
        ("POST", "/v2/demo/app/tags/list", 405),
        ("PUT", "/v2/_catalog", 405),
    ],
)
def test_other_paths_and_methods(
    demo: Client, method: str, path: str, status: int
) -> None:
    answer = demo(method, path)
    assert answer.status_code == status, answer.text
    if status == 405:
        assert answer.headers["Allow"]
        assert code(answer) == "UNSUPPORTED"


def test_an_url_that_is_no_text(demo: Client) -> None:
    for path in (
        "manifests/%ff",
        "manifests/%00",
        "tags/list?n=%f0",
        "tags/list?last=%ff",
        "tags/list?last=%00",
        "tags/list?%00=1",
    ):
        answer = demo("GET", f"/v2/demo/app/{path}")
        assert answer.status_code == 400, path
        code(answer)

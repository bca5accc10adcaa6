"""What people push and pull with, unmodified: docker, skopeo, buildah."""

import io
import json
import os
import pathlib
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests import archives
from tests.registry import Client, code, sha256
from tests.system.agent.conftest import Dockerd
from tests.system.registry.conftest import Registry, Tool, images
from tests.wire import Wire

MB = 1 << 20

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _images(engine: Dockerd) -> Iterator[None]:
    with images(engine.api):
        yield


def imported(engine: Dockerd, name: str, **files: bytes) -> None:
    """An image of one layer, in the engine."""
    answer = engine.api.import_image_from_data(
        archives.packed(files), repository=name.rpartition(":")[0],
        tag=name.rpartition(":")[2],
    )  # fmt: skip
    assert "errorDetail" not in answer, answer


def extended(engine: Dockerd, base: str, name: str, **files: bytes) -> None:
    """An image with one layer more."""
    made = engine.api.create_container(base, command=["none"])
    try:
        engine.api.put_archive(made["Id"], "/", archives.packed(files))
        repository, _, tag = name.rpartition(":")
        engine.api.commit(made["Id"], repository, tag)
    finally:
        engine.api.remove_container(made["Id"])


def test_docker(
    tool: Tool,
    login: Callable[..., None],
    engine: Dockerd,
    registry: Registry,
    repository: str,
    wire: Wire,
) -> None:
    """A second image with the same base moves its own layer only."""
    login()
    base = f"{registry.address}/{repository}:base"
    top = f"{registry.address}/{repository}/top:1"
    imported(engine, base, data=os.urandom(20 * MB))
    tool("docker", "push", base)
    extended(engine, base, top, more=os.urandom(MB))
    wire.reset()
    tool("docker", "push", top)
    assert MB < wire.sent < 1.2 * MB
    listed = json.loads(tool("docker", "image", "inspect", top))[0]
    [digest] = [
        each.partition("@")[2]
        for each in listed["RepoDigests"]
        if "/top@" in each
    ]
    tool("docker", "image", "rm", top)
    wire.reset()
    tool("docker", "pull", f"{registry.address}/{repository}/top@{digest}")
    assert MB < wire.received < 1.2 * MB
    tool("docker", "pull", top)
    again = json.loads(tool("docker", "image", "inspect", top))[0]
    assert again["Id"] == listed["Id"]
    tool("docker", "logout", registry.address)
    done = tool.run("docker", "pull", top)
    assert done.returncode != 0
    client = registry.client()
    for name in (f"{repository}/top",):
        client.delete(name, "1")
        client.delete(name, digest)


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("demo", "wrong", "The user name or the password is wrong"),
        ("nobody", "wrong", "The user name or the password is wrong"),
        ("token", "wrong", "The user name or the password is wrong"),
        ("0" * 32, "wrong", "The user name or the password is wrong"),
    ],
)
def test_docker_login_that_is_wrong(
    tool: Tool, registry: Registry, user: str, password: str, words: str
) -> None:
    done = tool.run(
        *("docker", "login", registry.address, "-u", user),
        "--password-stdin",
        stdin=password,
    )
    assert done.returncode != 0
    assert words in done.stderr


def test_docker_is_told_what_is_wrong(
    tool: Tool,
    login: Callable[..., None],
    engine: Dockerd,
    registry: Registry,
) -> None:
    imported(engine, "x:1", a=b"a")
    for user, name, words in (
        ("demo", "nobodys/app:1", "There is no namespace"),
        ("demo", "app:1", "NAMESPACE/REPOSITORY"),
        ("viewer", "demo/app:1", "do not let you push"),
    ):
        login(user)
        full = f"{registry.address}/{name}"
        tool("docker", "tag", "x:1", full)
        done = tool.run("docker", "push", full)
        assert done.returncode != 0
        assert words in done.stderr + done.stdout
    done = tool.run("docker", "pull", f"{registry.address}/demo/none:1")
    assert done.returncode != 0
    assert "There is no image" in done.stderr or "not found" in done.stderr


def layout(folder: pathlib.Path, platforms: list[str]) -> None:
    """An OCI layout with an image for each architecture."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        digest = sha256(data)
        (blobs / digest.partition(":")[2]).write_bytes(data)
        return {
            "mediaType": f"application/vnd.oci.image.{kind}",
            "digest": digest,
            "size": len(data),
            **more,
        }

    manifests = []
    for architecture in platforms:
        layer = archives.packed({architecture: os.urandom(1000)})
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob(json.dumps(config).encode(), "config.v1+json"),
            "layers": [blob(layer, "layer.v1.tar")],
        }
        manifests.append(
            blob(
                json.dumps(manifest).encode(),
                "manifest.v1+json",
                platform={"os": "linux", "architecture": architecture},
            )
        )
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    }
    outer = {
        "schemaVersion": 2,
        "manifests": [blob(json.dumps(index).encode(), "index.v1+json")],
    }
    (folder / "index.json").write_text(json.dumps(outer))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def test_skopeo_and_an_image_for_several_machines(
    tool: Tool, registry: Registry, repository: str, tmp_path: pathlib.Path
) -> None:
    layout(tmp_path / "in", ["amd64", "arm64", "riscv64"])
    tool(
        *("skopeo", "login", "--tls-verify=false", registry.address),
        *("-u", "demo", "--password-stdin"),
        stdin=registry.users["demo"],
    )
    name = f"docker://{registry.address}/{repository}"
    to, source = "--dest-tls-verify=false", "--src-tls-verify=false"
    tool(
        *("skopeo", "copy", "--all", "--preserve-digests", to),
        *(f"oci:{tmp_path}/in", f"{name}:many"),
    )
    raw = json.loads(
        tool(
            *("skopeo", "inspect", "--raw", "--tls-verify=false"),
            f"{name}:many",
        )
    )
    assert len(raw["manifests"]) == 3
    # one of them, and within the registry
    tool(
        *("skopeo", "copy", source, to, "--override-arch", "arm64"),
        *(f"{name}:many", f"{name}:arm"),
    )
    shown = json.loads(
        tool("skopeo", "inspect", "--tls-verify=false", f"{name}:arm")
    )
    assert shown["Architecture"] == "arm64"
    assert sorted(shown["RepoTags"]) == ["arm", "many"]
    tool(
        *("skopeo", "copy", "--all", source),
        *(f"{name}:many", f"dir:{tmp_path}/out"),
    )
    here = {path.name for path in (tmp_path / "in/blobs/sha256").iterdir()}
    there = {path.name for path in (tmp_path / "out").iterdir()}
    # but for manifests, which have other names there
    assert len(here & there) == 6
    # Docker's schema 2, as older tools want it
    tool(
        *("skopeo", "copy", source, to, "--format", "v2s2"),
        *("--override-arch", "amd64", f"{name}:many", f"{name}:v2s2"),
    )
    raw = json.loads(
        tool(
            *("skopeo", "inspect", "--raw", "--tls-verify=false"),
            f"{name}:v2s2",
        )
    )
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    assert raw["mediaType"] == kind
    tags = json.loads(tool("skopeo", "list-tags", "--tls-verify=false", name))
    assert tags["Tags"] == ["arm", "many", "v2s2"]
    # first the index, which names others
    for tag in ("many", "arm", "v2s2"):
        tool("skopeo", "delete", "--tls-verify=false", f"{name}:{tag}")
    done = tool.run("skopeo", "inspect", "--tls-verify=false", f"{name}:many")
    assert done.returncode != 0


def test_buildah(
    tool: Tool, registry: Registry, repository: str, tmp_path: pathlib.Path
) -> None:
    """It keeps its images where no daemon is needed."""
    where = (
        *("--root", str(tmp_path / "storage")),
        *("--runroot", str(tmp_path / "run"), "--storage-driver", "vfs"),
    )
    (tmp_path / "policy.json").write_text(
        json.dumps({"default": [{"type": "insecureAcceptAnything"}]})
    )

    def buildah(*command: str, **how: Any) -> str:
        return tool("buildah", *where, *command, **how)

    work = buildah("from", "scratch").strip()
    (tmp_path / "file").write_bytes(os.urandom(MB))
    buildah("copy", work, str(tmp_path / "file"), "/file")
    buildah("config", "--cmd", "/file", work)
    buildah("commit", work, "built:1")
    policy = ("--signature-policy", str(tmp_path / "policy.json"))
    buildah(
        *("login", "--tls-verify=false", "-u", "demo"),
        *("--password-stdin", registry.address),
        stdin=registry.users["demo"],
    )
    name = f"docker://{registry.address}/{repository}:1"
    for form in ("oci", "v2s2"):
        buildah(
            *("push", *policy, "--tls-verify=false", "--format", form),
            *("built:1", name),
        )
    buildah("rmi", "--all", "--force")
    pulled = buildah("pull", *policy, "--tls-verify=false", name)
    assert pulled.strip()
    buildah("rmi", "--all", "--force")


def test_from_the_engine_to_skopeo(
    tool: Tool,
    login: Callable[..., None],
    engine: Dockerd,
    registry: Registry,
    repository: str,
    tmp_path: pathlib.Path,
) -> None:
    """What one writes the other one reads, and it is what it was."""
    login()
    content = os.urandom(100_000)
    name = f"{registry.address}/{repository}:1"
    imported(engine, name, file=content)
    tool("docker", "push", name)
    tool(
        *("skopeo", "copy", "--src-tls-verify=false"),
        *("--src-creds", f"demo:{registry.users['demo']}"),
        *(f"docker://{name}", f"docker-archive:{tmp_path}/out.tar:x:1"),
    )
    with tarfile.open(tmp_path / "out.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        [layer] = json.load(manifest)[0]["Layers"]
        data = archive.extractfile(layer)
        assert data
        with tarfile.open(fileobj=io.BytesIO(data.read())) as inner:
            member = inner.extractfile("file")
            assert member
            assert member.read() == content


def test_an_upload_goes_on_where_it_broke_off(
    demo: Client, repository: str
) -> None:
    """As a client does whose connection was cut, or whose machine slept."""
    data = os.urandom(3 * MB)
    begun = demo("POST", f"/v2/{repository}/blobs/uploads/")
    location = begun.headers["Location"]
    answer = demo("PATCH", location, data=data[:MB])
    assert answer.status_code == 202

    def cut() -> Iterator[bytes]:
        yield data[MB : 2 * MB]
        raise ConnectionError

    with pytest.raises(requests.ConnectionError):
        demo("PATCH", location, data=cut())
    status = demo("GET", location)
    assert status.status_code == 204, status.text
    assert status.headers["Range"] == f"0-{MB - 1}"
    answer = demo(
        "PATCH",
        status.headers["Location"],
        data=data[MB:],
        headers={"Content-Range": f"{MB}-{3 * MB - 1}"},
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["Range"] == f"0-{3 * MB - 1}"
    done = demo("PUT", location, params={"digest": sha256(data)})
    assert done.status_code == 201
    assert demo.blob(repository, sha256(data)).content == data


def test_a_body_that_is_too_short(demo: Client, repository: str) -> None:
    begun = demo("POST", f"/v2/{repository}/blobs/uploads/")
    answer = demo(
        "PATCH",
        begun.headers["Location"],
        data=b"abc",
        headers={"Content-Range": "0-4"},
    )
    assert (answer.status_code, code(answer)) == (400, "SIZE_INVALID")
    assert "has 3 bytes" in answer.text
    status = demo("GET", begun.headers["Location"])
    assert status.headers["Range"] == "0-0"
    demo("DELETE", begun.headers["Location"])

"""What every image driver does, and real downloads into a real engine."""

import contextlib
import dataclasses
import gzip
import hashlib
import http.server
import io
import json
import pathlib
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from caas.drivers.image import base
from caas.drivers.image.archive import ArchiveImage
from caas.drivers.image.fake import FakeImage
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import spec, wire
from tests.system.drivers.conftest import busybox_tar
from tests.system.drivers.test_runtime import kit_of


@dataclasses.dataclass
class Served:
    """An image at the API, and how the API is to behave about it."""

    data: bytes
    token: str = "good"
    status: int = 200
    cut_after: int | None = None
    length: bool = True
    gate: threading.Event | None = None
    requests: int = 0
    digest: str = ""
    size: int | None = None
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def ref(self) -> spec.ImageRef:
        digest = (
            self.digest or f"sha512:{hashlib.sha512(self.data).hexdigest()}"
        )
        size = len(self.data) if self.size is None else self.size
        return spec.ImageRef(
            ref="web:1", id=self.id, digest=digest, name="web:1", size=size
        )

    def pull(self, token: str = "good") -> wire.Pull:
        return wire.Pull(image_id=self.id, token=token)


class Api:
    """The part of caas-api that hosts pull from."""

    def __init__(self) -> None:
        self.images: dict[str, Served] = {}
        self.paths: list[str] = []
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.paths.append(self.path)
                image = api.images[self.path.rpartition("/")[2]]
                image.requests += 1
                status = image.status
                if self.headers["X-Caas-Pull-Token"] != image.token:
                    status = 403
                self.send_response(status)
                if image.length:
                    size = len(image.data) if status == 200 else 0
                    self.send_header("Content-Length", str(size))
                self.end_headers()
                if status != 200:
                    return
                if image.gate:
                    half = len(image.data) // 2
                    self.wfile.write(image.data[:half])
                    assert image.gate.wait(20)
                    self.wfile.write(image.data[half:])
                    return
                with contextlib.suppress(OSError):
                    self.wfile.write(image.data[: image.cut_after])

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler
        )
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, daemon=True
        ).start()

    def add(self, data: bytes, **how: Any) -> Served:
        image = Served(data, **how)
        self.images[image.id] = image
        return image

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def pulls() -> Iterator[Api]:
    api = Api()
    yield api
    api.close()


@pytest.fixture
def driver(make_conf, pulls: Api) -> ArchiveImage:
    return ArchiveImage(
        make_conf(pull__endpoint=pulls.endpoint + "/", pull__timeout=2)
    )


@pytest.fixture
def spool(driver: ArchiveImage) -> pathlib.Path:
    return driver._spool


@pytest.fixture
def saved(api: docker.APIClient) -> Iterator[Callable[..., bytes]]:
    """Make an archive as docker save does, of an image nobody has."""
    loaded: list[str] = []

    def make(**changes: Any) -> bytes:
        mark = uuid.uuid4().hex
        name = f"caas.test/tenant:{mark}"
        made = api.import_image_from_data(
            busybox_tar(mark),
            repository="caas.test/tenant",
            tag=mark,
            changes=[f"LABEL mark={mark}", 'CMD ["sleep", "1000"]'],
        )
        assert "error" not in made
        data = b"".join(api.get_image(name))
        api.remove_image(name, force=True)
        loaded.append(
            base.reference(f"sha512:{hashlib.sha512(data).hexdigest()}")
        )
        return data

    yield make
    for reference in loaded:
        with contextlib.suppress(docker.errors.ImageNotFound):
            api.remove_image(reference, force=True)


def quiet(sentence: str) -> None:
    """Nobody asks how far it is."""


@pytest.fixture(params=["fake", "archive"])
def image(request: pytest.FixtureRequest, driver: ArchiveImage) -> base.Image:
    return FakeImage() if request.param == "fake" else driver


def test_ensure_and_again(
    image: base.Image, pulls: Api, saved: Callable[..., bytes]
) -> None:
    there = pulls.add(saved())
    said: list[str] = []
    assert image.present(there.ref().digest) is None
    reference = image.ensure(there.ref(), there.pull(), said.append)
    assert said
    assert image.present(there.ref().digest) == reference
    # no leave is needed for what is there
    said.clear()
    assert image.ensure(there.ref(), None, said.append) == reference
    assert not said
    assert there.requests <= 1


def test_no_leave(image: base.Image, pulls: Api) -> None:
    there = pulls.add(b"never asked for")
    with pytest.raises(base.ImageError) as error:
        image.ensure(there.ref(), None, quiet)
    assert error.value.expired
    assert not error.value.permanent


def test_one_download_for_many(
    image: base.Image, pulls: Api, saved: Callable[..., bytes]
) -> None:
    there = pulls.add(saved())
    references: list[str] = []

    def work() -> None:
        references.append(image.ensure(there.ref(), there.pull(), quiet))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(references) == 8
    assert len(set(references)) == 1
    if isinstance(image, FakeImage):
        assert len(image.downloads) == 1
    else:
        assert there.requests == 1


def test_waiters_are_told_how_far_it_is(
    driver: ArchiveImage, pulls: Api, saved: Callable[..., bytes]
) -> None:
    gate = threading.Event()
    there = pulls.add(saved(), gate=gate)
    said: dict[int, list[str]] = {0: [], 1: []}
    threads = [
        threading.Thread(
            target=driver.ensure,
            args=(there.ref(), there.pull(), said[number].append),
        )
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    deadline = threading.Event()
    for _ in range(1000):
        if all(said.values()):
            break
        deadline.wait(0.01)
    assert all(said.values()), said
    assert "MB" in said[0][0]
    gate.set()
    for thread in threads:
        thread.join(60)
    assert driver.present(there.ref().digest)


def test_a_loaded_image_runs(
    driver: ArchiveImage,
    pulls: Api,
    saved: Callable[..., bytes],
    make_conf,
) -> None:
    there = pulls.add(saved())
    reference = driver.ensure(there.ref(), there.pull(), quiet)
    assert pulls.paths == [f"/pull/v1/images/{there.id}"]
    with kit_of(DockerRuntime(make_conf()), reference) as kit:
        started = kit.runtime.start(kit.business("a", infra_id=kit.infra()))
        assert started.state == "running"


def test_a_tenant_cannot_name_images(
    driver: ArchiveImage,
    pulls: Api,
    saved: Callable[..., bytes],
    api: docker.APIClient,
    image_names: Callable[[], set[str]],
) -> None:
    """Neither those of others nor its own."""
    before = image_names()
    there = pulls.add(saved())
    with tarfile.open(fileobj=io.BytesIO(there.data)) as archive:
        manifest = json.loads(archive.extractfile("manifest.json").read())
    assert manifest[0]["RepoTags"][0].startswith("caas.test/tenant:")
    reference = driver.ensure(there.ref(), there.pull(), quiet)
    assert image_names() - before == {reference}


@pytest.fixture
def image_names(api: docker.APIClient) -> Callable[[], set[str]]:
    def names() -> set[str]:
        return {
            tag
            for found in api.images()
            for tag in found["RepoTags"] or ()
            if "caas.test/busybox" not in tag
        }

    return names


def as_docker_25(data: bytes) -> bytes:
    """The same image in the layout that docker save has since version 25."""
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as old:
        (entry,) = json.loads(old.extractfile("manifest.json").read())
        for key in [entry["Config"], *entry["Layers"]]:
            content = old.extractfile(key).read()
            files[key] = content
    blobs = {
        key: f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"
        for key, content in files.items()
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as new:
        written = {blobs[key]: content for key, content in files.items()}
        written["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
        written["index.json"] = b'{"schemaVersion": 2, "manifests": []}'
        written["manifest.json"] = json.dumps(
            [
                {
                    "Config": blobs[entry["Config"]],
                    "RepoTags": entry["RepoTags"],
                    "Layers": [blobs[key] for key in entry["Layers"]],
                }
            ]
        ).encode()
        for name, content in written.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("form", [gzip.compress, as_docker_25])
def test_other_forms_of_archives(
    driver: ArchiveImage,
    pulls: Api,
    saved: Callable[..., bytes],
    api: docker.APIClient,
    form: Callable[[bytes], bytes],
) -> None:
    there = pulls.add(form(saved()))
    reference = driver.ensure(there.ref(), there.pull(), quiet)
    try:
        assert api.inspect_image(reference)["Config"]["Cmd"] == [
            "sleep",
            "1000",
        ]
    finally:
        api.remove_image(reference)


@pytest.mark.parametrize(
    ("how", "token", "permanent", "expired", "words"),
    [
        ({}, "bad", False, True, "run out"),
        ({"status": 401}, "good", False, True, "run out"),
        ({"status": 404}, "good", True, False, "no longer in Glance"),
        ({"status": 400}, "good", True, False, "answered 400"),
        ({"status": 429}, "good", False, False, "answered 429"),
        ({"status": 503}, "good", False, False, "answered 503"),
        ({"status": 302}, "good", False, False, "answered 302"),
        ({"cut_after": 3}, "good", False, False, "was cut"),
        (
            {"cut_after": 3, "length": False},
            "good",
            False,
            False,
            "ended after 3 of",
        ),
        ({"size": 5}, "good", True, False, "more bytes"),
        ({"digest": "sha512:" + "0" * 128}, "good", True, False, "digest"),
        ({"digest": "sha256:" + "0" * 64}, "good", True, False, "digest"),
        ({"digest": "md5:" + "0" * 32}, "good", True, False, "kind"),
        ({}, "good", True, False, "no Docker archive"),
    ],
)
def test_download_that_fails(
    driver: ArchiveImage,
    spool: pathlib.Path,
    pulls: Api,
    how: dict[str, Any],
    token: str,
    permanent: bool,
    expired: bool,
    words: str,
) -> None:
    there = pulls.add(b"no archive at all", **how)
    with pytest.raises(base.ImageError) as error:
        driver.ensure(there.ref(), there.pull(token), quiet)
    assert (error.value.permanent, error.value.expired) == (permanent, expired)
    assert words in error.value.message
    assert "web:1" in error.value.message
    assert token not in error.value.message
    assert not spool.exists() or not list(spool.iterdir())


def test_api_that_is_away(make_conf) -> None:
    driver = ArchiveImage(make_conf(pull__endpoint="http://127.0.0.1:9"))
    there = Served(b"data")
    with pytest.raises(base.ImageError) as error:
        driver.ensure(there.ref(), there.pull(), quiet)
    assert not error.value.permanent
    assert not error.value.expired
    assert "cannot be reached" in error.value.message


def test_api_that_hangs(driver: ArchiveImage, pulls: Api) -> None:
    gate = threading.Event()
    there = pulls.add(b"x" * 1000, gate=gate)
    with pytest.raises(base.ImageError) as error:
        driver.ensure(there.ref(), there.pull(), quiet)
    gate.set()
    assert not error.value.permanent


def test_waiter_with_a_good_token_goes_on_after_one_with_a_bad(
    driver: ArchiveImage, pulls: Api, saved: Callable[..., bytes]
) -> None:
    there = pulls.add(saved())
    outcome: dict[str, object] = {}

    def work(token: str) -> None:
        try:
            outcome[token] = driver.ensure(
                there.ref(), there.pull(token), quiet
            )
        except base.ImageError as e:
            outcome[token] = e

    threads = [
        threading.Thread(target=work, args=(token,))
        for token in ("bad", "good")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcome["good"] == base.reference(there.ref().digest)


def test_layers_that_do_not_fit_are_refused_by_the_engine(
    driver: ArchiveImage, pulls: Api, saved: Callable[..., bytes]
) -> None:
    """The digest of the whole is right, that of a layer is not."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(saved())) as old,
        tarfile.open(fileobj=out, mode="w") as new,
    ):
        for member in old.getmembers():
            content = old.extractfile(member)
            data = content.read() if content else b""
            # a name in the layer, wherever this Docker's archives have it
            data = data.replace(b"busybox\0", b"bosybux\0")
            new.addfile(member, io.BytesIO(data))
    there = pulls.add(out.getvalue())
    with pytest.raises(base.ImageError) as error:
        driver.ensure(there.ref(), there.pull(), quiet)
    assert error.value.permanent
    assert "cannot be loaded" in error.value.message
    assert driver.present(there.ref().digest) is None


def test_what_a_killed_agent_left_is_removed(make_conf) -> None:
    conf = make_conf()
    spool = pathlib.Path(conf.agent.state_path) / "images"
    spool.mkdir()
    (spool / "half").write_text("")
    ArchiveImage(conf)
    assert not spool.exists()


def test_engine_that_is_away(make_conf, tmp_path: pathlib.Path) -> None:
    driver = ArchiveImage(make_conf(docker__url=f"unix://{tmp_path}/no.sock"))
    with pytest.raises(base.ImageError) as error:
        driver.present("sha256:" + "0" * 64)
    assert not error.value.permanent

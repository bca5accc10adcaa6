"""What every image driver does, and real pulls by a real engine."""

import contextlib
import pathlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import requests

from caas.drivers.image import base
from caas.drivers.image import registry as registry_driver
from caas.drivers.image.fake import FakeImage
from caas.drivers.image.registry import RegistryImage
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import spec
from tests.system.drivers.conftest import busybox_tar
from tests.system.drivers.test_runtime import kit_of
from tests.system.plain_registry import Fault, Pushed, Registry, layer


@pytest.fixture
def driver(
    make_conf: Callable[..., Any],
    registry: Registry,
    api: docker.APIClient,
) -> Iterator[RegistryImage]:
    before = {name for one in api.images() for name in one["RepoTags"] or ()}
    yield RegistryImage(
        make_conf(pull__endpoint=registry.endpoint + "/", pull__timeout=2)
    )
    for one in api.images():
        for name in set(one["RepoTags"] or ()) - before:
            if name.startswith("caas.local/image:"):
                with contextlib.suppress(docker.errors.ImageNotFound):
                    api.remove_image(name, force=True)


def quiet(sentence: str) -> None:
    """Nobody asks how far it is."""


def names(api: docker.APIClient, marks: str) -> set[str]:
    """What the engine calls images, of tags or of digests."""
    return {name for one in api.images() for name in one[marks] or ()}


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(params=["fake", "registry"])
def image(request: pytest.FixtureRequest, driver: RegistryImage) -> base.Image:
    return FakeImage() if request.param == "fake" else driver


def test_ensure_and_again(image: base.Image, registry: Registry) -> None:
    there = registry.push([layer()])
    said: list[str] = []
    assert image.present(there.digest) is None
    reference = image.ensure(there.ref, there.pull(), said.append)
    assert said
    assert image.present(there.digest) == reference
    # no leave is needed for what is there, and nothing moves
    registry.reset()
    said.clear()
    assert image.ensure(there.ref, None, said.append) == reference
    assert not said
    assert not registry.asked


def test_no_leave(image: base.Image, registry: Registry) -> None:
    there = registry.push([layer(10)])
    with pytest.raises(base.ImageError) as error:
        image.ensure(there.ref, None, quiet)
    assert error.value.expired
    assert not error.value.permanent
    assert not registry.asked


def test_one_download_for_many(image: base.Image, registry: Registry) -> None:
    there = registry.push([layer()])
    references: list[str] = []

    def work() -> None:
        references.append(image.ensure(there.ref, there.pull(), quiet))

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(references) == 10
    assert len(set(references)) == 1
    if isinstance(image, FakeImage):
        assert image.downloads == [there.digest]
    else:
        assert len(registry.asked) == len(set(registry.asked)) == 3
        assert registry.moved[there.layers[0]] == there.sizes[0]


def test_only_missing_layers_move(
    driver: RegistryImage, registry: Registry
) -> None:
    common = layer(2_000_000)
    base_image = registry.push([common], "web/base")
    on_top = registry.push([common, layer(50_000)], "web/app")
    driver.ensure(base_image.ref, base_image.pull(), quiet)
    registry.reset()
    driver.ensure(on_top.ref, on_top.pull(), quiet)
    assert on_top.layers[0] not in registry.asked
    assert registry.moved[on_top.layers[1]] == on_top.sizes[1]
    assert sum(registry.moved.values()) < on_top.sizes[1] + 5000


def test_waiters_are_told_how_far_it_is(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(3_000_000)])
    gate = threading.Event()
    registry.faults[there.layers[0]] = Fault(gate=gate)
    said: dict[int, list[str]] = {0: [], 1: []}
    threads = [
        threading.Thread(
            target=driver.ensure,
            args=(there.ref, there.pull(), said[number].append),
        )
        for number in range(2)
    ]
    for thread in threads:
        thread.start()
    until(lambda: all(said.values()))
    gate.set()
    for thread in threads:
        thread.join(60)
    assert all("MB, 0 of 1 layers" in told[0] for told in said.values())
    assert driver.present(there.digest)


def test_a_pulled_image_runs(
    driver: RegistryImage, registry: Registry, make_conf: Callable[..., Any]
) -> None:
    there = registry.push([busybox_tar("pulled"), layer(10)])
    reference = driver.ensure(there.ref, there.pull(), quiet)
    with kit_of(DockerRuntime(make_conf()), reference) as kit:
        started = kit.runtime.start(kit.business("a", infra_id=kit.infra()))
        assert started.state == "running"


def test_the_only_name_is_ours(
    driver: RegistryImage, registry: Registry, api: docker.APIClient
) -> None:
    tags = names(api, "RepoTags")
    there = registry.push([layer(10)])
    reference = driver.ensure(there.ref, there.pull(), quiet)
    assert names(api, "RepoTags") - tags == {reference}
    assert not [n for n in names(api, "RepoDigests") if "caas.pull" in n]


def test_names_of_one_that_was_killed_go(
    driver: RegistryImage,
    registry: Registry,
    api: docker.APIClient,
    monkeypatch: pytest.MonkeyPatch,
    make_conf: Callable[..., Any],
) -> None:
    first, second = (registry.push([layer(10)]) for _ in range(2))

    def killed(*args: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(driver, "_adopt", killed)
    with pytest.raises(KeyboardInterrupt):
        driver.ensure(first.ref, first.pull(), quiet)
    assert [n for n in names(api, "RepoDigests") if "caas.pull" in n]
    again = RegistryImage(make_conf(pull__endpoint=registry.endpoint))
    again.ensure(second.ref, second.pull(), quiet)
    assert not [n for n in names(api, "RepoDigests") if "caas.pull" in n]


@pytest.mark.parametrize(
    ("fault", "token", "permanent", "expired", "words"),
    [
        (Fault(), "bad", False, True, "run out"),
        (Fault(status=401), "good", False, True, "run out"),
        (Fault(status=404), "good", True, False, "no longer in the registry"),
        (Fault(status=400), "good", True, False, "answered 400"),
        (Fault(status=429), "good", False, False, "answered 429"),
        (Fault(status=503), "good", False, False, "answered 503"),
        (Fault(status=302), "good", False, False, "answered 302"),
        (Fault(cut_after=0), "good", False, False, "was cut"),
        (Fault(corrupt=True), "good", True, False, "another digest"),
    ],
    ids=str,
)
@pytest.mark.parametrize("of", ["manifest", "layer"])
def test_download_that_fails(
    driver: RegistryImage,
    registry: Registry,
    of: str,
    fault: Fault,
    token: str,
    permanent: bool,
    expired: bool,
    words: str,
) -> None:
    there = registry.push([layer(1000)])
    digest = there.digest if of == "manifest" else there.layers[0]
    registry.faults[digest] = fault
    with pytest.raises(base.ImageError) as error:
        driver.ensure(there.ref, there.pull(token), quiet)
    assert words in error.value.message
    assert (error.value.permanent, error.value.expired) == (permanent, expired)
    assert error.value.message.startswith("The image web:1 ")
    assert "127.0.0.1" not in error.value.message
    assert driver.present(there.digest) is None
    # nothing of it stays in the way
    registry.reset()
    assert driver.ensure(there.ref, there.pull(), quiet)


def test_more_bytes_than_there_should_be(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(1000)])
    registry.faults[there.layers[0]] = Fault(longer=True)
    with pytest.raises(base.ImageError, match="more bytes") as error:
        driver.ensure(there.ref, there.pull(), quiet)
    assert error.value.permanent


def test_goes_on_where_it_was(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(2_000_000)])
    registry.faults[there.layers[0]] = Fault(cut_after=900_000, times=2)
    said: list[str] = []
    driver.ensure(there.ref, there.pull(), said.append)
    assert registry.asked.count(there.layers[0]) == 3
    assert registry.moved[there.layers[0]] == there.sizes[0]
    assert any("cut" in sentence for sentence in said)


def test_registry_that_is_away_for_a_while(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(1000)])
    registry.away = True
    with pytest.raises(base.ImageError) as error:
        driver.ensure(there.ref, there.pull(), quiet)
    assert not error.value.permanent
    assert not error.value.expired
    registry.away = False
    # the connection that was cut is not met again
    assert driver.ensure(there.ref, there.pull(), quiet)


def test_nothing_listens(
    make_conf: Callable[..., Any], registry: Registry
) -> None:
    there = registry.push([layer(10)])
    driver = RegistryImage(make_conf(pull__endpoint="http://127.0.0.1:9"))
    with pytest.raises(base.ImageError, match="cannot be reached") as error:
        driver.ensure(there.ref, there.pull(), quiet)
    assert not error.value.permanent
    assert not error.value.expired


def test_registry_that_hangs(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(1_000_000)])
    gate = threading.Event()
    registry.faults[there.layers[0]] = Fault(gate=gate)
    with pytest.raises(base.ImageError, match="not answer in time") as error:
        driver.ensure(there.ref, there.pull(), quiet)
    gate.set()
    assert not error.value.permanent


def test_waiter_with_a_good_token_goes_on_after_one_with_a_bad(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(10)])
    outcome: dict[str, object] = {}

    def work(token: str) -> None:
        try:
            outcome[token] = driver.ensure(there.ref, there.pull(token), quiet)
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
    assert outcome["good"] == base.reference(there.digest)


def test_who_comes_later_brings_a_newer_leave(
    driver: RegistryImage, registry: Registry, make_conf: Callable[..., Any]
) -> None:
    """A long pull goes on with it when the first one has run out."""
    # it is not to ask again while the gate is closed, however long that takes
    driver = RegistryImage(
        make_conf(pull__endpoint=registry.endpoint, pull__timeout=60)
    )
    there = registry.push([layer(1_000_000)])
    digest = there.layers[0]
    gate = threading.Event()
    registry.faults[digest] = Fault(gate=gate, cut_after=1, times=1)
    outcome: list[object] = []

    def work(token: str) -> None:
        outcome.append(driver.ensure(there.ref, there.pull(token), quiet))

    first = threading.Thread(target=work, args=("good",))
    first.start()
    until(lambda: digest in registry.asked)
    job = driver._jobs[there.digest]
    job.renew(there.pull("bad"))
    second = threading.Thread(target=work, args=("good",))
    second.start()
    until(lambda: job._passage and job._passage._pull.token == "good")
    gate.set()
    for thread in (first, second):
        thread.join(60)
    assert outcome == 2 * [base.reference(there.digest)]


# What is in it.


def refused(driver: RegistryImage, there: Pushed, **ref: Any) -> str:
    image = spec.ImageRef(**{**vars(there.ref), **ref})
    with pytest.raises(base.ImageError) as error:
        driver.ensure(image, there.pull(), quiet)
    assert error.value.permanent
    assert driver.present(there.digest) is None
    return error.value.message


def test_labels_of_ours_are_not_let_in(
    driver: RegistryImage, registry: Registry, api: docker.APIClient
) -> None:
    """A container of such an image would pass for one of a set."""
    before = {one["Id"] for one in api.images(all=True)}
    there = registry.push(
        [layer(10)], config={"Labels": {"a": "b", "caas.set": "1"}}
    )
    assert "label 'caas.set'" in refused(driver, there)
    assert {one["Id"] for one in api.images(all=True)} == before


def test_other_platforms(driver: RegistryImage, registry: Registry) -> None:
    there = registry.push([layer(10)], architecture="mips64le")
    message = refused(driver, there)
    assert "mips64le" in message or "no image for linux/" in message
    registry.reset()
    there = registry.push([layer(10)], os="windows")
    message = refused(driver, there)
    assert "windows" in message or "no image for linux/" in message


def test_of_an_index_the_right_one_is_pulled(
    driver: RegistryImage, registry: Registry, api: docker.APIClient
) -> None:
    ours = registry.push([layer(1000)])
    theirs = registry.push([layer(1000)], architecture="mips64le")
    architecture = api.version()["Arch"]
    there = registry.index([(theirs, "mips64le"), (ours, architecture)])
    reference = driver.ensure(there.ref, there.pull(), quiet)
    assert api.inspect_image(reference)["Architecture"] == architecture
    assert ours.layers[0] in registry.asked
    assert theirs.layers[0] not in registry.asked
    there = registry.index([(theirs, "mips64le")])
    assert f"no image for linux/{architecture}" in refused(driver, there)


def test_too_large(
    make_conf: Callable[..., Any], registry: Registry, driver: RegistryImage
) -> None:
    there = registry.push([layer(10)])
    assert "max_unpacked_gb" in refused(driver, there, unpacked_size=1 << 40)
    assert not registry.asked

    def claim(manifest: dict[str, Any]) -> None:
        manifest["layers"] *= 1000

    digest = registry.push([layer(1000)], change=claim)
    driver._limit = 100_000
    assert "max_unpacked_gb" in refused(driver, digest)


def test_no_room(
    driver: RegistryImage,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = registry.push([layer(1000)])
    full = shutil._ntuple_diskusage(1 << 40, 1 << 40, 256 << 20)
    with monkeypatch.context() as patch:
        patch.setattr(registry_driver.shutil, "disk_usage", lambda _: full)
        with pytest.raises(base.ImageError, match="room for") as error:
            driver.ensure(there.ref, there.pull(), quiet)
    assert not error.value.permanent
    assert there.layers[0] not in registry.asked
    assert driver._reserved == 0
    assert driver.ensure(there.ref, there.pull(), quiet)


def test_layers_are_to_come_from_the_registry(
    driver: RegistryImage, registry: Registry
) -> None:
    """The containerd store would ask any server an image names."""

    def elsewhere(manifest: dict[str, Any]) -> None:
        manifest["layers"][0]["urls"] = ["http://127.0.0.1:9/x"]

    there = registry.push([layer(10)], change=elsewhere)
    assert "not kept in registries" in refused(driver, there)


def test_layers_the_engine_cannot_unpack(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([b"no tar at all" * 100])
    assert "cannot be pulled" in refused(driver, there)


def test_digest_of_another_kind(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(10)])
    message = refused(driver, there, digest="sha512:" + "0" * 128)
    assert "unknown kind" in message


# Who else is on this host.


def test_nobody_else_is_served(
    driver: RegistryImage, registry: Registry
) -> None:
    there = registry.push([layer(1_000_000)])
    gate = threading.Event()
    registry.faults[there.layers[0]] = Fault(gate=gate)
    thread = threading.Thread(
        target=driver.ensure, args=(there.ref, there.pull(), quiet)
    )
    thread.start()
    until(lambda: registry.moved.get(there.layers[0]))
    port = driver._loopback._port
    for auth in (None, ("caas", ""), ("caas", "guess")):
        for path in ("", f"x/y/manifests/{there.digest}"):
            answer = requests.get(
                f"http://127.0.0.1:{port}/v2/{path}", auth=auth, timeout=10
            )
            assert answer.status_code == 401
    # one with the password gets what belongs to the image only
    (secret,) = driver._loopback._passages
    other = registry.push([layer(10)])
    answer = requests.get(
        f"http://127.0.0.1:{port}/v2/x/y/manifests/{other.digest}",
        auth=("caas", secret),
        timeout=10,
    )
    assert answer.status_code == 404
    gate.set()
    thread.join(60)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 10)


def test_port_that_is_taken(
    make_conf: Callable[..., Any], registry: Registry
) -> None:
    there = registry.push([layer(10)])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        driver = RegistryImage(
            make_conf(
                pull__endpoint=registry.endpoint,
                pull__port=taken.getsockname()[1],
            )
        )
        with pytest.raises(base.ImageError, match=r"\[pull\] port") as error:
            driver.ensure(there.ref, there.pull(), quiet)
    assert not error.value.permanent
    assert driver.ensure(there.ref, there.pull(), quiet)


def test_engine_that_is_away(
    make_conf: Callable[..., Any], tmp_path: pathlib.Path
) -> None:
    driver = RegistryImage(make_conf(docker__url=f"unix://{tmp_path}/no.sock"))
    with pytest.raises(base.ImageError) as error:
        driver.present("sha256:" + "0" * 64)
    assert not error.value.permanent

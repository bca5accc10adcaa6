"""Images made of containers, pushed by a real engine to a real registry."""

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import docker.errors
import pytest

from caas.drivers.image import base
from caas.drivers.image.fake import FakeImage
from caas.drivers.image.registry import RegistryImage
from caas.drivers.runtime.docker import DockerRuntime
from caas.model import wire
from tests.system.drivers.conftest import busybox_tar
from tests.system.drivers.test_runtime import Kit, kit_of
from tests.system.plain_registry import TOKEN, Pushed, Registry, layer

#: Of a layer that has a few files, with configuration and manifest.
LITTLE = 20_000
ENV = {"CAAS_CPU": "0.5", "CAAS_MEM": "64", "A": "b"}


@pytest.fixture
def driver(
    make_conf: Callable[..., Any], registry: Registry, api: docker.APIClient
) -> Iterator[RegistryImage]:
    before = {name for one in api.images() for name in one["RepoTags"] or ()}
    yield RegistryImage(make_conf(pull__endpoint=registry.endpoint))
    for one in api.images():
        for name in set(one["RepoTags"] or ()) - before:
            if name.startswith("caas.local/"):
                with contextlib.suppress(docker.errors.ImageNotFound):
                    api.remove_image(name, force=True)


@pytest.fixture
def runtime(make_conf: Callable[..., Any]) -> DockerRuntime:
    return DockerRuntime(make_conf())


def quiet(sentence: str) -> None:
    """Nobody asks how far it is."""


def never() -> bool:
    return False


def bring(registry: Registry, repository: str, *more: bytes) -> Pushed:
    tars = [busybox_tar(uuid.uuid4().hex), *more]
    return registry.push(tars, repository, config={"Labels": {"who": "me"}})


def leave(
    repository: str, *, of: str = "", token: str = TOKEN, tag: str = "2"
) -> wire.Push:
    return wire.Push(token, repository, tag, of)


@contextlib.contextmanager
def changed(
    driver: RegistryImage, runtime: DockerRuntime, there: Pushed
) -> Iterator[tuple[Kit, str]]:
    """What a job has made of a container of the image, in which a file is
    new."""
    reference = driver.ensure(there.ref, there.pull(), quiet)
    with kit_of(runtime, reference) as kit:
        made = kit.business(
            "a",
            *("sh", "-c", "echo changed > /tmp/file; exec sleep 1000"),
            infra_id=kit.infra(),
            env=ENV,
        )
        kit.runtime.start(made)
        until_there(kit, made)
        image = base.committed(str(uuid.uuid4()))
        kit.runtime.commit(made, image, message="why")
        yield kit, image


def until_there(kit: Kit, runtime_id: str) -> None:
    words = ["sh", "-c", "until test -s /tmp/file; do sleep 0.05; done"]
    assert kit.runtime.execute(runtime_id, words, 20).exit_code == 0


@pytest.mark.parametrize("repository", ["web/app", "other/app"])
def test_only_the_new_layer_travels(
    driver: RegistryImage,
    runtime: DockerRuntime,
    registry: Registry,
    api: docker.APIClient,
    repository: str,
) -> None:
    """Of what is there already, and of what is in another repository."""
    there = bring(registry, "web/app", layer(3_000_000), layer(20_000))
    before = {n for one in api.images() for n in one["RepoTags"] or ()}
    with changed(driver, runtime, there) as (kit, image):
        assert image in driver.committed()
        registry.reset()
        done = driver.push(
            image, leave(repository, of="web/app"), quiet, never
        )
        driver.remove(image)
        assert image not in driver.committed()
        driver.remove(image)
    assert registry.came < LITTLE
    assert 0 < done.sent <= registry.came
    manifest = registry.get(repository, "2")
    digests = [one["digest"] for one in manifest["layers"]]
    assert digests[:-1] == there.layers
    config = registry.get(repository, manifest["config"]["digest"])
    assert config["history"][-1]["comment"] == "why"
    # what caas gave to it is not in it
    assert set(config["config"]["Env"]) == {"A=b"}
    assert config["config"]["Labels"] == {"who": "me"}
    assert "caas" not in str(config["config"])
    assert "container_config" not in config
    # a name of its own is all that is new in the engine
    after = {n for one in api.images() for n in one["RepoTags"] or ()}
    assert after - before == {base.reference(there.digest)}
    # and it can be run
    pushed = Pushed(repository, done.digest, [], [])
    reference = driver.ensure(pushed.ref, pushed.pull(), quiet)
    with kit_of(runtime, reference) as kit:
        again = kit.business("a", infra_id=kit.infra())
        kit.runtime.start(again)
        read = kit.runtime.execute(again, ["cat", "/tmp/file"], 20)
    assert (read.exit_code, read.output) == (0, "changed")


def test_an_agent_that_is_started_anew_knows_what_is_there(
    make_conf: Callable[..., Any],
    driver: RegistryImage,
    runtime: DockerRuntime,
    registry: Registry,
) -> None:
    conf = make_conf(pull__endpoint=registry.endpoint)
    first = RegistryImage(conf)
    there = bring(registry, "web/app", layer(20_000))
    with changed(first, runtime, there) as (_, image):
        registry.reset()
        RegistryImage(conf).push(image, leave("web/app"), quiet, never)
        first.remove(image)
    assert registry.came < LITTLE


def test_what_the_registry_does_not_know_any_more_is_sent(
    driver: RegistryImage, runtime: DockerRuntime, registry: Registry
) -> None:
    there = bring(registry, "web/app", layer(1_000_000))
    said: list[str] = []
    with changed(driver, runtime, there) as (_, image):
        registry.reset()
        # nor may it be had from the image it is made from
        done = driver.push(image, leave("new/app"), said.append, never)
        driver.remove(image)
    assert done.sent > 1_000_000
    assert len(registry.get("new/app", "2")["layers"]) == 3
    assert any(one.startswith("pushed ") for one in said)


@pytest.mark.parametrize(
    ("refused", "token", "permanent", "expired", "words"),
    [
        (None, "bad", False, True, "the leave to push it has run out."),
        ((403, "No room\x07."), TOKEN, True, False, "pushed: No room."),
        ((404, "No such"), TOKEN, True, False, "pushed: No such."),
        ((503, ""), TOKEN, False, False, "the registry answered 503."),
        ((429, ""), TOKEN, False, False, "the registry answered 429."),
    ],
)
def test_what_the_registry_says(
    driver: RegistryImage,
    runtime: DockerRuntime,
    registry: Registry,
    refused: tuple[int, str] | None,
    token: str,
    permanent: bool,
    expired: bool,
    words: str,
) -> None:
    there = bring(registry, "web/app")
    with changed(driver, runtime, there) as (_, image):
        registry.refused = refused
        with pytest.raises(base.ImageError) as error:
            driver.push(image, leave("web/app", token=token), quiet, never)
        assert error.value.message.startswith("The image cannot be pushed: ")
        assert error.value.message.endswith(words)
        assert (error.value.permanent, error.value.expired) == (
            permanent,
            expired,
        )
        # and nothing of it stays in the way
        registry.refused = None
        assert driver.push(image, leave("web/app"), quiet, never).digest
        driver.remove(image)


def test_a_registry_that_is_away(
    driver: RegistryImage, runtime: DockerRuntime, registry: Registry
) -> None:
    there = bring(registry, "web/app")
    with changed(driver, runtime, there) as (_, image):
        registry.away = True
        with pytest.raises(base.ImageError) as error:
            driver.push(image, leave("web/app"), quiet, never)
        assert not error.value.permanent
        registry.away = False
        assert driver.push(image, leave("web/app"), quiet, never).digest
        driver.remove(image)


def test_a_push_that_is_given_up(
    driver: RegistryImage, runtime: DockerRuntime, registry: Registry
) -> None:
    there = bring(registry, "web/app", layer(1_000_000))
    given_up = threading.Event()
    with changed(driver, runtime, there) as (_, image):
        given_up.set()
        with pytest.raises(base.ImageError, match="given up"):
            driver.push(image, leave("new/app"), quiet, given_up.is_set)
        driver.remove(image)


def test_what_is_not_there_is_not_pushed(driver: RegistryImage) -> None:
    for image in (driver, FakeImage()):
        with pytest.raises(base.ImageError, match="cannot be pushed"):
            image.push(base.committed("none"), leave("web/app"), quiet, never)
        image.remove(base.committed("none"))
        assert base.committed("none") not in image.committed()

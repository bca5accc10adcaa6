"""What every runtime driver does, the real one and the fake alike."""

import contextlib
import dataclasses
import datetime
import json
import pathlib
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest

from caas.drivers.runtime import base
from caas.drivers.runtime.docker import DockerRuntime
from caas.drivers.runtime.fake import FakeRuntime
from caas.model import spec


@dataclasses.dataclass
class Kit:
    """A runtime and what a test makes in it."""

    runtime: base.Runtime
    image: str
    cgroup_parent: str | None = None
    set_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def config(
        self, name: str, *command: str, **changes: object
    ) -> base.ContainerConfig:
        config = base.ContainerConfig(
            name=f"caas-test-{self.set_id}-{name}",
            image=self.image,
            labels={
                base.LABEL_SET: self.set_id,
                base.LABEL_NAME: name,
                base.LABEL_CONTAINER: name,
                base.LABEL_ROLE: "business",
                base.LABEL_CONFIG: "1",
            },
            command=command or ("sleep", "1000"),
            cgroup_parent=self.cgroup_parent,
        )
        return dataclasses.replace(config, **changes)

    def infra(self) -> str:
        """Create the infra container of the set and start it."""
        config = self.config("infra", image="", command=None)
        config.labels[base.LABEL_ROLE] = "infra"
        infra_id = self.runtime.create(config)
        self.runtime.start(infra_id)
        return infra_id

    def business(self, name: str, *command: str, **changes: object) -> str:
        return self.runtime.create(self.config(name, *command, **changes))


@contextlib.contextmanager
def kit_of(runtime: base.Runtime, image: str) -> Iterator[Kit]:
    kit = Kit(runtime, image)
    kit.cgroup_parent = runtime.group(
        kit.set_id, spec.Resources(millicpus=1000, memory_mb=128, disk_gb=1)
    )
    try:
        yield kit
    finally:
        for there in runtime.list(kit.set_id):
            runtime.remove(there.id)
        runtime.group(kit.set_id, None)
        runtime.close()


@pytest.fixture(params=["fake", "docker"])
def make_runtime(
    request: pytest.FixtureRequest,
    make_conf,
    image: str,
    tmp_path: pathlib.Path,
) -> Callable[..., base.Runtime]:
    """A runtime; ``init`` as the option of Docker."""

    def make(init: bool = True) -> base.Runtime:
        if request.param == "fake":
            return FakeRuntime(images={image}, init=init, logs=tmp_path)
        return DockerRuntime(make_conf(docker__init=init))

    return make


@pytest.fixture
def kit(
    make_runtime: Callable[..., base.Runtime], image: str
) -> Iterator[Kit]:
    with kit_of(make_runtime(), image) as kit:
        yield kit


class Watch:
    """Reads events on a thread of its own."""

    def __init__(
        self, runtime: base.Runtime, since: datetime.datetime
    ) -> None:
        self.events: list[base.RuntimeEvent] = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(
            target=self._read, args=(runtime, since), daemon=True
        )
        self._thread.start()

    def _read(self, runtime: base.Runtime, since: datetime.datetime) -> None:
        with contextlib.suppress(base.EngineError):
            for event in runtime.events(since):
                with self._changed:
                    self.events.append(event)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(
        self, runtime_id: str, action: str, count: int = 1
    ) -> base.RuntimeEvent:
        def found() -> list[base.RuntimeEvent]:
            return [
                e
                for e in self.events
                if e.id == runtime_id and e.action == action
            ]

        with self._changed:
            assert self._changed.wait_for(
                lambda: len(found()) >= count, timeout=20
            ), f"no {action} of {runtime_id} among {self.events}"
            return found()[count - 1]

    def wait_end(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._ended, timeout=20)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def test_info(kit: Kit) -> None:
    info = kit.runtime.info()
    assert info.version
    assert info.cpus >= 1
    assert info.memory_mb > 256
    assert info.cgroup_version in (1, 2)


def test_create_again_is_the_same_container(kit: Kit) -> None:
    infra = kit.infra()
    first = kit.business("a", infra_id=infra)
    assert kit.business("a", infra_id=infra) == first
    assert kit.runtime.start(first).state == "running"
    assert kit.business("a", infra_id=infra) == first
    assert len(kit.runtime.list(kit.set_id)) == 2


def test_create_with_another_config_replaces(kit: Kit) -> None:
    infra = kit.infra()
    first = kit.business("a", infra_id=infra)
    kit.runtime.start(first)
    other = kit.config("a", infra_id=infra)
    other.labels[base.LABEL_CONFIG] = "2"
    second = kit.runtime.create(other)
    assert second != first
    assert {c.id for c in kit.runtime.list(kit.set_id)} == {infra, second}


def test_create_for_another_infra_replaces(kit: Kit) -> None:
    infra = kit.infra()
    first = kit.business("a", infra_id=infra)
    kit.runtime.remove(infra)
    second = kit.business("a", infra_id=kit.infra())
    assert second != first
    assert kit.runtime.start(second).state == "running"


def test_start_and_again(kit: Kit) -> None:
    infra = kit.infra()
    there = kit.business("a", infra_id=infra)
    started = kit.runtime.start(there)
    assert started.id == there
    assert started.state == "running"
    assert started.pid > 0
    assert started.started_at is not None
    assert started.finished_at is None
    assert started.exit_code is None
    assert kit.runtime.start(there).pid == started.pid


def test_stop(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    stopped = kit.runtime.stop(there, 10)
    assert stopped.state == "exited"
    assert stopped.exit_code == 143
    assert stopped.pid == 0
    assert stopped.finished_at is not None
    assert not stopped.error
    assert kit.runtime.stop(there, 10) == stopped


def test_stop_kills_when_the_grace_is_over(kit: Kit) -> None:
    there = kit.business(
        "a",
        "sh",
        "-c",
        "trap '' TERM; while true; do sleep 1; done",
        infra_id=kit.infra(),
    )
    kit.runtime.start(there)
    assert kit.runtime.stop(there, 1).exit_code == 137


def test_stop_without_grace_takes_no_time(kit: Kit) -> None:
    there = kit.business(
        "a",
        "sh",
        "-c",
        "trap '' TERM; while true; do sleep 1; done",
        infra_id=kit.infra(),
    )
    kit.runtime.start(there)
    begun = now()
    assert kit.runtime.stop(there, 0).exit_code == 137
    assert (now() - begun).total_seconds() < 3


def test_infra_stops_at_once(kit: Kit) -> None:
    infra = kit.infra()
    begun = now()
    assert kit.runtime.stop(infra, 10).state == "exited"
    assert (now() - begun).total_seconds() < 3


def test_exit_code_and_restart(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    there = kit.business("a", "sh", "-c", "exit 3", infra_id=kit.infra())
    kit.runtime.start(there)
    died = watch.wait(there, "die")
    assert died.exit_code == 3
    assert not died.error
    (found,) = [c for c in kit.runtime.list(kit.set_id) if c.id == there]
    assert (found.state, found.exit_code, found.pid) == ("exited", 3, 0)
    assert not found.oom_killed
    kit.runtime.start(there)
    watch.wait(there, "die", count=2)


def test_list_knows_sets(kit: Kit) -> None:
    infra = kit.infra()
    there = kit.business("a", infra_id=infra)
    found = {c.id: c for c in kit.runtime.list(kit.set_id)}
    assert found.keys() == {infra, there}
    assert found[there].state == "created"
    assert found[infra].state == "running"
    assert found[there].labels[base.LABEL_NAME] == "a"
    assert found[there].name == f"caas-test-{kit.set_id}-a"
    assert kit.runtime.list(str(uuid.uuid4())) in ((), [])
    assert found.keys() <= {c.id for c in kit.runtime.list()}


def test_remove_and_again(kit: Kit) -> None:
    infra = kit.infra()
    there = kit.business("a", infra_id=infra)
    kit.runtime.start(there)
    for _ in range(2):
        kit.runtime.remove(there)
        kit.runtime.remove(infra)
    assert not kit.runtime.list(kit.set_id)


def test_what_is_not_there(kit: Kit) -> None:
    nothing = "0" * 64
    with pytest.raises(base.EngineError) as error:
        kit.runtime.start(nothing)
    assert not error.value.permanent
    with pytest.raises(base.EngineError):
        kit.runtime.stop(nothing, 1)
    kit.runtime.remove(nothing)


def test_missing_image_is_permanent(kit: Kit) -> None:
    with pytest.raises(base.EngineError) as error:
        kit.business("a", infra_id=kit.infra(), image="no/such:image")
    assert error.value.permanent
    assert "no/such:image" in error.value.message


def test_bad_command_is_permanent(
    make_runtime: Callable[..., base.Runtime], image: str
) -> None:
    with kit_of(make_runtime(init=False), image) as kit:
        there = kit.business("a", "no-such-program", infra_id=kit.infra())
        with pytest.raises(base.EngineError) as error:
            kit.runtime.start(there)
        assert error.value.permanent
        assert "no-such-program" in error.value.message
        assert "not found" in error.value.message
        (found,) = [c for c in kit.runtime.list(kit.set_id) if c.id == there]
        assert found.state in ("created", "exited")


def test_bad_command_below_init_says_so_when_it_ends(
    make_runtime: Callable[..., base.Runtime], image: str
) -> None:
    with kit_of(make_runtime(init=True), image) as kit:
        watch = Watch(kit.runtime, now())
        there = kit.business("a", "no-such-program", infra_id=kit.infra())
        kit.runtime.start(there)
        died = watch.wait(there, "die")
        assert died.exit_code == 127
        assert "no-such-program" in died.error
        (found,) = [c for c in kit.runtime.list(kit.set_id) if c.id == there]
        assert found.error == died.error


def test_business_needs_its_infra_running(kit: Kit) -> None:
    infra = kit.infra()
    there = kit.business("a", infra_id=infra)
    kit.runtime.stop(infra, 0)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.start(there)
    assert not error.value.permanent
    kit.runtime.start(infra)
    assert kit.runtime.start(there).state == "running"


def test_events(kit: Kit) -> None:
    begun = now()
    watch = Watch(kit.runtime, begun)
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    kit.runtime.stop(there, 5)
    kit.runtime.remove(there)
    watch.wait(there, "destroy")
    mine = [e for e in watch.events if e.id == there]
    assert [e.action for e in mine] == ["start", "die", "destroy"]
    assert [e.exit_code for e in mine] == [None, 143, None]
    assert all(e.labels[base.LABEL_SET] == kit.set_id for e in mine)
    assert all(begun <= e.at <= now() for e in mine)

    # who comes later is told what he missed, and no more
    late = Watch(kit.runtime, begun)
    late.wait(there, "destroy")
    assert [e.action for e in late.events if e.id == there] == [
        "start",
        "die",
        "destroy",
    ]
    after = Watch(kit.runtime, mine[0].at + datetime.timedelta(microseconds=1))
    after.wait(there, "destroy")
    assert [e.action for e in after.events if e.id == there] == [
        "die",
        "destroy",
    ]

    kit.runtime.close()
    for each in (watch, late, after):
        each.wait_end()


def test_many_at_once(kit: Kit) -> None:
    """Threads share one driver; every container is made exactly once."""
    infra = kit.infra()
    failures: list[Exception] = []

    def work(name: str) -> None:
        try:
            there = kit.business(name, infra_id=infra)
            assert kit.runtime.start(there).state == "running"
        except Exception as e:
            failures.append(e)

    threads = [
        threading.Thread(target=work, args=(f"c{n % 6}",)) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    found = kit.runtime.list(kit.set_id)
    assert len(found) == 7
    assert {c.state for c in found} == {"running"}


def test_group_again_and_removed_twice(kit: Kit) -> None:
    more = spec.Resources(millicpus=2000, memory_mb=256, disk_gb=1)
    parent = kit.runtime.group(kit.set_id, more)
    assert parent == kit.cgroup_parent
    assert kit.runtime.group(kit.set_id, None) is None
    assert kit.runtime.group(kit.set_id, None) is None


def state_of(kit: Kit, runtime_id: str) -> base.RuntimeContainer:
    (found,) = [c for c in kit.runtime.list(kit.set_id) if c.id == runtime_id]
    return found


def test_pause_and_again(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    there = kit.business("a", infra_id=kit.infra())
    assert kit.runtime.pause(there, True).state == "created"
    running = kit.runtime.start(there)
    for paused, state in (
        *((False, "running"), (True, "paused"), (True, "paused")),
        *((False, "running"), (False, "running")),
    ):
        found = kit.runtime.pause(there, paused)
        assert found == dataclasses.replace(running, state=state)
        assert state_of(kit, there) == found
    kit.runtime.stop(there, 0)
    for paused in (True, False):
        assert kit.runtime.pause(there, paused).state == "exited"
    watch.wait(there, "die")
    assert [e.action for e in watch.events if e.id == there] == [
        "start",
        "pause",
        "unpause",
        "die",
    ]


@pytest.mark.parametrize("state", ["created", "running", "paused", "exited"])
def test_commit(kit: Kit, state: str, forget: Callable[[str], str]) -> None:
    """It is what it was, and the image can be run."""
    there = kit.business("a", infra_id=kit.infra())
    if state != "created":
        kit.runtime.start(there)
    if state == "paused":
        kit.runtime.pause(there, True)
    if state == "exited":
        kit.runtime.stop(there, 0)
    before = state_of(kit, there)
    made = forget(f"caas.test/commit:{kit.set_id}")
    # twice, as after a crash
    for _ in range(2):
        kit.runtime.commit(
            there, made, message="why", author="me", changes=["ENV A=b"]
        )
    assert state_of(kit, there) == before
    again = kit.business("b", image=made, infra_id=kit.infra())
    assert kit.runtime.start(again).state == "running"


def test_what_cannot_be_committed(
    kit: Kit, forget: Callable[[str], str]
) -> None:
    made = forget(f"caas.test/commit:{kit.set_id}")
    with pytest.raises(base.Absent):
        kit.runtime.commit("f" * 64, made)
    there = kit.business("a", infra_id=kit.infra())
    with pytest.raises(base.EngineError) as error:
        kit.runtime.commit(there, made, changes=["RUN true"])
    assert error.value.permanent


def test_a_paused_one_is_not_started(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    kit.runtime.pause(there, True)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.start(there)
    assert not error.value.permanent
    with pytest.raises(base.EngineError) as error:
        kit.runtime.execute(there, ["true"], 5)
    assert not error.value.permanent
    assert state_of(kit, there).state == "paused"


def test_a_paused_one_that_is_stopped_sees_the_signal(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    kit.runtime.pause(there, True)
    begun = now()
    assert kit.runtime.stop(there, 20).exit_code == 143
    assert (now() - begun).total_seconds() < 10
    watch.wait(there, "die")
    actions = [e.action for e in watch.events if e.id == there]
    # an engine may see its end before it can tell that it was thawed
    assert actions[-2:] in (["unpause", "die"], ["pause", "die"])


def test_a_paused_one_is_stopped_at_once_or_removed(kit: Kit) -> None:
    infra = kit.infra()
    for name in ("a", "b"):
        there = kit.business(name, infra_id=infra)
        kit.runtime.start(there)
        kit.runtime.pause(there, True)
        if name == "a":
            assert kit.runtime.stop(there, 0).state == "exited"
        kit.runtime.remove(there)
    assert [c.id for c in kit.runtime.list(kit.set_id)] == [infra]


def test_signal(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.signal(there, "HUP")
    kit.runtime.start(there)
    kit.runtime.signal(there, "URG")
    assert state_of(kit, there).state == "running"
    kit.runtime.signal(there, "HUP")
    assert watch.wait(there, "die").exit_code == 129
    kit.runtime.signal(there, "HUP")
    kit.runtime.start(there)
    kit.runtime.signal(there, "KILL")
    assert watch.wait(there, "die", count=2).exit_code == 137
    kit.runtime.remove(there)
    kit.runtime.signal(there, "HUP")


def test_signal_that_is_none(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    for paused in (False, True):
        kit.runtime.pause(there, paused)
        with pytest.raises(base.EngineError) as error:
            kit.runtime.signal(there, "FOO")
        assert error.value.permanent


def test_a_signal_waits_until_a_paused_one_is_thawed(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    kit.runtime.pause(there, True)
    kit.runtime.signal(there, "HUP")
    assert state_of(kit, there).state == "paused"
    kit.runtime.pause(there, False)
    assert watch.wait(there, "die").exit_code == 129


def test_a_paused_one_is_killed_at_once(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    kit.runtime.pause(there, True)
    kit.runtime.signal(there, "KILL")
    assert watch.wait(there, "die").exit_code == 137


def test_rename_and_again(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    infra = kit.infra()
    there = kit.business("a", infra_id=infra)
    other = kit.business("b", infra_id=infra)
    kit.runtime.start(there)
    before = state_of(kit, there)
    new = f"caas-test-{kit.set_id}-c"
    for _ in range(2):
        kit.runtime.rename(there, new)
        assert state_of(kit, there) == dataclasses.replace(before, name=new)
    watch.wait(there, "rename")
    with pytest.raises(base.EngineError) as error:
        kit.runtime.rename(other, new)
    assert not error.value.permanent
    # the name it had is free
    kit.runtime.rename(other, before.name)
    kit.runtime.stop(there, 0)
    assert kit.runtime.start(there).state == "running"
    # once infra is called otherwise, those that share its network go on
    kit.runtime.rename(infra, f"caas-test-{kit.set_id}-d")
    assert kit.runtime.start(other).state == "running"


def test_execute(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    with pytest.raises(base.EngineError) as error:
        kit.runtime.execute(there, ["true"], 5)
    assert not error.value.permanent
    kit.runtime.start(there)
    for command, code in (
        (("true",), 0),
        (("false",), 1),
        (("sh", "-c", "exit 7"), 7),
    ):
        found = kit.runtime.execute(there, command, 20)
        assert found == base.Executed(code, "")
    kit.runtime.stop(there, 0)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.execute(there, ["true"], 5)
    assert not error.value.permanent
    kit.runtime.remove(there)
    with pytest.raises(base.EngineError):
        kit.runtime.execute(there, ["true"], 5)


def test_execute_what_takes_too_long(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    begun = now()
    found = kit.runtime.execute(there, ["sleep", "1000"], 1)
    assert found == base.Executed(None, "")
    assert (now() - begun).total_seconds() < 5
    assert state_of(kit, there).state == "running"


def test_execute_what_cannot_be_run(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(there)
    found = kit.runtime.execute(there, ["no-such-program"], 5)
    assert found.exit_code in (126, 127)
    assert found.output.startswith("The command cannot be run: ")
    assert "no-such-program" in found.output
    assert found.output.endswith("not found in $PATH.")


def test_run(kit: Kit) -> None:
    infra = kit.infra()
    for command, code in (
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sleep", "1000"), None),
    ):
        begun = now()
        config = kit.config("hook", *command, infra_id=infra)
        found = kit.runtime.run(config, 1 if code is None else 20)
        assert found == base.Executed(code, "")
        assert (now() - begun).total_seconds() < 10
        assert [c.id for c in kit.runtime.list(kit.set_id)] == [infra]


def test_run_is_told_by_events(kit: Kit) -> None:
    watch = Watch(kit.runtime, now())
    infra = kit.infra()
    kit.runtime.run(kit.config("hook", "false", infra_id=infra), 20)
    kit.runtime.remove(infra)
    watch.wait(infra, "destroy")
    mine = [e for e in watch.events if e.labels[base.LABEL_NAME] == "hook"]
    assert [e.action for e in mine] == ["start", "die", "destroy"]
    assert mine[1].exit_code == 1


def test_run_replaces_what_a_crash_left(kit: Kit) -> None:
    infra = kit.infra()
    config = kit.config("hook", infra_id=infra)
    left = kit.runtime.create(config)
    kit.runtime.start(left)
    again = dataclasses.replace(config, command=("true",))
    assert kit.runtime.run(again, 20) == base.Executed(0, "")
    assert [c.id for c in kit.runtime.list(kit.set_id)] == [infra]


def test_run_what_cannot_be_run(
    make_runtime: Callable[..., base.Runtime], image: str
) -> None:
    with kit_of(make_runtime(init=True), image) as kit:
        infra = kit.infra()
        config = kit.config("hook", "no-such-program", infra_id=infra)
        found = kit.runtime.run(config, 20)
        assert found.exit_code == 127
        assert found.output.startswith("The command cannot be run: ")
        assert "no-such-program" in found.output
    with kit_of(make_runtime(init=False), image) as kit:
        infra = kit.infra()
        config = kit.config("hook", "no-such-program", infra_id=infra)
        with pytest.raises(base.EngineError) as error:
            kit.runtime.run(config, 20)
        assert error.value.permanent
        assert [c.id for c in kit.runtime.list(kit.set_id)] == [infra]


def test_run_without_image_or_infra(kit: Kit) -> None:
    infra = kit.infra()
    config = kit.config("hook", infra_id=infra)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.run(dataclasses.replace(config, image="no/such:one"), 5)
    assert error.value.permanent
    kit.runtime.stop(infra, 0)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.run(config, 5)
    assert not error.value.permanent
    assert [c.id for c in kit.runtime.list(kit.set_id)] == [infra]


def test_what_a_group_was_given_has_not_strayed(kit: Kit) -> None:
    there = kit.business("a", infra_id=kit.infra(), memory_bytes=64 << 20)
    kit.runtime.start(there)
    size = spec.Resources(millicpus=700, memory_mb=100, disk_gb=1)
    limits = base.Limits(333, 50 << 20)
    members = {there: limits}
    for boost in (True, False):
        kit.runtime.group(kit.set_id, size, boost=boost, members=members)
        assert not kit.runtime.strayed(
            kit.set_id, size, boost=boost, members=members
        )
        assert kit.runtime.strayed(
            kit.set_id, size, boost=not boost, members=members
        ) == {"": base.Limits(None if boost else 700, 100 << 20)}
    other = base.Limits(None, 40 << 20)
    assert kit.runtime.strayed(kit.set_id, size, members={there: other}) == {
        there: limits
    }
    kit.runtime.stop(there, 0)
    # one that does not run has no cgroup
    assert not kit.runtime.strayed(kit.set_id, size, members={there: other})
    assert not kit.runtime.strayed(str(uuid.uuid4()), size)


def test_parameters_of_a_network_need_a_process(kit: Kit) -> None:
    infra = kit.infra()
    (found,) = kit.runtime.list(kit.set_id)
    assert found.id == infra
    kit.runtime.tune(found.pid, {"net.ipv4.conf.lo.rp_filter": "2"})
    kit.runtime.stop(infra, 0)
    with pytest.raises(base.EngineError) as error:
        kit.runtime.tune(found.pid, {"net.ipv4.conf.lo.rp_filter": "2"})
    assert not error.value.permanent


def test_what_is_written_is_in_its_log_file(kit: Kit) -> None:
    runtime = kit.runtime
    runtime.ping()
    infra_id = kit.infra()
    runtime_id = kit.business("a", "echo", "hello", infra_id=infra_id)
    watch = Watch(runtime, now())
    runtime.start(runtime_id)
    watch.wait(runtime_id, "die")
    log = runtime.log_file(runtime_id)
    assert log is not None
    (entry,) = map(json.loads, log.read_text("utf-8").splitlines())
    assert (entry["log"], entry["stream"]) == ("hello\n", "stdout")
    assert datetime.datetime.fromisoformat(entry["time"]).tzinfo
    # goes on where it was
    runtime.start(runtime_id)
    watch.wait(runtime_id, "die", 2)
    assert len(log.read_text("utf-8").splitlines()) == 2
    runtime.remove(runtime_id)
    assert not log.exists()

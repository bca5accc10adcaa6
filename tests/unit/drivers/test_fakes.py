"""The levers of the fakes, on which other tests rely."""

import concurrent.futures
import contextlib
import dataclasses
import datetime
import signal
import threading
from typing import Any

import pytest

from caas.drivers.faults import Faults
from caas.drivers.image.fake import FakeImage
from caas.drivers.network.fake import FakeNetwork
from caas.drivers.runtime import base
from caas.drivers.runtime.fake import FakeRuntime
from caas.model import spec, wire

LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def config(name: str, *command: str) -> base.ContainerConfig:
    return base.ContainerConfig(name, "image", {}, command=command)


def test_fail_and_lose_an_answer() -> None:
    faults = Faults()
    runtime = FakeRuntime(faults=faults)
    faults.fail("runtime.create", base.EngineError("before"))
    with pytest.raises(base.EngineError, match="before"):
        runtime.create(config("a"))
    assert not runtime.containers
    faults.fail("runtime.create", base.EngineError("after"), after=True)
    with pytest.raises(base.EngineError, match="after"):
        runtime.create(config("a"))
    there = runtime.named("a")
    assert there is not None
    assert runtime.create(config("a")) == there.id


def test_fail_some() -> None:
    faults = Faults()
    network = FakeNetwork(faults=faults)
    faults.fail(
        "network.prepare",
        OSError("no"),
        times=2,
        match=lambda set_id: set_id == "bad",
    )
    network.prepare("good", "p")
    for _ in range(2):
        with pytest.raises(OSError, match="no"):
            network.prepare("bad", "p")
    network.prepare("bad", "p")
    faults.fail("network.prepare", OSError("no"), times=None)
    for _ in range(3):
        with pytest.raises(OSError, match="no"):
            network.prepare("good", "p")
    faults.clear()
    network.prepare("good", "p")


def test_hold() -> None:
    faults = Faults()
    runtime = FakeRuntime(faults=faults)
    threads = [
        threading.Thread(target=runtime.create, args=(config(name),))
        for name in ("a", "b")
    ]
    with faults.hold("runtime.create") as gate:
        for thread in threads:
            thread.start()
        gate.wait_for_callers(2)
        assert not runtime.containers
        with pytest.raises(TimeoutError):
            gate.wait_for_callers(3, timeout=0.01)
    for thread in threads:
        thread.join(10)
    assert len(runtime.containers) == 2


def test_calls_of_all_drivers_are_in_one_order() -> None:
    faults = Faults()
    runtime, network = FakeRuntime(faults=faults), FakeNetwork(faults=faults)
    network.prepare("s", "p")
    runtime.create(config("a"))
    network.unplug("s")
    assert [(c.method, c.subject) for c in faults.calls] == [
        ("network.prepare", "s"),
        ("runtime.create", "a"),
        ("network.unplug", "s"),
    ]


def seen(runtime: FakeRuntime) -> list[str]:
    """The events of an engine that goes away after them."""
    stream = runtime.events(LONG_AGO)
    actions: list[str] = []
    done = threading.Event()

    def read() -> None:
        with contextlib.suppress(base.EngineError):
            for event in stream:
                actions.append(event.action)
                if event.action == "destroy":
                    break
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(10)
    return actions


def test_kill_and_oom() -> None:
    runtime = FakeRuntime()
    there = runtime.create(config("a", "sleep", "1000"))
    runtime.start(there)
    runtime.kill(there, oom=True)
    found = runtime.containers[there]
    assert (found.state, found.exit_code, found.oom_killed) == (
        "exited",
        137,
        True,
    )
    runtime.start(there)
    assert not runtime.containers[there].oom_killed
    runtime.remove(there)
    assert seen(runtime) == ["start", "oom", "die", "start", "die", "destroy"]


def test_lost_events_and_a_restarted_engine() -> None:
    runtime = FakeRuntime()
    one, two = (runtime.create(config(n, "sleep")) for n in ("a", "b"))
    for each in (one, two):
        runtime.start(each)
    runtime.lose_events()
    runtime.kill(one)
    runtime.lose_events(False)
    runtime.restart()
    assert {c.state for c in runtime.containers.values()} == {"exited"}
    runtime.remove(two)
    assert seen(runtime) == ["start", "start", "destroy"]


def test_disconnect_ends_streams() -> None:
    runtime = FakeRuntime()
    stream = runtime.events(LONG_AGO)
    there = runtime.create(config("a", "sleep"))
    runtime.start(there)
    assert next(stream).action == "start"
    ended = threading.Event()

    def read() -> None:
        assert list(stream) == []
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    runtime.disconnect()
    assert ended.wait(10)


def test_image_of_one_fake_is_known_to_the_other() -> None:
    images: set[str] = set()
    runtime, image = FakeRuntime(images=images), FakeImage(images=images)
    ref = spec.ImageRef("a:b", "id", "sha256:abc")
    with pytest.raises(base.EngineError):
        runtime.create(base.ContainerConfig("a", "caas.local/image:abc", {}))
    reference = image.ensure(ref, wire.Pull("token"), lambda s: None)
    assert runtime.create(base.ContainerConfig("a", reference, {}))


def test_answers_to_commands() -> None:
    faults = Faults()
    runtime = FakeRuntime(faults=faults)
    there = runtime.create(config("a", "sleep", "1000"))
    runtime.start(there)
    failed = base.Executed(9, "why")
    runtime.answers["check", "-x"] = failed
    assert runtime.execute(there, ["check", "-x"], 1) == failed
    assert runtime.execute(there, ["check"], 1) == base.Executed(0, "")
    assert runtime.execute(there, ["sleep", "2"], 1).exit_code is None
    hook = dataclasses.replace(config("b", "-x"), entrypoint=("check",))
    assert runtime.run(hook, 1) == failed
    assert runtime.named("b") is None
    assert runtime.executed == [
        ("a", ("check", "-x")),
        ("a", ("check",)),
        ("a", ("sleep", "2")),
        ("b", ("check", "-x")),
    ]
    faults.fail("runtime.execute", base.EngineError("no"))
    with pytest.raises(base.EngineError, match="no"):
        runtime.execute(there, ["true"], 1)
    with (
        faults.hold("runtime.run", lambda name: name == "b") as gate,
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(runtime.run, hook, 1)
        gate.wait_for_callers()
        # the engine is not held up by it
        assert runtime.execute(there, ["true"], 1).exit_code == 0
        assert not running.done()
        gate.open()
        assert running.result(10) == failed


def test_signals_are_kept() -> None:
    runtime = FakeRuntime()
    there = runtime.create(config("a", "sh", "-c", "trap '' TERM; sleep 9"))
    runtime.signal(there, "HUP")
    runtime.start(there)
    for name in ("TERM", "URG"):
        runtime.signal(there, name)
    assert runtime.containers[there].state == "running"
    runtime.pause(there, True)
    runtime.signal(there, "TERM")
    runtime.signal(there, "USR1")
    assert runtime.containers[there].state == "paused"
    runtime.pause(there, False)
    assert runtime.containers[there].exit_code == 128 + signal.SIGUSR1
    assert runtime.signals == [
        ("a", "TERM"),
        ("a", "URG"),
        ("a", "TERM"),
        ("a", "USR1"),
    ]


def test_a_restart_of_the_engine_ends_paused_ones() -> None:
    runtime = FakeRuntime()
    there = runtime.create(config("a", "sleep", "1000"))
    runtime.start(there)
    runtime.pause(there, True)
    runtime.signal(there, "HUP")
    runtime.restart()
    assert runtime.containers[there].state == "exited"
    runtime.start(there)
    # signals end with what they were for
    runtime.pause(there, True)
    assert runtime.pause(there, False).state == "running"


def test_an_engine_may_lack_some() -> None:
    """Verbs that are not asked of every engine say so, for good."""
    there: Any = FakeRuntime()
    for call in (
        lambda: base.Runtime.pause(there, "a", True),
        lambda: base.Runtime.signal(there, "a", "HUP"),
        lambda: base.Runtime.rename(there, "a", "b"),
        lambda: base.Runtime.execute(there, "a", ["true"], 1),
        lambda: base.Runtime.run(there, config("a"), 1),
    ):
        with pytest.raises(base.EngineError, match="cannot") as error:
            call()
        assert error.value.permanent


def grouped() -> tuple[FakeRuntime, str]:
    runtime = FakeRuntime()
    runtime.group("s", spec.Resources(1000, 64, 1))
    made = dataclasses.replace(
        config("a", "sleep"),
        labels={base.LABEL_SET: "s", base.LABEL_CONTAINER: "a"},
        memory_bytes=32 << 20,
        share=base.Share(1000, 32),
    )
    there = runtime.create(made)
    runtime.start(there)
    return runtime, there


def test_tampered_cgroups_have_strayed_until_they_are_written() -> None:
    runtime, there = grouped()
    given = spec.Resources(1000, 64, 1)
    members = {there: base.Limits(None, 32 << 20)}
    assert not runtime.strayed("s", given, members=members)
    assert runtime.strayed("s", given, boost=True) == {
        "": base.Limits(1000, 64 << 20)
    }
    other = base.Limits(None, 1 << 40)
    runtime.tampered = {"s": other, there: other}
    assert runtime.strayed("s", given, members=members) == {
        "": other,
        there: other,
    }
    runtime.group("s", given, members=members)
    assert not runtime.strayed("s", given, members=members)


def test_shares_are_told_to_the_containers_there_are() -> None:
    runtime, _ = grouped()
    more = base.Share(2000, 48)
    runtime.group(
        "s", spec.Resources(2000, 96, 1), shares={"a": more, "b": more}
    )
    assert runtime.shares == {"s": {"a": more}}
    runtime.group("s", None)
    assert not runtime.shares


def test_tune_needs_a_process() -> None:
    runtime, there = grouped()
    pid = runtime.containers[there].pid
    runtime.tune(pid, {"a.b": "1"})
    assert runtime.tuned == {pid: {"a.b": "1"}}
    with pytest.raises(base.EngineError, match="does not run"):
        runtime.tune(pid + 1, {})

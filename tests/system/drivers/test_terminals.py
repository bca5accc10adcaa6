"""What users do and see inside of containers: real and fake alike."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from caas.drivers.runtime import base
from caas.drivers.runtime.docker import DockerRuntime
from caas.drivers.runtime.fake import FakeRuntime
from caas.model.streams import Channel
from tests.system.drivers.test_docker import poll
from tests.system.drivers.test_runtime import Kit, kit_of


@pytest.fixture(params=["fake", "docker"])
def kit(
    request: pytest.FixtureRequest, make_conf, image: str
) -> Iterator[Kit]:
    runtime: base.Runtime
    if request.param == "fake":
        runtime = FakeRuntime(images={image})
    else:
        runtime = DockerRuntime(make_conf())
    with kit_of(runtime, image) as kit:
        yield kit


@pytest.fixture
def there(kit: Kit) -> str:
    made = kit.business("a", infra_id=kit.infra())
    kit.runtime.start(made)
    return made


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def timely() -> Any:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(timely())


async def with_terminal(
    opening: Awaitable[base.Terminal],
    do: Callable[[base.Terminal], Awaitable[Any]],
) -> Any:
    terminal = await opening
    try:
        return await do(terminal)
    finally:
        await terminal.end()


async def said(terminal: base.Terminal, length: int) -> bytes:
    """So many bytes of stdout."""
    found = b""
    while len(found) < length and (piece := await terminal.read()):
        assert piece[0] == Channel.STDOUT
        found += piece[1]
    return found


@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.parametrize(
    ("words", "code"),
    [(("true",), 0), (("false",), 1), (("sh", "-c", "exit 9"), 9)],
)
def test_exit_codes(
    kit: Kit, there: str, words: tuple[str, ...], code: int, tty: bool
) -> None:
    async def end(terminal: base.Terminal) -> int:
        assert terminal.tty == tty
        assert await terminal.read() is None
        return await terminal.exit_code()

    command = base.Command(words, tty=tty)
    assert run(with_terminal(kit.runtime.exec(there, command), end)) == code


def test_input_and_its_end(kit: Kit, there: str) -> None:
    async def talk(terminal: base.Terminal) -> int:
        assert terminal.stdin
        for word in (b"one", b"two\0\xff"):
            await terminal.write(word)
            assert await said(terminal, len(word)) == word
        await terminal.write_eof()
        assert await terminal.read() is None
        # nobody wants it any more
        await terminal.write(b"three")
        return await terminal.exit_code()

    command = base.Command(("cat",), stdin=True)
    assert run(with_terminal(kit.runtime.exec(there, command), talk)) == 0


def test_a_signal(kit: Kit, there: str) -> None:
    async def kill(terminal: base.Terminal) -> int:
        await terminal.resize(80, 24)
        await terminal.signal("TERM")
        assert await terminal.read() is None
        return await terminal.exit_code()

    command = base.Command(("sleep", "100"))
    assert run(with_terminal(kit.runtime.exec(there, command), kill)) == 143


def test_one_that_is_left_has_ended(kit: Kit, there: str) -> None:
    async def leave(terminal: base.Terminal) -> None:
        pass

    command = base.Command(("sleep", "100"), tty=True, stdin=True)
    run(with_terminal(kit.runtime.exec(there, command), leave))
    (one,) = [
        p
        for p in kit.runtime.processes(kit.set_id, there)
        if "init" not in p.command
    ]
    assert one.command == "sleep 1000"


@pytest.mark.parametrize("tty", [False, True])
def test_a_command_that_cannot_be_run(kit: Kit, there: str, tty: bool) -> None:
    command = base.Command(("no-such-command",), tty=tty)
    with pytest.raises(base.EngineError, match="executable file") as error:
        run(kit.runtime.exec(there, command))
    assert error.value.permanent


def test_where_nothing_runs(kit: Kit, there: str) -> None:
    command = base.Command(("true",))
    kit.runtime.pause(there, True)
    with pytest.raises(base.Conflict, match="paused"):
        run(kit.runtime.exec(there, command))
    kit.runtime.stop(there, 0)
    for opening in (
        kit.runtime.exec(there, command),
        kit.runtime.attach(there, stdin=False),
    ):
        with pytest.raises(base.Conflict):
            run(opening)
    kit.runtime.remove(there)
    for opening in (
        kit.runtime.exec(there, command),
        kit.runtime.attach(there, stdin=False),
        kit.runtime.inspect(there),
        kit.runtime.diff(there, 1000),
    ):
        with pytest.raises(base.Absent):
            run(opening)


def test_attached_clients_come_and_go(kit: Kit) -> None:
    there = kit.business(
        "a",
        *("sh", "-c", "stty raw -echo; exec cat"),
        infra_id=kit.infra(),
        tty=True,
        stdin=True,
    )
    kit.runtime.start(there)

    async def talk(terminal: base.Terminal) -> None:
        assert terminal.tty
        assert terminal.stdin
        await terminal.write(b"word")
        found = b""
        while b"word" not in found:
            found += (await said(terminal, 1)).replace(b"\r\n", b"")

    for _ in range(2):
        run(with_terminal(kit.runtime.attach(there, stdin=True), talk))

    async def kill(terminal: base.Terminal) -> int:
        await terminal.signal("KILL")
        while await terminal.read():
            pass
        return await terminal.exit_code()

    attached = kit.runtime.attach(there, stdin=True)
    assert run(with_terminal(attached, kill)) == 137


def test_attached_to_what_takes_no_input(kit: Kit, there: str) -> None:
    async def look(terminal: base.Terminal) -> bool:
        await terminal.write(b"nothing")
        return terminal.stdin

    attached = kit.runtime.attach(there, stdin=True)
    assert run(with_terminal(attached, look)) is False


def test_usage(kit: Kit, there: str) -> None:
    idle = kit.business("b", infra_id=kit.infra())
    found = kit.runtime.usage(kit.set_id, [there, idle])
    assert set(found) == {"", there}
    assert found[""].limit_bytes == 128 << 20
    for usage in found.values():
        assert usage.cpu_ns is not None
        assert usage.memory_bytes is not None
        assert usage.pids


def test_processes(kit: Kit, there: str) -> None:
    found = kit.runtime.processes(kit.set_id, there)
    assert (found[0].pid, found[0].parent) == (1, 0)
    assert "sleep 1000" in found[-1].command
    kit.runtime.stop(there, 0)
    poll(lambda: not kit.runtime.processes(kit.set_id, there))


def test_inspect_and_diff(kit: Kit, there: str) -> None:
    found = run(kit.runtime.inspect(there))
    assert found["state"]["running"]
    assert found["config"]["command"] == ["sleep", "1000"]
    assert (found["config"]["tty"], found["config"]["stdin"]) == (False, False)
    changes, whole = run(kit.runtime.diff(there, 1 << 20))
    assert whole
    assert all(c.kind in ("added", "modified") for c in changes)

"""What the driver makes of an engine that fails it."""

import contextlib
import types
from collections.abc import Iterator
from typing import Any

import pytest
from oslo_config import cfg

from caas import conf as caas_conf
from caas.drivers.runtime import docker
from caas.drivers.runtime.base import EngineError


class Engine:
    """Tells of one container and cannot freeze or thaw it.

    :ivar states: what it is at each look, the last one for good.
    """

    def __init__(self, *states: str) -> None:
        self.states = list(states)

    @contextlib.contextmanager
    def call(self, what: str) -> Iterator[Any]:
        yield types.SimpleNamespace(
            inspect_container=self._inspect,
            pause=self._fail,
            unpause=self._fail,
        )

    def _inspect(self, runtime_id: str) -> dict[str, Any]:
        status = self.states.pop(0) if self.states[1:] else self.states[0]
        return {
            "Id": runtime_id,
            "Name": "/a",
            "Config": {"Labels": None},
            "State": {
                "Status": status,
                "Pid": 0,
                "ExitCode": 129,
                "StartedAt": "2026-11-25T10:00:00Z",
                "FinishedAt": "2026-11-25T10:00:01Z",
            },
            "HostConfig": {"CpuQuota": 0, "CpuPeriod": 0, "Memory": 0},
        }

    def _fail(self, runtime_id: str) -> None:
        raise EngineError("read cgroup.freeze: no such device.")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> docker.DockerRuntime:
    conf = cfg.ConfigOpts()
    caas_conf.register_all(conf)
    conf([], project="caas", default_config_files=[])
    monkeypatch.setattr(docker, "END_TIMEOUT", 0.1)
    return docker.DockerRuntime(conf)


@pytest.mark.parametrize(
    ("paused", "before"), [(False, "paused"), (True, "running")]
)
def test_one_that_ends_as_it_is_paused_or_thawed(
    runtime: docker.DockerRuntime,
    monkeypatch: pytest.MonkeyPatch,
    paused: bool,
    before: str,
) -> None:
    engine = Engine(before, before, before, "exited")
    monkeypatch.setattr(runtime, "_engine", engine)
    there = runtime.pause("0a1b", paused)
    assert (there.state, there.exit_code) == ("exited", 129)
    # one that lives on has not been thawed
    engine.states = [before]
    with pytest.raises(EngineError, match="no such device"):
        runtime.pause("0a1b", paused)

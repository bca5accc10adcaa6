"""Whether a host is fit, on engines that are and that are not."""

import json
import os
import pathlib
import random
import signal
import time

import pytest

from tests import stopping
from tests.system.agent.conftest import put_image


def findings(done):
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["fit"] else 1)
    found = {}
    for one in told["findings"]:
        found.setdefault(one["name"], []).append(
            (one["level"], one["message"])
        )
    return found


def levels(found, name):
    return {level for level, _ in found[name]}


def test_a_host_that_is_fit(host, run):
    host.start()
    options = {
        **host.options,
        "network.cidr": f"{host.network}.0.0/16",
    }
    done = run(options, "check", "--json")
    assert done.returncode == 0, done.stdout
    found = findings(done)
    assert "unfit" not in {x for n in found for x in levels(found, n)}
    for name in ("kernel", "cgroups", "storage", "links", "start", "infra"):
        assert levels(found, name) == {"ok"}, found[name]
    assert "Docker Engine" in found["engine"][0][1]
    assert levels(found, "agent") == {"ok"}
    # nothing is left of what it has tried
    assert not host.api.containers(all=True, filters={"label": "caas.check"})
    text = run(options, "check")
    assert text.stdout.splitlines()[-1].endswith("is fit.")


def options_of(dockerd, tmp_path, **more):
    return {
        "agent.state_path": tmp_path / "state",
        "agent.deployment": "check",
        "docker.url": dockerd.url,
        "docker.infra_binary": "/bin/busybox",
        "bridge.prefix": "tchk",
        **more,
    }


def test_a_network_that_clashes_with_docker0(dockerd, tmp_path, run):
    third = random.SystemRandom().randrange(256)
    dockerd.start(f"--bip=10.250.{third}.1/24", bridge="")
    options = options_of(
        dockerd, tmp_path, **{"network.cidr": "10.250.0.0/16"}
    )
    found = findings(run(options, "check", "--json"))
    ((level, message),) = found["subnets"]
    assert level == "unfit"
    assert f"10.250.{third}.0/24 (network bridge of Docker)" in message
    assert "bip" in message
    options["network.cidr"] = "10.251.0.0/16"
    found = findings(run(options, "check", "--json"))
    assert levels(found, "subnets") == {"ok"}
    # what a conductor said counts for more than this host's own option
    (tmp_path / "state" / "agent").mkdir(parents=True)
    (tmp_path / "state" / "agent" / "networks").write_text('["10.250.0.0/16"]')
    found = findings(run(options, "check", "--json"))
    assert levels(found, "subnets") == {"unfit"}
    options["agent.tolerate"] = "subnets"
    done = run(options, "check", "--json")
    assert levels(findings(done), "subnets") == {"warning"}
    assert done.returncode == 0


def test_an_agent_tells_what_it_finds(host):
    host.looks = True
    host.start()
    host.conductor.wait_for(lambda: host.conductor.facts is not None)
    assert host.conductor.facts["unfit"] == []
    one = host.create()
    (bridge,) = host.api.networks(names=["^bridge$"])
    subnet = bridge["IPAM"]["Config"][0]["Subnet"]
    # a conductor tells with an answer what it gives addresses of
    host.conductor.networks = [subnet]
    again = host.create()
    host.conductor.wait_for(lambda: host.conductor.facts["unfit"])
    (sentence,) = host.conductor.facts["unfit"]
    assert sentence.startswith(
        f"subnets: Sets are to have addresses of {subnet}"
    )
    assert host.running(one) == host.running(again) == ["infra", "web"]
    host.conductor.networks = [f"{host.network}.0.0/16"]
    host.create()
    host.conductor.wait_for(lambda: host.conductor.facts["unfit"] == [])


@pytest.fixture
def stopped(dockerd):
    """Processes that were stopped, to go on again."""
    pids = []

    def stop(pid):
        pids.append(pid)
        stopping.stop(pid)

    yield stop
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def test_an_engine_that_hangs(dockerd, make_host, run, stopped):
    dockerd.start()
    image = put_image(dockerd.api)
    host = make_host(
        dockerd.api,
        dockerd.url,
        image,
        **{"docker.cgroup_root": f"/{dockerd.name}"},
    )
    host.start()
    one = host.create(
        host.container("web", command=("sh", "-c", "echo hi; sleep 1000"))
    )
    pid = host.containers(one)["web"]["State"]["Pid"]
    host.stop()
    stopped(dockerd.pid)

    def quick(*words):
        began = time.monotonic()
        done = run(host.options, *words[:1], "--timeout", "2", *words[1:])
        assert time.monotonic() - began < 20
        return done

    done = quick("ps")
    assert done.returncode == 0
    assert "did not answer within 2 s" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[2] for row in rows] == ["infra", "web"]
    assert rows[1][4:7] == ["running", str(pid), one.nic.address]
    assert quick("pid", "web").stdout == f"{pid}\n"
    assert quick("logs", "web").stdout == "hi\n"
    done = quick("enter", "web", "--", "true")
    assert done.returncode == 125
    assert "did not answer within 2 s" in done.stderr
    found = findings(quick("check", "--json"))
    assert levels(found, "engine") == {"unfit"}
    assert levels(found, "kernel") == {"ok"}
    os.kill(dockerd.pid, signal.SIGCONT)


def test_a_containerd_that_hangs(dockerd, tmp_path, run, stopped):
    dockerd.start()
    own = dockerd.path / "exec" / "containerd" / "containerd.pid"
    stopped(int(own.read_text()))
    began = time.monotonic()
    found = findings(
        run(
            options_of(dockerd, tmp_path),
            *("check", "--json", "--timeout", "4"),
        )
    )
    assert time.monotonic() - began < 25
    # some engines say what they are without it
    told = found["engine"] + found.get("start", [])
    ((_, message),) = [one for one in told if one[0] == "unfit"]
    assert "its containerd hangs" in message


def test_what_is_no_engine(tmp_path, run):
    options = {
        "agent.state_path": tmp_path / "state",
        "docker.url": f"unix://{tmp_path}/none.sock",
        "docker.infra_binary": __file__,
    }
    done = run(options, "check")
    assert done.returncode == 1
    assert "cannot be reached (No such file or directory)" in done.stdout
    assert "not a static program" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("is unfit.")
    assert not pathlib.Path(tmp_path, "state").exists()

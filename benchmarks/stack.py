"""Finding or starting the stack a benchmark measures, and small helpers.

A benchmark runs with any Python 3; it moves itself into the virtual
environment of the quickstart stack, which has what it needs.
"""

import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUICKSTART = ROOT / "devstack" / "quickstart"
DIR = pathlib.Path(
    os.environ.get("QUICKSTART_DIR", "/var/lib/caas-quickstart")
)
#: CPU and memory of the containers made; small, so that many fit.
FLAVOR = "c1.tiny"
#: For one set at a time: the CPU cap of a tiny set slows down its own start.
ROOMY = "c1.small"
IMAGE = "quickstart:1"


def enter():
    """Bring the stack up if it is not, and run in its environment."""
    python = DIR / "venv" / "bin" / "python"
    if os.environ.get("BENCHMARK_ENTERED") != str(DIR):
        print("Seeing to it that the quickstart stack is up ...", flush=True)
        subprocess.run(
            [QUICKSTART, "--skip-hello"], check=True, stdout=sys.stderr
        )
        os.environ["BENCHMARK_ENTERED"] = str(DIR)
        os.execv(python, [str(python), *sys.argv])


def settings():
    """Of the quickstart, by name."""
    return dict(
        line.split("=", 1)
        for line in (DIR / "settings").read_text().splitlines()
    )


def login():
    """User and password of project demo."""
    import yaml

    clouds = yaml.safe_load((DIR / "clouds.yaml").read_text())["clouds"]
    auth = clouds["caas-demo"]["auth"]
    return auth["username"], auth["password"]


def cloud(name="caas-demo"):
    """The SDK's connection, with ``caas`` known to it."""
    import caasclient.sdk

    os.environ["OS_CLIENT_CONFIG_FILE"] = str(DIR / "clouds.yaml")
    return caasclient.sdk.connect(cloud=name)


@contextlib.contextmanager
def unlimited(caas):
    """Lift the quota of the project of ``caas`` for a while."""
    admin = cloud("caas-admin").caas
    path = f"/quotas/{caas.get_project_id()}"
    resources = admin.get(path).json()["quota"]["resources"]
    before = {name: found["limit"] for name, found in resources.items()}
    admin.put(path, json={"quota": dict.fromkeys(before, -1)})
    try:
        yield
    finally:
        admin.put(path, json={"quota": before})


def say(text):
    print(text, flush=True)


def result(**fields):
    """The last line of every benchmark: one JSON object."""
    print(json.dumps(fields), flush=True)


def wait(condition, what, seconds=60, interval=0.02):
    """Poll until ``condition()`` gives something true, and return that."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise SystemExit(f"Waited {seconds} s in vain for {what}.")
        time.sleep(interval)


def moment(text):
    """Seconds since the epoch of a time the API gave."""
    found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if found.tzinfo is None:
        found = found.replace(tzinfo=datetime.UTC)
    return found.timestamp()


def summary(values):
    """Median, and the value 99 % stay below, as text in milliseconds."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"median {statistics.median(values) * 1000:.0f} ms, "
        f"min {ordered[0] * 1000:.0f}, p99 {p99 * 1000:.0f}"
    )


class BareDocker:
    """The containers of a set, made by nothing but Docker calls.

    Made from what the agent asked Docker for when it made ``set_id``: the
    same images, commands, options and limits.  What is not Docker (address,
    volume, cgroup of the set) is left out, to its advantage.
    """

    def __init__(self, set_id):
        import docker

        self.api = docker.APIClient(version="auto", timeout=120)
        self.api.mount("http+docker://", self._adapter(docker))
        self.plans = {}
        for found in self.api.containers(
            all=True, filters={"label": f"caas.set={set_id}"}
        ):
            full = self.api.inspect_container(found["Id"])
            role = full["Config"]["Labels"]["caas.role"]
            self.plans[role] = self.plan(full)
        if set(self.plans) != {"infra", "business"}:
            raise SystemExit(
                "This needs a stack whose set runs on this machine's Docker "
                "Engine (no --hosts)."
            )
        self.made = []

    @staticmethod
    def _adapter(docker):
        return docker.transport.UnixHTTPAdapter(
            "http+unix:///var/run/docker.sock",
            120,
            pool_connections=16,
            max_pool_size=16,
        )

    @staticmethod
    def plan(full):
        """The body of the create call that would make such a container."""
        host = dict(full["HostConfig"])
        for key in ("Binds", "Mounts", "CgroupParent", "NetworkMode"):
            host.pop(key, None)
        if host["IpcMode"].startswith("container:"):
            host.pop("IpcMode")
        config = full["Config"]
        labels = {"caas.benchmark": "1"}
        return {**config, "Labels": labels, "HostConfig": host}

    def run(self, plan):
        made = self.api.create_container_from_config(plan)["Id"]
        self.made.append(made)
        self.api.start(made)
        return made

    def set(self):
        """Create and start infra and one business container, in sequence."""
        plan = self.plans["infra"]
        host = {**plan["HostConfig"], "NetworkMode": "none"}
        infra = self.run({**plan, "HostConfig": host})
        plan = self.plans["business"]
        join = f"container:{infra}"
        host = {**plan["HostConfig"], "NetworkMode": join, "IpcMode": join}
        self.run({**plan, "Hostname": "", "HostConfig": host})

    def remove(self, container):
        self.api.remove_container(container, force=True)

    def clean(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(self.remove, self.made))
        self.made.clear()

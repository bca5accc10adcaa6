"""What the guides of the client show works as it stands there."""

import itertools
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.openstack_cli import openstack
from tests.system.conftest import REPO, Stack

USER = REPO / "doc" / "source" / "user"
#: Stands for the id of an event.
EVENT = "4a0f6b0e-6f0c-4f43-8a52-0d7e6a1d3c11"
#: And of a job.
JOB = "9b7c1d0e-52f4-4c2b-8f1b-6f3a0c2d7e55"
#: Commands for administrators.
ADMIN = re.compile(
    r"caas (host|service|flavor (create|update|delete)|quota (set|reset))"
    r"|--all-projects|quota show demo|image delete --purge"
    r"|retention set|member (add|list|remove)|--(public|private)( |$)"
)


def blocks(path: str, language: str) -> Iterator[str]:
    """The code of a page, block by block."""
    text = (USER / path).read_text()
    for found in re.finditer(
        rf"^\.\. code-block:: {language}\n\n((?: +.*\n|\n)+)", text, re.M
    ):
        yield textwrap.dedent(found[1])


@pytest.fixture
def environment(stack: Stack) -> Callable[[str], dict[str, str]]:
    """Where a user of a cloud works."""

    def environment(cloud: str) -> dict[str, str]:
        return {
            "PATH": f"{stack.python.parent}:{os.environ['PATH']}",
            "OS_CLIENT_CONFIG_FILE": str(stack.path / "clouds.yaml"),
            "OS_CLOUD": cloud,
        }

    return environment


@pytest.fixture
def host(stack: Stack) -> str:
    found = stack.openstack("caas", "host", "list", cloud="caas-admin")
    name: str = found[0]["Name"]
    return name


@pytest.fixture
def _clean(stack: Stack) -> Iterator[None]:
    """Nothing of the guides is there, neither before nor after."""
    _delete(stack)
    yield
    _delete(stack)


def _delete(stack: Stack) -> None:
    names = {"page", "pages", "checked", "web", "shop", "other", "job-7"}
    listed = stack.openstack("caas", "set", "list")
    ids = [each["ID"] for each in listed if each["Name"] in names]
    if ids:
        done = stack.openstack_raw("caas", "set", "delete", "--wait", *ids)
        assert done.returncode == 0, done.stderr


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_clean")
def test_command_line(
    stack: Stack,
    environment: Callable[[str], dict[str, str]],
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: pathlib.Path,
) -> None:
    shutil.copytree(USER / "examples", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    key = tmp_path / ".ssh" / "id_ed25519"
    key.parent.mkdir()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True
    )
    text = "".join(blocks("cli.rst", "console")).replace("\\\n", " ")
    lines = re.findall(r"^\$ (.*openstack caas .*)$", text, re.M)
    assert len(lines) > 30
    [event] = stack.openstack(
        "caas", "event", "list", "--long", "--limit", "1"
    )
    for line in lines:
        line = line.replace(EVENT, event["ID"]).replace("~", str(tmp_path))
        if "host delete" in line or "job cancel" in line:
            continue  # it is up; it has ended
        if JOB in line:
            [job] = stack.openstack("caas", "job", "list", "--limit", "1")
            line = line.replace(JOB, job["ID"])
        env = environment("caas-admin" if ADMIN.search(line) else "caas-demo")
        words = shlex.split(line.replace("node-1", host), comments=True)
        if "|" in words:
            done = subprocess.run(["bash", "-c", line], env=env, check=False)
            assert done.returncode == 0, line
        else:
            ran = openstack(*words[1:], env=env)
            assert ran.code == 0, f"{line}\n{ran.err}"


def _clear(stack: Stack) -> None:
    """What the guide makes of images is not there."""
    for name, deleted in itertools.product(
        ("demo/shop:", "demo/web:"), ([], ["--deleted"])
    ):
        for each in stack.openstack("caas", "image", "list", name, *deleted):
            stack.openstack_raw(
                *("caas", "image", "delete", "--purge", each["ID"]),
                cloud="caas-admin",
            )
    for name in ("team-a", "team-sdk"):
        stack.openstack_raw("caas", "namespace", "delete", name)


@pytest.fixture
def _image(stack: Stack) -> Iterator[None]:
    """The image of the stack, as ``demo/web:1``."""
    _clear(stack)
    registry = f"127.0.0.1:{stack.settings['QUICKSTART_REGISTRY_PORT']}"
    clouds = yaml.safe_load((stack.path / "clouds.yaml").read_text())
    auth = clouds["clouds"]["caas-demo"]["auth"]
    login = f"{auth['username']}:{auth['password']}"
    until = time.monotonic() + 120
    while True:
        # the stack's is an archive that becomes an image by itself
        done = subprocess.run(
            [
                *("skopeo", "copy", "--quiet"),
                *("--src-tls-verify=false", "--dest-tls-verify=false"),
                *("--src-creds", login, "--dest-creds", login),
                f"docker://{registry}/admin/quickstart:1",
                f"docker://{registry}/demo/web:1",
            ],
            check=False,
        )
        if not done.returncode:
            break
        assert time.monotonic() < until
        time.sleep(1)
    yield
    _clear(stack)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_image")
def test_managing_images(
    environment: Callable[[str], dict[str, str]],
) -> None:
    text = "".join(blocks("managing-images.rst", "console"))
    lines = re.findall(
        r"^\$ (openstack caas .*)$", text.replace("\\\n", " "), re.M
    )
    assert len(lines) > 20
    for line in lines:
        env = environment("caas-admin" if ADMIN.search(line) else "caas-demo")
        ran = openstack(*shlex.split(line)[1:], env=env)
        assert ran.code == 0, f"{line}\n{ran.err}"


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_clean")
def test_sdk(
    environment: Callable[[str], dict[str, str]], stack: Stack, host: str
) -> None:
    users: list[str] = []
    admins = [
        "import caasclient.sdk",
        "conn = caasclient.sdk.connect(cloud='caas-admin')",
        "project_id = conn.current_project_id",
    ]
    for block in blocks("sdk.rst", "python"):
        (admins if "update_quota" in block else users).append(block)
    assert len(users) > 4

    def python(code: list[str]) -> str:
        return subprocess.run(
            [stack.python, "-W", "ignore", "-c", "\n".join(code)],
            env=environment("caas-demo"),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    said = python(users)
    assert "ACTIVE \n" in said
    assert "main business running" in said
    said = python([code.replace("node-1", host) for code in admins])
    assert f"caas-agent {host} up" in said

"""Stacks of a real Heat, in the region where its servers are sets."""

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.compute.conftest import Compute, Container, removed
from tests.system.conftest import Stack

PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKd8T9oB7yGzvwQzB8gAG1tBOeDbnBS1"
    "Qn4sPq7zVb3x test"
)


USER_DATA = "#!/bin/sh\necho hello\n"


class HeatStack:
    """One stack of one user.

    :ivar name: also of all that is in it.
    """

    def __init__(self, user: Compute, name: str) -> None:
        self.heat: Any = user.connection.orchestration
        self.name = name

    def create(self, template: dict[str, Any], **parameters: Any) -> None:
        self.heat.create_stack(
            name=self.name,
            template=template,
            parameters=parameters,
            timeout_mins=2,
        )
        self.reach("CREATE")

    def update(self, template: dict[str, Any], **parameters: Any) -> None:
        self.heat.update_stack(
            self.heat.get_stack(self.name, resolve_outputs=False),
            name=self.name,
            template=template,
            parameters=parameters,
            timeout_mins=2,
        )
        self.reach("UPDATE")

    def reach(self, verb: str) -> None:
        def look() -> bool:
            found = self.heat.get_stack(self.name, resolve_outputs=False)
            assert found.status != f"{verb}_FAILED", found.status_reason
            return bool(found.status == f"{verb}_COMPLETE")

        wait_for(f"{verb} of {self.name}", look, 60)

    def suspend(self) -> None:
        self.heat.suspend_stack(
            self.heat.get_stack(self.name, resolve_outputs=False)
        )
        self.reach("SUSPEND")

    def resume(self) -> None:
        self.heat.resume_stack(
            self.heat.get_stack(self.name, resolve_outputs=False)
        )
        self.reach("RESUME")

    def snapshot(self) -> dict[str, Any]:
        """Make one; it is deleted by :meth:`forget`."""
        path = self._path
        made = self.heat.post(f"{path}/snapshots", json={"name": self.name})
        assert made.status_code == 200, made.text
        number = made.json()["id"]

        def look() -> Any:
            answer = self.heat.get(f"{path}/snapshots/{number}")
            found = answer.json()["snapshot"]
            assert found["status"] != "FAILED", found["status_reason"]
            return found if found["status"] == "COMPLETE" else None

        found: dict[str, Any] = wait_for("the snapshot", look, 60)
        return found

    def forget(self, snapshot: dict[str, Any]) -> None:
        answer = self.heat.delete(f"{self._path}/snapshots/{snapshot['id']}")
        assert answer.status_code == 204, answer.text

    @property
    def _path(self) -> str:
        found = self.heat.get_stack(self.name, resolve_outputs=False)
        return f"/stacks/{found.name}/{found.id}"

    def physical(self) -> dict[str, str]:
        """Id of each resource, by the name it has in the template."""
        stack = self.heat.get_stack(self.name, resolve_outputs=False)
        return {
            each.name: each.physical_resource_id
            for each in self.heat.resources(stack)
        }

    def outputs(self) -> dict[str, Any]:
        return {
            each["output_key"]: each["output_value"]
            for each in self.heat.get_stack(self.name).outputs
        }

    def delete(self) -> None:
        """Once it is at rest: what is cut short hangs in Heat at times."""

        def rests() -> bool:
            found = self.heat.find_stack(self.name, resolve_outputs=False)
            return not found or "IN_PROGRESS" not in found.status

        wait_for(f"rest of {self.name}", rests, 60)
        self.heat.delete_stack(self.name, ignore_missing=True)

        def gone() -> bool:
            found = self.heat.find_stack(self.name, resolve_outputs=False)
            assert not found or found.status != "DELETE_FAILED", found
            return not found

        wait_for(f"the end of {self.name}", gone, 60)


@pytest.fixture(scope="session")
def _heat(stack: Stack) -> None:
    if stack.settings["QUICKSTART_HEAT"] == "no":
        stack.quickstart("--heat", "--skip-hello")


@pytest.fixture
def mine(
    user: Compute, cloud: Cloud, name: str, _heat: None
) -> Iterator[HeatStack]:
    stack = HeatStack(user, name)
    with removed(cloud, name):
        yield stack
        stack.delete()


def template(name: str) -> dict[str, Any]:
    """A server as templates for VMs have it, and its key."""
    return {
        "heat_template_version": "2018-08-31",
        "parameters": {
            each: {"type": "string"} for each in ("image", "flavor", "role")
        },
        "resources": {
            "key": {
                "type": "OS::Nova::KeyPair",
                "properties": {"name": name, "public_key": PUBLIC_KEY},
            },
            "group": {
                "type": "OS::Nova::ServerGroup",
                "properties": {"name": name, "policies": ["anti-affinity"]},
            },
            "server": {
                "type": "OS::Nova::Server",
                "properties": {
                    "name": name,
                    "image": {"get_param": "image"},
                    "flavor": {"get_param": "flavor"},
                    "key_name": {"get_resource": "key"},
                    "networks": [{"allocate_network": "auto"}],
                    "metadata": {"role": {"get_param": "role"}},
                    "tags": ["blue"],
                    "scheduler_hints": {"group": {"get_resource": "group"}},
                    "user_data": USER_DATA,
                },
            },
        },
        "outputs": {
            "address": {"value": {"get_attr": ["server", "first_address"]}},
            "shown": {"value": {"get_attr": ["server", "show"]}},
        },
    }


def test_a_server_and_its_life(
    mine: HeatStack,
    user: Compute,
    cloud: Cloud,
    engines: Engines,
    image: str,
    other_image: str,
    name: str,
) -> None:
    text = template(name)
    change = functools.partial(mine.update, text)
    mine.create(text, image=image, flavor="c1.tiny", role="web")
    server = mine.physical()["server"]
    found = user.connection.get_server(server)
    assert (found.status, found.name) == ("ACTIVE", name)
    assert (found.metadata, found.tags) == ({"role": "web"}, ["blue"])
    assert found.key_name == name
    outputs = mine.outputs()
    assert outputs["address"] == found.addresses["caas"][0]["addr"]
    assert outputs["shown"]["id"] == server
    container = Container(engines, server)
    # among parts for tools in a VM, as templates have it unless they say RAW
    assert USER_DATA in container.execute("cat", "/run/caas/user_data")
    [group] = user.connection.compute.server_groups()
    assert group.member_ids == [server]

    # metadata, and a resize which it confirms
    change(image=image, flavor="c1.small", role="db")
    found = user.connection.get_server(server)
    assert (found.status, found.metadata) == ("ACTIVE", {"role": "db"})
    assert found.flavor.name == "c1.small"
    resized = Container(engines, server)
    assert resized.pid == container.pid
    assert resized.memory == 256

    mine.suspend()
    assert user.connection.get_server(server).status == "SUSPENDED"
    assert container.frozen
    mine.resume()
    assert user.connection.get_server(server).status == "ACTIVE"
    assert not container.frozen

    snapshot = mine.snapshot()
    data = snapshot["data"]["resources"]["server"]["resource_data"]
    made = data["snapshot_image_id"]
    assert user.connection.get_image(made).status == "active"
    mine.forget(snapshot)
    wait_for("no image", lambda: not user.connection.get_image(made), 30)

    # rebuilt, and as said before
    change(image=other_image, flavor="c1.small", role="db")
    found = user.connection.get_server(server)
    assert (found.status, found.image.id) == ("ACTIVE", other_image)
    assert Container(engines, server).pid != container.pid
    [only] = user.connection.compute.servers(name=name)
    assert only.id == server

    mine.delete()
    assert cloud.show(server) is None
    assert user.connection.get_keypair(name) is None


@pytest.mark.usefixtures("_heat")
def test_a_flavor(operator: Compute, name: str) -> None:
    stack = HeatStack(operator, name)
    flavor = {
        "type": "OS::Nova::Flavor",
        "properties": {"name": name, "ram": 128, "vcpus": 1, "disk": 2},
    }
    try:
        stack.create(
            {
                "heat_template_version": "2018-08-31",
                "resources": {"flavor": flavor},
            }
        )
        found = operator.connection.get_flavor(name)
        assert found.id == stack.physical()["flavor"]
        assert (found.ram, found.vcpus, found.disk) == (128, 1, 2)
    finally:
        stack.delete()
    assert operator.connection.get_flavor(name) is None

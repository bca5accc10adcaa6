"""What Terraform's provider and Packer send, by way of gophercloud, and what
of the answers they take.

Both are programs for which there is no package here: their requests are
repeated as they are in their sources, with the statuses of HTTP they accept,
and the states of a server with which they go on waiting; any other ends them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.compute.conftest import Compute, Container, removed

#: What gophercloud takes for done, unless a call says otherwise.
OK = {
    "GET": {200},
    "POST": {201, 202},
    "PUT": {200, 201, 202},
    "DELETE": {202, 204},
}
#: What the provider can read; all else ends it.
POWER_STATES = {
    *("active", "shutoff", "error", "migrating", "shelved_offloaded"),
    *("shelved", "build", "paused"),
}


class Gophercloud:
    """Its client of one service.

    :ivar microversion: sent with each request, "" for none.
    """

    def __init__(self, user: Compute, service: str) -> None:
        connection = user.connection
        self._token = connection.auth_token
        self._url = connection.session.get_endpoint(
            service_type=service, region_name=connection.config.region_name
        ).rstrip("/")
        self.microversion = ""

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        ok: set[int] | None = None,
    ) -> requests.Response:
        headers = {
            "User-Agent": "gophercloud/v2.13.0",
            "Accept": "application/json",
            "X-Auth-Token": self._token,
        }
        if self.microversion:
            headers["X-OpenStack-Nova-API-Version"] = self.microversion
            headers["OpenStack-API-Version"] = f"compute {self.microversion}"
        answer = requests.request(
            method, self._url + path, json=body, headers=headers, timeout=30
        )
        wanted = ok or OK[method]
        assert answer.status_code in wanted, (method, path, answer.text)
        return answer

    def get(self, path: str) -> Any:
        return self.ask("GET", path).json()

    def act(self, server: str, ok: set[int] | None = None, **body: Any) -> Any:
        path = f"/servers/{server}/action"
        return self.ask("POST", path, body, ok or {202})

    def wait(
        self, server: str, target: set[str], pending: set[str] | None = None
    ) -> None:
        """As Terraform's StateChangeConf: any state that is neither the one
        nor the other ends it.

        :param pending: None for all.
        """

        def look() -> bool:
            answer = self.ask("GET", f"/servers/{server}", ok={200, 404})
            state = "DELETED"
            if answer.status_code == 200:
                state = answer.json()["server"]["status"]
            assert state in target or pending is None or state in pending
            return state in target

        wait_for(f"{server} to be {target}", look, 30)

    def id_of(self, kind: str, name: str) -> str:
        """By a list: gophercloud asks for none by its name."""
        [found] = [
            each["id"]
            for each in self.get(f"/{kind}/detail?is_public=None")[kind]
            if each["name"] == name
        ]
        return str(found)


@pytest.fixture
def nova(user: Compute) -> Gophercloud:
    return Gophercloud(user, "compute")


@pytest.fixture
def glance(user: Compute) -> Gophercloud:
    return Gophercloud(user, "image")


def refresh(
    nova: Gophercloud, glance: Gophercloud, server: str
) -> dict[str, Any]:
    """What the provider keeps of a server: openstack_compute_instance_v2."""
    nova.microversion = ""
    found = nova.get(f"/servers/{server}")["server"]
    assert found["status"].lower() in POWER_STATES
    flavor = nova.get(f"/flavors/{found['flavor']['id']}")["flavor"]
    image = glance.get(f"/v2/images/{found['image']['id']}")
    addresses = [
        (network, each["addr"], each["version"], each["OS-EXT-IPS:type"])
        for network, entries in found["addresses"].items()
        for each in entries
        if each["OS-EXT-IPS-MAC:mac_addr"]
    ]
    nova.microversion = "2.52"
    tags = nova.get(f"/servers/{server}/tags")["tags"]
    nova.microversion = ""
    return {
        "name": found["name"],
        "created": found["created"],
        "network": addresses,
        "access_ip_v4": found["accessIPv4"],
        "all_metadata": found["metadata"],
        "security_groups": sorted(
            each["name"] for each in found.get("security_groups", [])
        ),
        "key_pair": found["key_name"],
        "flavor_id": flavor["id"],
        "flavor_name": flavor["name"],
        "image_id": image["id"],
        "image_name": image["name"],
        "availability_zone": found["OS-EXT-AZ:availability_zone"],
        "power_state": found["status"].lower(),
        "tags": sorted(tags),
    }


@pytest.fixture
def instance(
    nova: Gophercloud, cloud: Cloud, image: str, name: str
) -> Iterator[str]:
    """One that the provider has made."""
    with removed(cloud, name):
        nova.microversion = "2.52"
        body = {
            "name": name,
            "imageRef": image,
            "flavorRef": nova.id_of("flavors", "c1.tiny"),
            "availability_zone": "default",
            "config_drive": False,
            "user_data": "",
            "metadata": {"role": "web"},
            "tags": ["blue"],
        }
        path = "/servers"
        made = nova.ask("POST", path, {"server": body}, {200, 202}).json()
        nova.microversion = ""
        server = made["server"]["id"]
        nova.wait(server, {"ACTIVE"}, {"BUILD"})
        yield server


def test_terraform_instance(
    nova: Gophercloud,
    glance: Gophercloud,
    engines: Engines,
    instance: str,
    other_image: str,
    name: str,
) -> None:
    path = f"/servers/{instance}"
    state = refresh(nova, glance, instance)
    assert state["name"] == name
    assert state["flavor_name"] == "c1.tiny"
    assert state["all_metadata"] == {"role": "web"}
    assert state["tags"] == ["blue"]
    assert len(state["network"]) == 1
    assert refresh(nova, glance, instance) == state

    # name, metadata, flavor and tags are changed, and nothing else is
    nova.ask("PUT", path, {"server": {"name": f"{name}-x"}}, {200})
    nova.ask("DELETE", f"{path}/metadata/role", ok={204})
    nova.ask("POST", f"{path}/metadata", {"metadata": {"a": "1"}}, {200})
    container = Container(engines, instance)
    flavor = nova.id_of("flavors", "c1.small")
    nova.act(instance, resize={"flavorRef": flavor})
    nova.wait(instance, {"VERIFY_RESIZE"}, {"RESIZE"})
    nova.act(instance, {201, 202, 204}, confirmResize=None)
    nova.wait(instance, {"ACTIVE", "SHUTOFF"}, {"VERIFY_RESIZE"})
    assert Container(engines, instance).pid == container.pid
    nova.microversion = "2.52"
    nova.ask("PUT", f"{path}/tags", {"tags": ["red", "new"]}, {200})
    nova.ask("PUT", path, {"server": {"name": name}}, {200})
    state |= {
        "all_metadata": {"a": "1"},
        "tags": ["new", "red"],
        "flavor_name": "c1.small",
        "flavor_id": flavor,
    }
    assert refresh(nova, glance, instance) == state

    nova.act(instance, rebuild={"imageRef": other_image})
    nova.wait(instance, {"ACTIVE", "SHUTOFF"}, {"REBUILD"})
    state["image_id"] = other_image
    changed = refresh(nova, glance, instance)
    state["image_name"] = changed["image_name"]
    assert changed == state

    nova.ask("DELETE", path, ok={202, 204})
    nova.wait(instance, {"DELETED", "SOFT_DELETED"}, {"ACTIVE", "SHUTOFF"})


@pytest.mark.parametrize(
    ("there", "status", "back"),
    [
        ({"pause": None}, "PAUSED", {"unpause": None}),
        ({"os-stop": None}, "SHUTOFF", {"os-start": None}),
        (
            {"shelve": None},
            "SHELVED_OFFLOADED",
            {"unshelve": {"availability_zone": "default"}},
        ),
    ],
    ids=["paused", "shutoff", "shelved_offloaded"],
)
def test_terraform_power_state(
    nova: Gophercloud,
    glance: Gophercloud,
    instance: str,
    there: dict[str, Any],
    status: str,
    back: dict[str, Any],
) -> None:
    state = refresh(nova, glance, instance)
    nova.act(instance, **there)
    nova.wait(instance, {status})
    changed = refresh(nova, glance, instance)
    assert changed == {**state, "power_state": status.lower()}
    nova.act(instance, **back)
    nova.wait(instance, {"ACTIVE"})
    assert refresh(nova, glance, instance) == state


def test_terraform_destroys_what_is_stopped(
    nova: Gophercloud, instance: str
) -> None:
    """``stop_before_destroy``."""
    nova.act(instance, **{"os-stop": None})
    nova.wait(instance, {"SHUTOFF"}, {"ACTIVE"})
    nova.act(instance, forceDelete="")
    nova.wait(instance, {"DELETED", "SOFT_DELETED"}, {"ACTIVE", "SHUTOFF"})


def test_terraform_keypair(nova: Gophercloud, name: str) -> None:
    """``openstack_compute_keypair_v2``, without a public key of its own."""
    made = nova.ask(
        "POST", "/os-keypairs", {"keypair": {"name": name}}, {200, 201}
    ).json()["keypair"]
    assert "PRIVATE KEY" in made["private_key"]
    for _ in range(2):
        found = nova.get(f"/os-keypairs/{name}")["keypair"]
        for key in ("name", "public_key", "fingerprint", "user_id"):
            assert found[key] == made[key], key
    nova.ask("DELETE", f"/os-keypairs/{name}", ok={202, 204})
    nova.ask("GET", f"/os-keypairs/{name}", ok={404})


def test_terraform_flavor(operator: Compute, name: str) -> None:
    """``openstack_compute_flavor_v2``."""
    nova = Gophercloud(operator, "compute")
    body = {
        "name": name,
        "ram": 128,
        "vcpus": 1,
        "disk": 2,
        "swap": 0,
        "rxtx_factor": 1,
        "os-flavor-access:is_public": True,
        "OS-FLV-EXT-DATA:ephemeral": 0,
    }
    nova.microversion = "2.55"
    path = "/flavors"
    made = nova.ask("POST", path, {"flavor": body}, {200, 201}).json()
    flavor = made["flavor"]["id"]
    try:
        found = nova.get(f"/flavors/{flavor}")["flavor"]
        nova.microversion = ""
        assert nova.get(f"/flavors/{flavor}/os-extra_specs") == {
            "extra_specs": {}
        }
        # it takes "" for none
        found["swap"] = found["swap"] or 0
        assert {key: found[key] for key in body} == body
    finally:
        nova.ask("DELETE", f"/flavors/{flavor}", ok={202, 204})


def test_packer_builds_an_image(
    nova: Gophercloud,
    glance: Gophercloud,
    operator: Compute,
    cloud: Cloud,
    image: str,
    name: str,
) -> None:
    nova.ask("GET", "/flavors/c1.tiny", ok={404})
    flavor = nova.id_of("flavors", "c1.tiny")
    key = {"keypair": {"name": name}}
    made = nova.ask("POST", "/os-keypairs", key, {200, 201}).json()["keypair"]
    assert "PRIVATE KEY" in made["private_key"]
    with removed(cloud, name):
        body = {
            "name": name,
            "imageRef": image,
            "flavorRef": flavor,
            "key_name": name,
            "user_data": "",
        }
        asked = nova.ask("POST", "/servers", {"server": body}, {200, 202})
        server = asked.json()["server"]["id"]
        nova.wait(server, {"ACTIVE"}, {"BUILD"})
        nova.act(server, **{"os-stop": None})
        nova.wait(server, {"SHUTOFF"}, {"ACTIVE"})
        answer = nova.act(
            server, createImage={"name": name, "metadata": {"by": "packer"}}
        )
        made_image = answer.headers["Location"].rpartition("/")[2]
        try:

            def look() -> bool:
                found = glance.get(f"/v2/images/{made_image}")
                assert found["status"] in ("queued", "saving", "active")
                return bool(found["status"] == "active")

            wait_for("the image", look, 30)
            found = glance.get(f"/v2/images/{made_image}")
            assert (found["name"], found["by"]) == (name, "packer")
        finally:
            nova.ask("DELETE", f"/servers/{server}", ok={202, 204})
            nova.wait(server, {"DELETED"}, {"ACTIVE", "SHUTOFF"})
            operator.do("caas", "image", "delete", "--purge", made_image)
        nova.ask("DELETE", f"/os-keypairs/{name}", ok={202, 204})

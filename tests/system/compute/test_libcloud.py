"""Apache Libcloud; compute as of 2.1, images of Glance."""

from typing import Any

import pytest
import yaml
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.compute.conftest import (
    REGION,
    Container,
    removed,
)
from tests.system.conftest import Stack


@pytest.fixture
def driver(stack: Stack) -> Any:
    clouds = yaml.safe_load((stack.path / "clouds.yaml").read_text())
    auth = clouds["clouds"]["caas-demo"]["auth"]
    return get_driver(Provider.OPENSTACK)(
        auth["username"],
        auth["password"],
        api_version="2.2",
        ex_tenant_name=auth["project_name"],
        ex_force_auth_url=auth["auth_url"].removesuffix("/v3"),
        ex_force_auth_version="3.x_password",
        ex_force_service_region=REGION,
        ex_domain_name="Default",
        timeout=30,
    )


def test_a_node_and_its_life(
    driver: Any, cloud: Cloud, engines: Engines, image: str, name: str
) -> None:
    sizes = {each.name: each for each in driver.list_sizes()}
    assert sizes["c1.tiny"].ram == 64
    [found] = [each for each in driver.list_images() if each.id == image]

    def reach(node: str, state: Any) -> Any:
        def look() -> Any:
            now = driver.ex_get_node_details(node)
            return now if now.state == state else None

        return wait_for(str(state), look, 30)

    with removed(cloud, name):
        made = driver.create_node(
            name=name,
            size=sizes["c1.tiny"],
            image=found,
            ex_metadata={"role": "web"},
        )
        node = reach(made.id, NodeState.RUNNING)
        assert node.private_ips or node.public_ips
        assert node.id in {each.id for each in driver.list_nodes()}
        assert driver.ex_get_metadata(node) == {"role": "web"}
        driver.ex_set_metadata(node, {"role": "db"})
        assert driver.ex_get_metadata(node) == {"role": "db"}

        pid = Container(engines, node.id).pid
        assert driver.stop_node(node)
        reach(node.id, NodeState.STOPPED)
        assert driver.start_node(node)
        reach(node.id, NodeState.RUNNING)
        assert Container(engines, node.id).pid != pid
        before = Container(engines, node.id).memory
        assert driver.ex_resize(node, sizes["c1.small"])
        wait_for(
            "more memory",
            lambda: Container(engines, node.id).memory > before,
            30,
        )
        wait_for(
            "its end",
            lambda: (
                driver.ex_get_node_details(node.id).extra["vm_state"]
                == "resized"
            ),
            30,
        )
        assert driver.ex_confirm_resize(node)
        assert driver.destroy_node(node)
        cloud.gone(node.id)
        assert driver.ex_get_node_details(node.id) is None


def test_key_pairs(driver: Any, name: str) -> None:
    made = driver.create_key_pair(name)
    try:
        assert "PRIVATE KEY" in made.private_key
        assert driver.get_key_pair(name).fingerprint == made.fingerprint
        assert name in {each.name for each in driver.list_key_pairs()}
    finally:
        assert driver.delete_key_pair(made)

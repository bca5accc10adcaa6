"""Servers of several containers, as their images say."""

import json
from typing import Any

import pytest

from tests.functional.compute.driver import ADMIN, Compute

TEMPLATE = {
    "containers": [
        {
            "name": "web",
            "cpu_percent": 80,
            "memory_percent": 60,
            "env": {"MODE": "slow", "A": "1"},
            "mounts": [{"path": "/data"}],
        },
        {"name": "log", "image": "side:1", "index": 1, "cpu_percent": 20},
    ],
    "sysctls": {"net.core.somaxconn": "512"},
}


def templated(compute: Compute, template: Any) -> str:
    """:returns: id of an image with this template."""
    image = compute.service.image("shop:1")
    image.properties["caas_set_template"] = (
        template if isinstance(template, str) else json.dumps(template)
    )
    return image.id


def native(compute: Compute, server: str) -> dict[str, Any]:
    answer = compute.service.request("GET", f"/v1/sets/{server}")
    found: dict[str, Any] = answer.json["set"]
    return found


def test_a_template(compute: Compute) -> None:
    side = compute.service.image("side:1").id
    image = templated(compute, TEMPLATE)
    for named in (
        {"imageRef": image},
        {"imageRef": "shop:1"},
        {
            "imageRef": "",
            "block_device_mapping_v2": [
                {"source_type": "image", "uuid": image, "boot_index": 0}
            ],
        },
    ):
        server = compute.create(
            **{"metadata": {"caas_env_MODE": "fast"}, **named}
        )
        item = native(compute, server)
        assert item["sysctls"] == {"net.core.somaxconn": "512"}
        infra, web, log = item["containers"]
        assert infra["name"] == "infra"
        assert (web["name"], web["image"]["id"]) == ("web", image)
        assert (web["cpu_percent"], web["memory_percent"]) == (80, 60)
        assert web["env"] == {"MODE": "fast", "A": "1"}
        assert web["mounts"][0]["path"] == "/data"
        assert (log["name"], log["image"]["id"]) == ("log", side)
        assert (log["index"], log["env"]) == (1, {"MODE": "fast"})
        assert compute.get(server)["image"]["id"] == image


def test_more_disks_than_the_template_has(compute: Compute) -> None:
    side = compute.service.image("side:1").id
    image = templated(compute, TEMPLATE)
    devices = [
        {"source_type": "image", "uuid": image, "boot_index": 0},
        {"source_type": "image", "uuid": side, "tag": "log"},
    ]
    server = compute.create(imageRef=image, block_device_mapping_v2=devices)
    found = [
        (c["name"], c["index"]) for c in native(compute, server)["containers"]
    ]
    assert found == [("infra", 0), ("web", 0), ("log", 1), ("log-1", 2)]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{", "The caas_set_template of image ID is no JSON."),
        ({"containers": []}, "The caas_set_template of image ID cannot be"),
        (
            {"containers": [{"name": "a"}, {"name": "b", "image": "none:1"}]},
            "Can not find requested image",
        ),
        (
            {"containers": [{"name": "a", "memory_percent": 1}]},
            "'a' would get",
        ),
        (
            {"containers": [{"name": "a"}], "sysctls": {"kernel.x": "1"}},
            "kernel.x",
        ),
    ],
    ids=["json", "schema", "image", "memory", "sysctl"],
)
def test_bad_templates_make_nothing(
    compute: Compute, template: Any, words: str
) -> None:
    image = templated(compute, template)
    before = compute.service.rows()
    body = compute.request(imageRef=image)
    said = compute.refused(400, "POST", "/servers", body)
    assert words in said.replace(image, "ID")
    assert compute.service.rows() == before


def test_cpus_of_hosts_are_for_operators(compute: Compute) -> None:
    """An image is of whoever uploads it."""
    image = templated(
        compute, {"containers": [{"name": "a", "cpuset": "0-1"}]}
    )
    body = compute.request(imageRef=image)
    compute.refused(403, "POST", "/servers", body)
    server = compute.create(imageRef=image, token=ADMIN)
    answer = compute.service.request("GET", f"/v1/sets/{server}", token=ADMIN)
    assert answer.json["set"]["containers"][1]["cpuset"] == "0-1"


def test_it_runs_and_its_first_container_is_rebuilt(cloud: Compute) -> None:
    cloud.service.image("side:1")
    image = templated(cloud, TEMPLATE)
    server = cloud.create(imageRef=image)
    cloud.wait(server, "ACTIVE")
    assert cloud.whole is not None
    runtime = cloud.whole.hosts["h1"].runtime

    def there() -> dict[str, str]:
        return {c.labels["caas.name"]: c.id for c in runtime.list(server)}

    before = there()
    cloud.do(server, "rebuild", {"imageRef": cloud.image})
    shown = cloud.wait(server, "ACTIVE")
    assert shown["image"]["id"] == cloud.image
    after = there()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"web"}


def test_a_template_of_a_flavor(compute: Compute) -> None:
    """Where the image has none."""
    compute.service.image("side:1")
    (flavor,) = (
        each["id"]
        for each in compute.ok("GET", "/flavors")["flavors"]
        if each["name"] == "small"
    )
    path = f"/flavors/{flavor}/os-extra_specs"
    specs = {"extra_specs": {"caas:template": json.dumps(TEMPLATE)}}
    compute.ok("POST", path, specs, token=ADMIN)

    def names(image: str) -> list[str]:
        item = native(compute, compute.create(imageRef=image))
        return [each["name"] for each in item["containers"]]

    assert names(compute.image) == ["infra", "web", "log"]
    other = templated(compute, {"containers": [{"name": "own"}]})
    assert names(other) == ["infra", "own"]
    bad = {"extra_specs": {"caas:template": "{}"}}
    compute.ok("POST", path, bad, token=ADMIN)
    body = compute.request()
    said = compute.refused(400, "POST", "/servers", body)
    assert said == (
        "The caas:template of flavor small cannot be used: the template: "
        "containers missing."
    )

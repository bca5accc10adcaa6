"""From the request for a server to the set it means."""

import pytest

from caas import exception
from caas.api.compute import wanted

IMAGE = "6f70656e-7374-6163-6b20-342065766572"
OTHER = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"
SERVER = {"name": "web", "flavorRef": 1, "imageRef": IMAGE}


@pytest.fixture
def made(call, monkeypatch):
    monkeypatch.setattr(wanted.template, "of_flavor", lambda *_: None)

    def make(may=(), **changes):
        asked = {**SERVER, **changes}
        return wanted.of_request(call(body={"server": asked}, may=may))

    return make


def device(uuid=IMAGE, **changes):
    return {"source_type": "image", "uuid": uuid, **changes}


def test_the_least(made):
    assert made() == {
        "name": "web",
        "description": "",
        "flavor": "1",
        "metadata": {},
        "tags": [],
        "availability_zone": None,
        "network": "auto",
        "server_group": None,
        "hints": {},
        "hostname": None,
        "key_name": None,
        "sysctls": {},
        "min_count": 1,
        "max_count": 1,
        "containers": [
            {"name": "main", "image": IMAGE, "index": 0, "env": {}}
        ],
    }


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"min_count": "2"}, (2, 2)),
        ({"max_count": 3}, (1, 3)),
        ({"min_count": 2, "max_count": "3"}, (2, 3)),
    ],
)
def test_counts_may_be_strings(made, asked, counts):
    body = made(**asked)
    assert (body["min_count"], body["max_count"]) == counts


@pytest.mark.parametrize(
    ("hostname", "label"),
    [
        ("web.example.org", "web"),
        ("My_Web", "my-web"),
        ("-", None),
        ("x" * 80, "x" * 63),
    ],
)
def test_a_hostname_becomes_a_label(made, hostname, label):
    assert made(hostname=hostname)["hostname"] == label


def test_variables_are_in_every_container(made):
    containers = made(
        metadata={"caas_env_A": "1", "B": "2"},
        block_device_mapping_v2=[device(), device(OTHER)],
    )["containers"]
    assert [each["env"] for each in containers] == [{"A": "1"}] * 2
    assert containers[0]["env"] is not containers[1]["env"]


def test_what_names_no_variable_is_none():
    metadata = {"caas_env_": "1", "caas_env_A B": "2", "caas_env_.a-1": "3"}
    assert wanted.env_of(metadata) == {".a-1": "3"}


@pytest.mark.parametrize(
    ("devices", "found"),
    [
        ([device(boot_index=0)], [("main", IMAGE, 0)]),
        ([device(boot_index="0")], [("main", IMAGE, 0)]),
        (
            [device(boot_index=0), device(OTHER, boot_index=-1)],
            [("main", IMAGE, 0), ("disk-1", OTHER, 1)],
        ),
        (
            [device(OTHER, boot_index=5), device(OTHER, boot_index=None)],
            [("main", IMAGE, 0), ("disk-1", OTHER, 5), ("disk-2", OTHER, 6)],
        ),
        (
            [
                device(OTHER, boot_index=1, device_name="/dev/vdb"),
                device(OTHER, boot_index=2, tag="VDB"),
            ],
            [("main", IMAGE, 0), ("vdb", OTHER, 1), ("vdb-1", OTHER, 2)],
        ),
        ([{"source_type": "blank"}], [("main", IMAGE, 0)]),
        (
            [
                device(OTHER, boot_index=1, no_device=True),
                {"device_name": "/dev/vdb", "no_device": "yes"},
                device(OTHER, boot_index=2, no_device=False),
            ],
            [("main", IMAGE, 0), ("disk-1", OTHER, 2)],
        ),
    ],
)
def test_disks_are_containers(made, devices, found):
    containers = made(block_device_mapping_v2=devices)["containers"]
    assert [(c["name"], c["image"], c["index"]) for c in containers] == found


def test_a_disk_may_be_all_there_is(made):
    containers = made(imageRef="", block_device_mapping_v2=[device(OTHER)])
    assert [c["image"] for c in containers["containers"]] == [OTHER]


def test_old_devices_that_it_is_not_to_have(made):
    containers = made(block_device_mapping=[{"no_device": True}])["containers"]
    assert [c["image"] for c in containers] == [IMAGE]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {
                "imageRef": "",
                "block_device_mapping_v2": [
                    device(boot_index=0, no_device=True)
                ],
            },
            "Invalid imageRef",
        ),
        ({"min_count": 3, "max_count": 2}, "min_count must be"),
        ({"imageRef": ""}, "Invalid imageRef"),
        ({"block_device_mapping": [{}]}, "Block Device Mapping is Invalid"),
        (
            {"block_device_mapping_v2": [{"source_type": "snapshot"}]},
            "'snapshot' is not supported",
        ),
        (
            {"block_device_mapping_v2": [{"source_type": "image"}]},
            "needs its uuid",
        ),
        ({"networks": "some"}, "must be a list"),
        ({"networks": [{"port": "p"}]}, "Choosing networks"),
        ({"security_groups": [{"name": "x"}]}, "security_group"),
    ],
)
def test_what_sets_do_not_have(made, asked, words):
    with pytest.raises(exception.BadRequest, match=words):
        made(**asked)


def test_a_network_or_none(made):
    assert made(networks="auto")["network"] == "auto"
    assert made(networks=[])["network"] == "auto"
    assert made(networks="none")["network"] == "none"


def test_there_is_no_password(made):
    assert "secret" not in str(made(adminPass="secret"))


def test_what_is_handed_in(made):
    assert made(user_data="")["user_data"] == ""
    files = made(personality=[{"path": "etc/motd", "contents": "eA=="}])
    assert files["files"] == [{"path": "/etc/motd", "contents": "eA=="}]


@pytest.mark.parametrize("key", ["host", "hypervisor_hostname"])
def test_choosing_a_host_is_for_operators(made, key):
    with pytest.raises(exception.Forbidden):
        made(**{key: "h1"})
    found = made(**{key: "h1"}, may=("caas:sets:create:on_host",))
    assert found["hints"] == {"host": "h1"}


def test_too_much_metadata_is_a_quota(made):
    with pytest.raises(exception.QuotaExceeded):
        made(metadata={str(n): "" for n in range(129)})

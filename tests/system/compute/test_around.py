"""What operators have around servers, and a terminal in a browser."""

import urllib.request
import uuid
from typing import Any

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.system.cloud import Cloud
from tests.system.compute.conftest import Compute, removed


def host_of(operator: Compute) -> dict[str, Any]:
    """One there is, as a service."""
    found = operator("compute", "service", "list")
    return next(each for each in found if each["Binary"] == "nova-compute")


def test_aggregates(operator: Compute) -> None:
    """In the zone its hosts are in anyway: there may be servers on them."""
    host = host_of(operator)
    name = f"a-{uuid.uuid4()}"
    operator.do("aggregate", "create", "--zone", host["Zone"], name)
    try:
        operator.do("aggregate", "add", "host", name, host["Host"])
        operator.do("aggregate", "set", "--property", "rack=7", name)
        shown = operator("aggregate", "show", name)
        assert shown["hosts"] == [host["Host"]]
        assert shown["availability_zone"] == host["Zone"]
        assert shown["properties"] == {"rack": "7"}
        operator.do("aggregate", "unset", "--property", "rack", name)
        operator.do("aggregate", "remove", "host", name, host["Host"])
    finally:
        operator.do("aggregate", "delete", name)
    listed = operator("aggregate", "list")
    assert name not in {each["Name"] for each in listed}


def test_services(operator: Compute) -> None:
    host = host_of(operator)
    which = (host["Host"], "nova-compute")
    operator.do(
        *("compute", "service", "set", "--disable"),
        *("--disable-reason", "disk", *which),
    )
    try:
        found = operator("compute", "service", "list", "--long")
        [shown] = [each for each in found if each["ID"] == host["ID"]]
        assert shown["Status"] == "disabled"
        assert shown["Disabled Reason"] == "disk"
    finally:
        operator.do("compute", "service", "set", "--enable", *which)
    operator.do("compute", "service", "set", "--down", *which)
    try:
        assert host_of(operator)["State"] == "down"
    finally:
        operator.do("compute", "service", "set", "--up", *which)
    assert host_of(operator)["State"] == "up"
    hypervisors = operator.connection.compute.hypervisors(details=True)
    uptime = {each.name: each.uptime for each in hypervisors}[host["Host"]]
    assert " up " in uptime


def test_flavors_of_some_projects(user: Compute, operator: Compute) -> None:
    name = f"f-{uuid.uuid4()}"
    operator.do(
        *("flavor", "create", name, "--vcpus", "1", "--ram", "64"),
        *("--disk", "1", "--private", "--property", "caas:cpu_burst=true"),
    )
    try:
        assert user.run("flavor", "show", name).code != 0
        project = user.connection.current_project_id
        operator.do("flavor", "set", "--project", project, name)
        shown = user("flavor", "show", name)
        assert shown["properties"] == {"caas:cpu_burst": "true"}
        assert shown["os-flavor-access:is_public"] is False
        operator.do("flavor", "unset", "--project", project, name)
        assert user.run("flavor", "show", name).code != 0
    finally:
        operator.do("flavor", "delete", name)


def test_usage_and_a_terminal(
    user: Compute, cloud: Cloud, image: str, name: str
) -> None:
    with removed(cloud, name):
        user.do(
            *("server", "create", name, "--image", image),
            *("--flavor", "c1.tiny", "--wait"),
        )
        assert len(user("usage", "show")["Servers"]) >= 1
        shown = user("console", "url", "show", name)
        page, _, secret = shown["url"].partition("#")
        with urllib.request.urlopen(page) as answer:
            assert b"<title>Terminal</title>" in answer.read()
        ident, _, token = secret.partition(":")
        base = page.removesuffix("/terminal")
        offers = ["caas-stream-v1", f"caas-token.{token}"]
        with connect(
            f"ws{base.removeprefix('http')}/v1/sessions/{ident}",
            origin=base,
            subprotocols=[Subprotocol(each) for each in offers],
        ) as socket:
            assert "started" in str(socket.recv())
            socket.send(b"\0echo $((40 + 2))\r")
            seen = b""
            while b"42" not in seen:
                message = socket.recv(timeout=20)
                assert isinstance(message, bytes), message
                seen += message[1:]
            socket.send(b"\0exit\r")

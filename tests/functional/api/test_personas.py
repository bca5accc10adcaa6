"""Every route with every persona: who may do what stands in one table."""

import uuid
from typing import Any

import pytest

from caas.api.operation import REGISTRY, Operation
from tests.functional.service import SET, Service

#: All look at what project p1 has.  The last but one manages another
#: project, and the objects of p1 do not exist for them.
TOKENS = {
    "reader": "u1:p1:reader",
    "member": "u1:p1:member",
    "manager": "u1:p1:manager",
    "admin": "u1:p9:admin",
    "service": "u1:p1:service",
    "stranger": "u1:p1:stranger",
    "foreigner": "u2:p2:manager",
    "nobody": None,
}

#       reader member manager admin service stranger foreigner nobody
TABLE = """
versions.list
        200    200    200     200   200     200      200       200
versions.get
        200    200    200     200   200     200      200       200
sets.create
        403    202    202     202   403     403      202       401
sets.list
        200    200    200     200   403     403      200       401
sets.detail
        200    200    200     200   403     403      200       401
sets.get
        200    200    200     200   403     403      404       401
sets.show_inputs
        403    200    200     200   403     403      404       401
sets.update
        403    200    200     200   403     403      404       401
sets.delete
        403    202    202     202   403     403      404       401
sets.restore
        403    409    409     409   403     403      404       401
sets.force_delete
        403    403    202     202   403     403      404       401
sets.start
        403    202    202     202   403     403      404       401
sets.stop
        403    202    202     202   403     403      404       401
sets.resize
        403    202    202     202   403     403      404       401
sets.restart
        403    202    202     202   403     403      404       401
sets.change
        403    202    202     202   403     403      404       401
sets.history
        200    200    200     200   403     403      404       401
sets.revert
        403    202    202     202   403     403      404       401
containers.add
        403    202    202     202   403     403      404       401
containers.update
        403    202    202     202   403     403      404       401
containers.remove
        403    202    202     202   403     403      404       401
containers.restart
        403    202    202     202   403     403      404       401
containers.pause
        403    202    202     202   403     403      404       401
containers.unpause
        403    202    202     202   403     403      404       401
containers.signal
        403    202    202     202   403     403      404       401
jobs.commit
        403    202    202     202   403     403      404       401
jobs.list
        200    200    200     200   403     403      200       401
jobs.get
        200    200    200     200   403     403      404       401
jobs.cancel
        403    202    202     202   403     403      404       401
containers.list
        200    200    200     200   403     403      200       401
containers.list_of_set
        200    200    200     200   403     403      404       401
containers.get
        200    200    200     200   403     403      404       401
events.list
        200    200    200     200   403     403      200       401
events.list_of_set
        200    200    200     200   403     403      404       401
events.get
        200    200    200     200   403     403      404       401
image_policies.get
        200    200    200     200   403     403      404       401
image_policies.update
        403    403    200     200   403     403      404       401
image_policies.reset
        403    403    204     204   403     403      404       401
image_policies.check
        400    400    400     400   403     403      404       401
quotas.get
        200    200    200     200   403     403      404       401
quotas.update
        403    403    403     200   403     403      403       401
quotas.reset
        403    403    403     204   403     403      403       401
flavors.list
        200    200    200     200   403     403      200       401
flavors.get
        200    200    200     200   403     403      200       401
flavors.create
        403    403    403     201   403     403      403       401
flavors.update
        403    403    403     200   403     403      403       401
flavors.delete
        403    403    403     204   403     403      403       401
keypairs.list
        200    200    200     200   403     403      200       401
keypairs.get
        200    200    200     200   403     403      404       401
keypairs.create
        403    201    201     201   403     403      201       401
keypairs.delete
        403    204    204     204   403     403      404       401
server_groups.list
        200    200    200     200   403     403      200       401
server_groups.get
        200    200    200     200   403     403      404       401
server_groups.create
        403    201    201     201   403     403      201       401
server_groups.delete
        403    204    204     204   403     403      404       401
namespaces.list
        200    200    200     200   403     403      200       401
namespaces.get
        200    200    200     200   403     403      404       401
namespaces.create
        403    201    201     201   403     403      201       401
namespaces.update
        403    200    200     200   403     403      404       401
namespaces.delete
        403    204    204     204   403     403      404       401
namespaces.list_members
        200    200    200     200   403     403      404       401
namespaces.share
        403    403    200     200   403     403      404       401
namespaces.unshare
        403    403    204     204   403     403      404       401
retentions.get
        200    200    200     200   403     403      404       401
retentions.update
        403    403    200     200   403     403      404       401
retentions.preview
        200    200    200     200   403     403      404       401
retentions.rehearse
        200    200    200     200   403     403      404       401
images.list
        200    200    200     200   403     403      200       401
images.get
        200    200    200     200   403     403      404       401
images.history
        200    200    200     200   403     403      404       401
images.tree
        200    200    200     200   403     403      404       401
images.usage
        200    200    200     200   403     403      404       401
images.space
        200    200    200     200   403     403      200       401
images.tag
        403    201    201     404   403     403      404       401
images.delete
        403    204    204     204   403     403      404       401
images.restore
        403    200    200     200   403     403      404       401
images.look
        403    202    202     404   403     403      404       401
hosts.list
        403    403    403     200   403     403      403       401
hosts.get
        403    403    403     200   403     403      403       401
hosts.enable
        403    403    403     200   403     403      403       401
hosts.disable
        403    403    403     200   403     403      403       401
hosts.delete
        403    403    403     204   403     403      403       401
sessions.exec
        403    201    201     201   403     403      404       401
sessions.attach
        403    201    201     201   403     403      404       401
sessions.download
        403    201    201     201   403     403      404       401
sessions.upload
        403    201    201     201   403     403      404       401
sessions.tail
        403    201    201     201   403     403      404       401
sessions.sftp
        403    201    201     201   403     403      404       401
sessions.forward
        403    201    201     201   403     403      404       401
sessions.logs
        201    201    201     201   403     403      404       401
sessions.logs_of_set
        201    201    201     201   403     403      404       401
sessions.list
        403    200    200     200   403     403      200       401
sessions.get
        403    200    200     200   403     403      404       401
sessions.recording
        403    403    200     200   403     403      404       401
looks.stats_of_set
        503    503    503     503   403     403      404       401
looks.stats
        503    503    503     503   403     403      404       401
looks.top
        503    503    503     503   403     403      404       401
looks.diff
        503    503    503     503   403     403      404       401
looks.inspect
        503    503    503     503   403     403      404       401
looks.files
        403    503    503     503   403     403      404       401
services.list
        403    403    403     200   403     403      403       401
"""

BODIES: dict[str, Any] = {
    "sets.create": {"set": SET},
    "sets.update": {"set": {"name": "other"}},
    "sets.resize": {"resize": {"flavor": "small"}},
    "sets.change": {"update": {"containers": [{"name": "app", "index": 1}]}},
    "sets.revert": {"revert": {"revision": 1}},
    "containers.add": {"container": {"name": "two", "image": "app:1"}},
    "containers.update": {"container": {"name": "other"}},
    "containers.signal": {"signal": "HUP"},
    "image_policies.update": {"image_policy": {"max_layers": 9}},
    "image_policies.check": {"check": {"image": "nothing"}},
    "quotas.update": {"quota": {"sets": 5}},
    "flavors.create": {
        "flavor": {"name": "big", "vcpus": 2, "memory_mb": 64, "disk_gb": 1}
    },
    "keypairs.create": {"keypair": {"name": "new"}},
    "server_groups.create": {
        "server_group": {"name": "near", "policy": "affinity"}
    },
    "flavors.update": {"flavor": {"description": "changed"}},
    "namespaces.create": {"namespace": {"name": "new"}},
    "namespaces.update": {"namespace": {"description": "changed"}},
    "namespaces.share": {"member": {"role": "pull"}},
    "retentions.update": {"retention": {"rules": [{"keep_last": 9}]}},
    "retentions.rehearse": {"retention": {"rules": [{"keep_last": 9}]}},
    "images.tag": {"tag": {"name": "shop/web:stable"}},
    "jobs.commit": {"commit": {"image": "web/app:2"}},
    "sessions.exec": {"session": {"command": ["ls"]}},
    "sessions.download": {"session": {"path": "/etc"}},
    "sessions.upload": {"session": {"path": "/tmp"}},
    "sessions.tail": {"session": {"path": "/var/log/app.log"}},
    "sessions.forward": {"session": {"port": 80}},
}


#: What can be made once only.
MADE = {
    "flavors.create": "/v1/flavors/big",
    "keypairs.create": "/v1/keypairs/new",
    "namespaces.create": "/v1/namespaces/new",
}


def _table() -> dict[str, dict[str, int]]:
    lines = TABLE.split("\n")[1:-1]
    return {
        name: dict(zip(TOKENS, map(int, row.split()), strict=True))
        for name, row in zip(lines[::2], lines[1::2], strict=True)
    }


EXPECTED = _table()


def test_the_table_is_complete() -> None:
    assert set(EXPECTED) == {o.name for o in REGISTRY.operations}


@pytest.mark.parametrize(
    "operation", REGISTRY.operations, ids=lambda o: o.name
)
def test_persona(service: Service, operation: Operation) -> None:
    """What is refused changes nothing."""
    got = {}
    # whoever manages the cloud is not of the project
    service.namespace("web", "p1", "p9")
    for persona, token in TOKENS.items():
        path = _path(service, operation)
        before = service.rows()
        answer = service.request(
            operation.method, path, BODIES.get(operation.name), token=token
        )
        got[persona] = answer.status_int
        if answer.status_int >= 400:
            assert service.rows() == before, f"{persona} changed something"
        if answer.status_int == 201 and operation.name in MADE:
            service.request("DELETE", MADE[operation.name])
    assert got == EXPECTED[operation.name]


def _path(service: Service, operation: Operation) -> str:
    """The path of a new object of project p1."""
    path = operation.path
    if "{set_id}" in path:
        both = [{"name": n, "image": "app:1"} for n in ("app", "side")]
        [made] = service.create(containers=both)
        path = path.replace("{set_id}", made["id"])
        if operation.name.startswith(("sessions.", "looks.", "jobs.")):
            service.place(made["id"])
    if "{event_id}" in path:
        [made] = service.create()
        path = path.replace("{event_id}", service.event(made["id"]))
    if "{job_id}" in path:
        path = path.replace("{job_id}", service.job()["id"])
    if "{session_id}" in path:
        path = path.replace("{session_id}", service.session()["id"])
    if "{flavor}" in path:
        service.request("DELETE", "/v1/flavors/mine")
        service.flavor("mine")
    if "{server_group_id}" in path:
        path = path.replace("{server_group_id}", service.server_group())
    if "{keypair}" in path:
        service.request("DELETE", "/v1/keypairs/mine")
        service.request("POST", "/v1/keypairs", {"keypair": {"name": "mine"}})
    if "{host}" in path:
        service.request("DELETE", "/v1/hosts/h1")
        service.host("h1")
    path = _path_of_images(service, operation, path)
    if operation.name == "looks.files":
        path += "?path=/etc"
    return path.format(
        container="app",
        flavor="mine",
        host="h1",
        keypair="mine",
        project_id="p1",
    )


def _path_of_images(service: Service, operation: Operation, path: str) -> str:
    if "{image}" in path:
        image_id = service.image_of(f"shop/web:{uuid.uuid4()}")
        path = path.replace("{image}", image_id)
        if operation.name == "images.restore":
            service.request("DELETE", f"/v1/images/{image_id}")
    if "{namespace}" in path:
        name = f"n{uuid.uuid4().hex}"
        service.namespace(name, "p1", "p7")
        path = path.replace("{namespace}", name)
        project = "p7" if operation.name == "namespaces.unshare" else "p8"
        path = path.replace("{project_id}", project)
    return path


LISTS = [
    "/v1/sets",
    "/v1/sets/detail",
    "/v1/containers",
    "/v1/events",
    "/v1/sessions",
    "/v1/images",
    "/v1/namespaces",
    "/v1/jobs",
]


@pytest.mark.parametrize("path", LISTS)
def test_lists_end_at_the_project(service: Service, path: str) -> None:
    service.session()
    service.image_of()
    service.job()
    noun = path.split("/")[2]

    def ask(token: str, query: str = "") -> tuple[int, int]:
        answer = service.request("GET", path + query, token=token)
        return answer.status_int, len(answer.json.get(noun, ()))

    mine = ask("u1:p1:member")
    assert mine[0] == 200
    assert mine[1] > 0
    assert ask("u2:p2:manager") == (200, 0)
    assert ask("u2:p2:manager", "?all_projects=true") == (403, 0)
    assert ask("u2:p2:manager", "?project_id=p1") == (403, 0)
    assert ask("u2:p2:manager", "?project_id=p2") == (200, 0)
    assert ask("u1:p9:admin") == (200, 0)
    assert ask("u1:p9:admin", "?project_id=p1") == mine
    assert ask("u1:p9:admin", "?all_projects=true")[1] >= mine[1]


@pytest.mark.parametrize("path", ["", "/containers", "/containers/app"])
def test_nobody_learns_that_an_object_is_there(
    service: Service, path: str
) -> None:
    """Of another project, or nowhere: the answer is the same."""
    [made] = service.create("u1:p1:member")
    nowhere = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"

    def ask(set_id: str) -> str:
        url = f"/v1/sets/{set_id}{path}"
        answer = service.request("GET", url, token="u2:p2:manager")
        assert answer.status_int == 404
        message: str = answer.json["error"]["message"]
        return message.replace(set_id, "ID")

    assert ask(made["id"]) == ask(nowhere)


def test_only_operators_see_where_things_are(service: Service) -> None:
    [made] = service.create()
    path = f"/v1/sets/{made['id']}"
    user = service.request("GET", path, token="u1:p1:manager").json["set"]
    operator = service.request("GET", path).json["set"]
    more = {"host", "host_status", "incarnation", "revision"}
    assert operator.keys() - user.keys() == more
    assert "runtime_id" in operator["containers"][0]
    assert "runtime_id" not in user["containers"][0]
    events = f"{path}/events"
    assert "host" in service.request("GET", events).json["events"][0]
    token = "u1:p1:manager"
    answer = service.request("GET", events, token=token)
    assert "host" not in answer.json["events"][0]
    one = f"/v1/events/{service.event(made['id'])}"
    assert "host" in service.request("GET", one).json["event"]
    answer = service.request("GET", one, token=token)
    assert "host" not in answer.json["event"]
    for listed in ("/v1/sets", "/v1/events", events):
        query = f"{listed}?host=h1"
        assert service.request("GET", query).status_int == 200
        answer = service.request("GET", query, token=token)
        assert answer.status_int == 403


def test_the_policy_file_decides(service: Service) -> None:
    """Also about a single object: here, only who made it may delete it."""
    policy = service.conf.oslo_policy.policy_file
    with open(policy, "w", encoding="utf-8") as file:
        file.write('"caas:sets:delete": "user_id:%(user_id)s"\n')
        file.write('"caas:hosts:list": "role:reader"\n')
    [made] = service.create("u1:p1:member")
    path = f"/v1/sets/{made['id']}"
    answer = service.request("DELETE", path, token="u2:p1:manager")
    assert answer.status_int == 403
    assert "caas:sets:delete" in answer.json["error"]["message"]
    answer = service.request("DELETE", path, token="u1:p1:member")
    assert answer.status_int == 202
    answer = service.request("GET", "/v1/hosts", token="u1:p1:reader")
    assert answer.status_int == 200

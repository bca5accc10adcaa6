"""Notifications of events and CADF audit, over oslo.messaging."""

import json
import logging
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jsonschema
import oslo_messaging
import pytest

from caas import audit, notifications
from caas.model.events import OBJECT_TYPES, RESULTS
from caas.store import events
from caas.store.engine import Store
from caas.wsgi.audit import without_secrets
from tests.functional.service import Service
from tests.listener import Listener

TEXT = {"type": "string"}
MAYBE = {"type": ["string", "null"]}

#: As documented in doc/source/admin/events.rst.
PAYLOAD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "at": {"type": "string", "pattern": r"^[0-9-]+T[0-9:.]+Z$"},
        "object_type": {"enum": list(OBJECT_TYPES)},
        "object_id": TEXT,
        "container": TEXT,
        "container_id": TEXT,
        "action": TEXT,
        "result": {"enum": list(RESULTS)},
        "reason": TEXT,
        "user_id": MAYBE,
        "project_id": MAYBE,
        "request_id": TEXT,
        "host": TEXT,
        "details": {"type": "object"},
        "zone": TEXT,
        "labels": {"type": "object", "additionalProperties": TEXT},
        "set": {
            "type": ["object", "null"],
            "properties": {
                "id": TEXT,
                "name": TEXT,
                "project_id": TEXT,
                "user_id": TEXT,
                "metadata": {"type": "object"},
            },
            "required": ["id", "name", "project_id", "user_id", "metadata"],
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
PAYLOAD["required"] = list(PAYLOAD["properties"])


@pytest.fixture
def told(service: Service) -> Iterator[Listener]:
    """What the API tells, over the bus of this process."""
    topic = f"told-{uuid.uuid4()}"
    service.reconfigure(
        oslo_messaging_notifications={
            "driver": "messagingv2",
            "topics": topic,
        }
    )
    listener = Listener(
        oslo_messaging.get_notification_transport(service.conf), topic
    )
    yield listener
    listener.stop()


def test_an_event_is_told_of(service: Service, told: Listener) -> None:
    [made] = service.create(metadata={"owner": "shop"})
    answer = service.request("POST", f"/v1/sets/{made['id']}/stop")
    assert answer.status_int == 202

    priority, publisher, payload, ctxt = told.wait("caas.set.create.accepted")
    jsonschema.validate(payload, PAYLOAD)
    assert (priority, publisher) == ("INFO", "caas-api.conductor-1")
    [event] = service.request(
        "GET", "/v1/events?action=set.create", token="u1:p1:member"
    ).json["events"]
    assert {k: payload[k] for k in event} == event
    assert payload["set"] == {
        "id": made["id"],
        "name": "web",
        "project_id": "p1",
        "user_id": "u1",
        "metadata": {"owner": "shop"},
    }
    assert ctxt["request_id"] == event["request_id"]
    told.wait("caas.set.stop.accepted")
    # its flavor was made before anybody listened
    kinds = [got[2] for got in told.got if got[2].startswith("caas.")]
    assert kinds == ["caas.set.create.accepted", "caas.set.stop.accepted"]


def test_a_host_is_told_of_with_where_it_stands(
    service: Service, told: Listener
) -> None:
    host_id = service.host("h1")
    with service.store.writer() as conn:
        rpc_facts = {"labels": {"room": "r 2", "asset-id": "4711"}}
        conn.exec_driver_sql(
            "UPDATE hosts SET zone = 'z1', facts = ? WHERE id = ?",
            (json.dumps(rpc_facts), host_id),
        )
    body = {"reason": "disk"}
    answer = service.request("POST", "/v1/hosts/h1/disable", body)
    assert answer.status_int == 200, answer.text
    _, _, payload, _ = told.wait("caas.host.disable.success")
    jsonschema.validate(payload, PAYLOAD)
    assert (payload["host"], payload["zone"]) == ("h1", "z1")
    assert payload["labels"] == {"room": "r 2", "asset-id": "4711"}
    assert (payload["reason"], payload["set"]) == ("disk", None)
    assert service.request("DELETE", "/v1/hosts/h1").status_int == 204
    _, _, payload, _ = told.wait("caas.host.delete.success")
    jsonschema.validate(payload, PAYLOAD)
    assert payload["details"]["labels"] == {"room": "r 2", "asset-id": "4711"}


def test_what_was_refused_is_no_event_but_audited(
    service: Service, told: Listener
) -> None:
    [made] = service.create()
    told.wait("audit.http.response")
    told.wait("caas.set.create.accepted")
    told.got.clear()
    path = f"/v1/sets/{made['id']}/force-delete"
    answer = service.request("POST", path, token="u1:p1:member")
    assert answer.status_int == 403
    _, _, payload, _ = told.wait(
        "audit.http.response", lambda p: p["requestPath"] == path
    )
    assert payload["outcome"] == "failure"
    assert payload["reason"]["reasonCode"] == "403"
    assert payload["action"] == "delete/force"
    assert payload["initiator"]["id"] == "u1"
    assert payload["initiator"]["project_id"] == "p1"
    request_id = answer.headers["X-Openstack-Request-Id"]
    assert payload["initiator"]["request_id"] == request_id
    assert not [got for got in told.got if got[2].startswith("caas.")]


@pytest.mark.parametrize("body", ['"x"', "[" * 50_000, "7", "{"])
def test_bodies_that_name_no_action_are_audited(
    service: Service, told: Listener, body: str
) -> None:
    [made] = service.create()
    path = f"/compute/v2.1/servers/{made['id']}/action"
    answer = service.request("POST", path, body.encode())
    assert answer.status_int == 400
    told.wait(
        "audit.http.response",
        lambda p: p["requestPath"] == path and p["outcome"] == "failure",
    )


def test_audit_names_what_was_asked_for(
    service: Service, told: Listener
) -> None:
    [made] = service.create()
    asked = {
        ("GET", "/v1/sets"): "read/list",
        ("GET", f"/v1/sets/{made['id']}"): "read",
        ("PATCH", f"/v1/sets/{made['id']}"): "update",
        ("POST", f"/v1/sets/{made['id']}/stop"): "stop",
        ("GET", f"/v1/sets/{made['id']}/events"): "read/list",
        ("DELETE", f"/v1/sets/{made['id']}"): "delete",
    }
    for method, path in asked:
        body = {"set": {"name": "n"}} if method == "PATCH" else None
        assert service.request(method, path, body).status_int < 300
    # the last one answered is the last one told of
    last = list(asked)[-1][1]
    told.wait(
        "audit.http.response",
        lambda p: p["requestPath"] == last and p["action"] == "delete",
    )
    got = {
        (p["requestPath"], p["action"])
        for _, _, kind, p, _ in told.got
        if kind == "audit.http.response"
    }
    assert {(path, action) for (_, path), action in asked.items()} <= got
    assert {
        p["outcome"]
        for _, _, kind, p, _ in told.got
        if kind == "audit.http.response"
    } == {"success"}


def test_no_secret_is_told(service: Service, told: Listener) -> None:
    token = "a-token-that-nobody-may-see:p1:member"
    [made] = service.create(
        token,
        containers=[
            {
                "name": "app",
                "image": "app:1",
                "env": {"PASSWORD": "s3cr3t-env"},
                "command": ["run", "--key=s3cr3t-command"],
            }
        ],
    )
    service.request(
        "GET", "/v1/sets?name=x&api_token=s3cr3t-query", token=token
    )
    told.wait(
        "audit.http.response",
        lambda p: p["requestPath"].endswith("api_token=xxxxxxxx"),
    )
    service.request("DELETE", f"/v1/sets/{made['id']}", token=token)
    told.wait("caas.set.delete.accepted")
    text = json.dumps(told.got)
    assert "s3cr3t" not in text
    assert ":p1:member" not in text
    credentials = [
        got[3]["initiator"]["credential"]["token"]
        for got in told.got
        if "initiator" in got[3]
    ]
    assert set(credentials) == {"xxxxxxxx"}


def test_those_who_look_whether_it_lives_are_not_audited(
    service: Service, told: Listener
) -> None:
    for path in ("/", "/v1", "/healthcheck"):
        service.request("GET", path, token=None)
    service.request("GET", "/v1/sets")
    told.wait("audit.http.response")
    paths = {got[3]["requestPath"] for got in told.got}
    assert paths == {"/v1/sets"}


def test_without_a_driver_nothing_stands_in_the_way(service: Service) -> None:
    service.create()
    assert notifications.publisher(service.conf, "x", lambda: None) is None


def test_a_broker_that_hangs_holds_up_nobody(service: Service) -> None:
    """It takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as broker:
        port = broker.getsockname()[1]
        service.reconfigure(
            oslo_messaging_notifications={
                "driver": "messagingv2",
                "transport_url": f"rabbit://a:b@127.0.0.1:{port}/",
            }
        )
        began = time.monotonic()
        for number in range(20):
            service.create(name=f"s{number}")
        # generous on a busy machine: one attempt to connect takes longer
        assert time.monotonic() - began < 10


def test_sessions_are_audited(service: Service, told: Listener) -> None:
    session = service.session(
        command=["s3cr3t-command"], env={"KEY": "s3cr3t-env"}, reason="look"
    )
    priority, publisher, payload, ctxt = told.wait(audit.SESSION)
    assert (priority, publisher) == ("INFO", "caas-api.conductor-1")
    assert payload["typeURI"].endswith("/event")
    assert payload["eventType"] == "activity"
    assert payload["action"] == "update/container.exec"
    assert payload["outcome"] == "pending"
    assert payload["session_id"] == session["id"]
    assert "reason" not in payload
    who, target = payload["initiator"], payload["target"]
    assert (who["id"], who["project_id"]) == ("u1", "p1")
    assert who["request_id"] == ctxt["request_id"]
    assert target["typeURI"] == (
        "service/compute/caas/sets/set/containers/container"
    )
    assert (target["name"], target["set_name"]) == ("app", "web")
    assert target["set_id"] == session["set_id"]
    assert payload["observer"]["name"] == "caas-api"

    # the infra container is nobody's
    path = f"/v1/sets/{target['set_id']}/containers/infra/exec"
    body = {"session": {"command": ["sh"]}}
    answer = service.request("POST", path, body, token="u1:p1:member")
    assert answer.status_int == 403
    _, _, payload, _ = told.wait(
        audit.SESSION, lambda p: p["outcome"] == "failure"
    )
    assert payload["reason"]["reasonCode"].startswith("Nobody enters")
    assert payload["target"]["name"] == "infra"
    assert "s3cr3t" not in json.dumps(told.got)


ROW: dict[str, Any] = {
    "id": "e1",
    "user_id": "u1",
    "project_id": "p1",
    "object_type": "set",
    "object_id": "s1",
    "container": "",
    "container_id": "",
    "request_id": "r1",
    "reason": "",
    "result": "success",
    "details": {"client": "192.0.2.7"},
}


@pytest.mark.parametrize(
    ("action", "becomes"),
    [
        ("container.logs", "read/container.logs"),
        ("set.logs", "read/set.logs"),
        ("container.upload", "update/container.upload"),
        ("session.refused", "update/session.refused"),
        ("ssh.login", "authenticate/login"),
        ("container.exited", None),
        ("set.start", None),
        ("host.up", None),
    ],
)
def test_which_events_are_of_sessions(
    action: str, becomes: str | None
) -> None:
    made = audit.of_event({**ROW, "action": action}, None, "caas-ssh")
    if becomes is None:
        assert made is None
        return
    assert made is not None
    assert made["action"] == becomes
    assert made["initiator"]["host"] == {"address": "192.0.2.7"}
    assert made["target"]["id"] == "s1"


class _Broken:
    """A database that is away."""

    def reader(self) -> Any:
        raise OSError("away")


def test_what_is_not_known_of_an_event_is_left_out(
    service: Service, told: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    made = notifications.publisher(
        service.conf,
        "caas-conductor",
        _Broken,  # type: ignore[arg-type]
    )
    assert made is not None
    store = Store(service.conf, made.events)
    with store.writer() as conn:
        events.add(
            conn,
            object_type="set",
            object_id="s",
            action="set.error",
            result="error",
        )
    priority, _, payload, _ = told.wait("caas.set.error.error")
    jsonschema.validate(payload, PAYLOAD)
    assert (priority, payload["set"]) == ("ERROR", None)
    assert "go without set and host: away" in caplog.text
    made.stop()
    store.engine.dispose()


def test_secrets_in_a_url() -> None:
    assert without_secrets("/v1/sets?a=1&b=%20") == "/v1/sets?a=1&b=%20"
    assert without_secrets("/v1/sets?a=1&Token=x") == (
        "/v1/sets?a=1&Token=xxxxxxxx"
    )


def test_an_audit_map_that_is_missing_is_said(service: Service) -> None:
    from caas.wsgi.audit import Audit

    make = Audit.factory({})
    service.reconfigure(
        audit_middleware_notifications={"use_oslo_messaging": "false"}
    )
    with pytest.raises(RuntimeError, match=r"api_audit_map\.conf belongs"):
        make(service.app)


@pytest.fixture
def logging_service(service: Service) -> Service:
    # it sets up the log, so before caplog listens to the test
    service.reconfigure(
        audit_middleware_notifications={"use_oslo_messaging": "false"}
    )
    return service


def test_audit_in_the_log(
    logging_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        logging_service.request("GET", "/v1/sets")
        until = time.monotonic() + 30
        while "audit.http.response" not in caplog.text:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert "/v1/sets" in caplog.text

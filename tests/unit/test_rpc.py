import threading

import pytest
from oslo_config import cfg
from oslo_messaging import opts

from caas import exception, rpc
from caas.context import RequestContext


class Endpoint:
    def __init__(self):
        self.got = []
        self.arrived = threading.Semaphore(0)

    @rpc.expose
    def look_again(self, ctx, set_ids):
        self.got.append((ctx, set_ids))
        self.arrived.release()

    @rpc.expose
    def look_for_jobs(self, ctx):
        self.got.append("jobs")
        self.arrived.release()

    @rpc.expose
    def sync(self, ctx, report):
        if report.get("host") == "broken":
            raise ValueError("no")
        return {"version": 3, "sets": None}

    @rpc.expose
    def assign(self, ctx, message):
        self.got.append((ctx, message))
        self.arrived.release()

    def hidden(self, ctx):
        self.got.append("hidden")


@pytest.fixture
def transport():
    # oslo.messaging reads some of its options from the global object only
    conf = cfg.CONF
    conf([], default_config_files=[], default_config_dirs=[])
    conf.register_opts(dict(opts.list_opts())[None])
    conf.set_override("transport_url", "fake://")
    transport = rpc.transport(conf)
    yield transport
    transport.cleanup()
    conf.clear_override("transport_url")
    conf.reset()


@pytest.fixture
def conductor(transport):
    endpoint = Endpoint()
    server = rpc.conductor_server(transport, "c1", endpoint)
    server.start()
    yield endpoint
    server.stop()
    server.wait()


def test_look_for_jobs(transport, conductor):
    rpc.Sender(transport).look_for_jobs(RequestContext(overwrite=False))
    assert conductor.arrived.acquire(timeout=10)
    assert conductor.got == ["jobs"]


def test_look_again_carries_who_asked_and_no_token(transport, conductor):
    sender = rpc.Sender(transport)
    ctx = RequestContext(
        auth_token="secret",
        user_id="u",
        project_id="p",
        request_id="req-1",
        overwrite=False,
    )
    sender.look_again(ctx, ("a", "b"))
    assert conductor.arrived.acquire(timeout=10)
    ((seen, ids),) = conductor.got
    assert ids == ["a", "b"]
    assert (seen.request_id, seen.user_id, seen.project_id) == (
        "req-1",
        "u",
        "p",
    )
    assert seen.auth_token is None
    sender.stop()


def test_sync_answers(transport, conductor):
    client = rpc.ConductorClient(transport)
    assert client.sync({"host": "h"}) == {"version": 3, "sets": None}


def test_an_error_of_the_conductor_is_no_answer(transport, conductor):
    with pytest.raises(exception.Unavailable):
        rpc.ConductorClient(transport).sync({"host": "broken"})


def test_what_is_not_exposed_cannot_be_called(transport, conductor):
    client = rpc._client(transport, rpc.CONDUCTOR_TOPIC)
    with pytest.raises(Exception, match="hidden"):
        client.prepare(timeout=10).call(
            RequestContext(overwrite=False), "hidden"
        )
    assert conductor.got == []


def test_assign_reaches_the_host_it_is_for(transport):
    endpoints = {"h1": Endpoint(), "h2": Endpoint()}
    servers = [
        rpc.agent_server(transport, name, endpoint)
        for name, endpoint in endpoints.items()
    ]
    for server in servers:
        server.start()
    sender = rpc.Sender(transport)
    for number in range(20):
        sender.assign("h2", {"version": number})
    sender.stop()
    for _ in range(20):
        assert endpoints["h2"].arrived.acquire(timeout=10)
    for server in servers:
        server.stop()
        server.wait()
    versions = [message["version"] for _ctx, message in endpoints["h2"].got]
    assert sorted(versions) == list(range(20))
    assert endpoints["h1"].got == []


class Broken:
    """A client whose broker hangs until it is let go, then is away."""

    def __init__(self):
        self.let_go = threading.Event()
        self.tried = threading.Semaphore(0)

    def cast(self, ctx, method, **arguments):
        self.let_go.wait(10)
        self.tried.release()
        raise OSError("refused")


def test_a_broken_broker_neither_blocks_nor_raises(transport, monkeypatch):
    sender = rpc.Sender(transport)
    broken = Broken()
    monkeypatch.setattr(sender, "_conductors", broken)
    ctx = RequestContext(overwrite=False)
    for number in range(3):
        sender.look_again(ctx, [str(number)])
    broken.let_go.set()
    for _ in range(3):
        assert broken.tried.acquire(timeout=10)
    sender.stop()

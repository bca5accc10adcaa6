"""Commits and jobs from Python and the command line."""

import datetime
import uuid

import pytest
from openstack import exceptions

from caas.model.images import Namespace
from caas.model.jobs import State
from caas.store import jobs, namespaces
from caas.store import tables as t
from caas.store.engine import utcnow
from tests.functional.client.cloud import PROJECTS

NOW = datetime.datetime(2026, 11, 20, 12)


@pytest.fixture
def web(cloud, caas, small):
    """A set with a container that was made, and a namespace."""
    caas(
        *("set", "create", "web", "--flavor", "small"),
        *("--image", "busybox:latest", "--wait"),
    )
    with cloud.store.writer() as conn:
        conn.execute(t.sets.update().values(incarnation=1))
        conn.execute(t.containers.update().values(runtime_id="f00"))
        namespaces.insert(
            conn,
            Namespace(
                str(uuid.uuid4()), "shop", PROJECTS["demo"], "", False, NOW
            ),
        )
    return "web"


def goes_on(cloud, said):
    """Its host gets a step further whenever somebody has looked."""
    steps = {
        "PENDING": lambda conn, i: jobs.progress(
            conn, i, utcnow(), "pushed 1 of 3 MB"
        ),
        "RUNNING": lambda conn, i: jobs.end(
            conn, i, State.DONE, utcnow(), image_id="an-image"
        ),
    }

    def step(job):
        said.append((job.status, job.progress))
        if job.status in steps:
            with cloud.store.writer() as conn:
                steps[job.status](conn, job.id)

    return step


def test_python(cloud, connect, web):
    conn = connect()
    job = conn.commit_container(
        conn.find_set(web), "main", "shop/web:2", message="why", pause=True
    )
    assert (job.kind, job.status, job.ended) == ("commit", "PENDING", False)
    assert job.arguments["message"] == "why"
    assert [j.id for j in conn.jobs(kind="commit")] == [job.id]
    assert not list(conn.jobs(status="DONE"))
    said = []
    done = conn.wait_for_job(job.id, 10, goes_on(cloud, said))
    assert (done.status, done.image_id) == ("DONE", "an-image")
    assert said == [
        ("PENDING", ""),
        ("RUNNING", "pushed 1 of 3 MB"),
        ("DONE", "pushed 1 of 3 MB"),
    ]
    again = conn.commit_container(conn.find_set(web), "main", "shop/web")
    with pytest.raises(exceptions.ResourceTimeout, match="is still PENDING"):
        conn.wait_for_job(again, 0.1)
    conn.cancel_job(again)
    with pytest.raises(exceptions.ResourceFailure, match="It was cancelled"):
        conn.wait_for_job(again)
    with pytest.raises(exceptions.ConflictException, match="ended already"):
        conn.cancel_job(again)


def test_command_line(cloud, caas, refused, web):
    made = caas(
        *("container", "commit", "web", "main", "shop/web:2"),
        *("--message", "why", "--author", "me", "--pause"),
        *("--change", "ENV A=b", "--change", 'CMD ["x"]', "-f", "json"),
    ).json
    assert made["status"] == "PENDING"
    assert made["arguments"]["changes"] == ["ENV A=b", 'CMD ["x"]']
    assert made["arguments"]["pause"] is True
    (listed,) = caas("job", "list", "--set", "web", "-f", "json").json
    assert (listed["ID"], listed["Image"]) == (made["id"], "shop/web:2")
    shown = caas("job", "show", made["id"], "-f", "json").json
    assert shown == made
    assert caas("job", "cancel", made["id"]).out == ""
    (listed,) = caas(
        *("job", "list", "--status", "cancelled", "--kind", "commit"),
        *("--long", "--since", "2020-01-01T00:00:00Z", "-f", "json"),
    ).json
    assert listed["Reason"] == "It was cancelled."
    assert "ended already" in refused("job", "cancel", made["id"])
    assert "namespace create" in refused(
        "container", "commit", "web", "main", "none/web"
    )
    said = refused(
        *("container", "commit", "web", "main", "shop/web"),
        *("--wait", "--timeout", "0.1"),
    )
    assert said.splitlines()[0] == "shop/web:latest PENDING"
    assert "is still PENDING" in said

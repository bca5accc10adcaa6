"""Changes of what sets are made of, by many at once, on every database."""

import contextlib
import dataclasses
import itertools
import random
import threading

import pytest
import sqlalchemy as sa

from caas import exception
from caas.core import changes, containers, flavors
from caas.core import sets as core
from caas.model import wire
from caas.model.content import Member
from caas.model.states import ContainerStatus, Phase
from caas.store import placements, quotas, tables
from tests import fixtures
from tests.unit.conductor.cloud import Cloud, seen

pytestmark = pytest.mark.parametrize("database", fixtures.DATABASES)

#: Sizes of flavors that sets are given; the host has room for some of them.
MEMORY = {"half": 512, "double": 2048, "huge": 6000}
IMAGES = ("app:1", "web:1", "bad:1")


@pytest.fixture
def cloud(store):
    cloud = Cloud(store)
    cloud.flavor()
    for name, memory in MEMORY.items():
        flavors.create(
            cloud.deps,
            cloud.ctx(),
            {"name": name, "vcpus": 1, "memory_mb": memory, "disk_gb": 1},
        )
    return cloud


def check_books(cloud):
    """Containers, quota and history agree with what sets are made of."""
    items = [
        cloud.get(row.id)
        for row in cloud.rows(tables.sets)
        if row.deleted_at is None
    ]
    rows = cloud.rows(tables.containers, role="business")
    for item in items:
        assert item.change_revision == 0
        mine = {row.id for row in rows if row.set_id == item.id}
        assert mine == {member.id for member in item.content.members}
        entries = changes.list_history(cloud.deps, item)
        assert entries[0].content == item.content
        failed = [e for e in entries if e.failure]
        undone = [e for e in entries if e.action == "take-back"]
        assert len(failed) == len(undone)
    with cloud.store.reader() as conn:
        quota = quotas.get(conn, "p1", cloud.deps.quota_defaults)
    used = {r: usage.used for r, usage in quota.resources.items()}
    held = [item.content.held() for item in items]
    assert used == {
        "sets": len(items),
        **{r: sum(h.get(r, 0) for h in held) for r in used if r != "sets"},
    }
    return items


def check_claims(cloud, items):
    """Of the one host there is."""
    row = cloud.row(tables.hosts)
    claims = {c.set_id: c.memory_mb for c in cloud.rows(tables.claims)}
    assert row.used_memory_mb == sum(claims.values()) <= row.memory_mb
    for item in items:
        # one that failed may have had more before
        assert claims[item.id] >= item.resources.memory_mb
        assert item.current


def run_all(*calls):
    """In threads; all errors are the test's."""
    errors = []

    def run(call):
        try:
            call()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    assert not any(thread.is_alive() for thread in threads)


def test_of_changes_at_once_one_counts(cloud):
    """Of a set without a host, so that each is done when it is written."""
    (item,) = cloud.ask()
    wins = []

    def ask(number):
        for turn in range(4):
            name = f"c{number}-{turn}"
            with contextlib.suppress(exception.Conflict):
                changes.update(
                    cloud.deps,
                    cloud.ctx(),
                    cloud.get(item.id),
                    "add",
                    add=[{"name": name, "image": "app:1"}],
                )
                wins.append(name)

    run_all(*(lambda n=n: ask(n) for n in range(6)))
    assert wins
    (after,) = check_books(cloud)
    assert {m.spec.name for m in after.content.members} == {
        "app",
        "web",
        *wins,
    }
    assert after.revision == 1 + len(wins)


class User:
    """Changes sets at random."""

    def __init__(self, cloud, ids, seed):
        self.cloud = cloud
        self.ids = ids
        self.rng = random.Random(seed)

    def act(self):
        item = self.cloud.get(self.rng.choice(self.ids))
        ask = (self.cloud.deps, self.cloud.ctx(), item)
        verb = self.rng.choice(
            [self.update] * 4
            + [self.restart, self.resize, self.revert, self.whole]
        )
        with contextlib.suppress(exception.CaasError):
            verb(ask, item)

    def update(self, ask, item):
        first, *rest = self.rng.sample(
            [m.id for m in item.content.members], len(item.content.members)
        )
        body = {"image": self.rng.choice(IMAGES)}
        add = [{"name": self.rng.choice("abcd"), **body}]
        ways = [
            {"change": [(first, body)]},
            {"add": add},
            {"remove": [first]},
            {
                "change": [(i, body) for i in rest],
                "remove": [first],
                "add": add,
            },
            {"change": [(first, {"name": self.rng.choice("abcd")})]},
        ]
        changes.update(*ask, "update", **self.rng.choice(ways))

    def restart(self, ask, item):
        containers.restart(*ask, self.rng.choice(item.containers[1:]).id)

    def resize(self, ask, item):
        changes.resize(*ask, self.rng.choice(["small", *MEMORY]))

    def revert(self, ask, item):
        entries = changes.list_history(self.cloud.deps, item)
        changes.revert(*ask, self.rng.choice(entries))

    def whole(self, ask, item):
        getattr(core, self.rng.choice(["restart", "stop", "start"]))(*ask)


class Host:
    """Does at once what it is told, and reports it.

    What it is told has to be what its revision is made of.
    """

    def __init__(self, cloud, name):
        self.cloud = cloud
        self.name = name
        self.told = 0

    def act(self):
        try:
            answer = self.cloud.report(self.name)
        except sa.exc.NoResultFound:
            return
        wanteds = [wire.Wanted.from_dict(data) for data in answer["sets"]]
        for wanted in wanteds:
            self.check(wanted)
        self.cloud.report(
            self.name, *map(self.report, wanteds), version=answer["version"]
        )

    def check(self, wanted):
        item = self.cloud.get(wanted.id)
        content = next(
            entry.content
            for entry in changes.list_history(self.cloud.deps, item)
            if entry.revision <= wanted.revision
        )
        members = tuple(Member(c.id, c.spec) for c in wanted.containers)
        assert (members, wanted.resources) == (
            content.members,
            content.resources,
        )
        self.told += 1

    @staticmethod
    def report(wanted):
        bad = {c.id for c in wanted.containers if c.spec.image.ref == "bad:1"}
        if not bad or wanted.desired != "running":
            return seen(wanted)
        found = seen(wanted, Phase.FAILED, "bad")
        return dataclasses.replace(
            found,
            containers=tuple(
                dataclasses.replace(c, status=ContainerStatus.FAILED)
                if c.id in bad
                else c
                for c in found.containers
            ),
        )


def test_users_conductors_and_a_host_at_once(cloud, store):
    cloud.host("h1", memory=8000)
    items = cloud.create(3)
    ids = [item.id for item in items]
    clouds = [Cloud(store, f"c{n}") for n in range(2)]
    host = Host(cloud, "h1")
    users = [User(Cloud(store, "user"), ids, seed) for seed in range(3)]
    ended = threading.Event()

    def use(user):
        for _ in range(40):
            user.act()

    def conduct(one):
        while not ended.is_set():
            with store.reader() as conn:
                due = placements.due(conn, one.clock(), 100)
            one.worker.work(due)

    def serve():
        while not ended.is_set():
            host.act()

    def use_all():
        try:
            run_all(*(lambda u=u: use(u) for u in users))
        finally:
            ended.set()

    run_all(use_all, serve, *(lambda c=c: conduct(c) for c in clouds))
    for _ in range(3):
        cloud.later(1000)
        cloud.report("h1")
        cloud.worker.work(ids)
        host.act()
    assert host.told > 10
    sent = [message for one in clouds for _, message in one.sent]
    for data in itertools.chain.from_iterable(m["sets"] for m in sent):
        host.check(wire.Wanted.from_dict(data))
    check_books(cloud)
    check_claims(cloud, map(cloud.get, ids))


def test_a_reader_sees_one_moment(cloud):
    """Version, sets and containers, whoever writes meanwhile."""
    cloud.host("h1")
    (item,) = cloud.create()
    with cloud.store.reader() as conn:
        first = placements.listing(conn, item.host_id)
        changes.update(cloud.deps, cloud.ctx(), item, "remove", remove=["web"])
        assert placements.listing(conn, item.host_id) == first
        assert cloud.get(item.id).revision == 2

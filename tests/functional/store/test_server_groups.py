"""Server groups with several conductors at once, on every database."""

import collections
import random
import threading
from unittest import mock

import pytest

from caas import exception
from caas.core import server_groups as core
from caas.core import sets
from caas.model.server_groups import Policy
from caas.model.states import Placement
from caas.store import tables
from caas.store.engine import retry
from tests import fixtures
from tests.functional.store.test_conductor import together
from tests.unit.conductor.cloud import Cloud

pytestmark = pytest.mark.parametrize("database", fixtures.DATABASES)


def group(cloud, policy, most=None):
    return core.create(cloud.deps, cloud.ctx(), "g", policy, most).id


def settle(clouds, ids, hosts):
    """Have them work until nothing is left to do."""
    cloud = clouds[0]
    for _ in range(4):
        for each in clouds:
            each.later(16)
        for name in hosts:
            cloud.report(name)
        cloud.worker.work(ids)
    found = [cloud.get(each) for each in ids]
    assert {item.placement for item in found} <= {
        Placement.PLACED,
        Placement.FAILED,
    }
    return found


@pytest.mark.parametrize("policy", [*Policy])
def test_conductors_at_once_keep_to_the_policy(store, policy):
    """Each plans with sets of the same group at the same moment."""
    clouds = [Cloud(store, f"c{n}") for n in range(4)]
    cloud = clouds[0]
    hosts = [f"h{n}" for n in range(4)]
    for name in hosts:
        cloud.host(name, memory=1024 * 6)
    most = 2 if policy == Policy.ANTI_AFFINITY else None
    ident = group(cloud, policy, most)
    ids = []
    for _ in range(12):
        ids += [i.id for i in cloud.ask(server_group=ident)]

    def run(number):
        mine = ids[number::4]
        random.Random(number).shuffle(mine)
        for each in mine:
            clouds[number].worker.work([each])

    together(run, len(clouds))
    found = settle(clouds, ids, hosts)
    count = collections.Counter(
        item.host_name for item in found if item.host_name
    )
    match policy:
        case Policy.AFFINITY:
            assert sorted(count.values()) == [6]
        case Policy.ANTI_AFFINITY:
            assert sorted(count.values()) == [2, 2, 2, 2]
        case Policy.SOFT_AFFINITY:
            assert sorted(count.values()) == [6, 6]
        case Policy.SOFT_ANTI_AFFINITY:
            assert sorted(count.values()) == [3, 3, 3, 3]
    # what was planned in vain is not taken
    for row in cloud.rows(tables.hosts):
        assert row.used_sets == count[row.name]


@pytest.mark.parametrize("policy", [Policy.AFFINITY, Policy.ANTI_AFFINITY])
def test_what_others_placed_meanwhile_is_planned_anew(store, policy):
    """Both have planned before either writes."""
    clouds = [Cloud(store, "c1"), Cloud(store, "c2")]
    cloud = clouds[0]
    for name in ("h1", "h2"):
        cloud.host(name)
    ident = group(cloud, policy)
    ids = [item.id for _ in clouds for item in cloud.ask(server_group=ident)]
    planned = threading.Barrier(2)
    plans = []

    def late(worker):
        commit = worker._commit
        first = [True]

        def run(batch, plan):
            plans.append(dict(plan.placed))
            if first.pop() if first else False:
                planned.wait(30)
            return commit(batch, plan)

        return mock.patch.object(worker, "_commit", run)

    # the best host of one must not be that of the other, or must
    for each in clouds:
        each.worker._view.refresh()
    for number, each in enumerate(clouds):
        for host in each.worker._view._planner.snapshot.hosts.values():
            first = host.name == "h1"
            if policy == Policy.AFFINITY:
                first = first is (number == 0)
            host.tie = 0.0 if first else 1.0
    with late(clouds[0].worker), late(clouds[1].worker):
        together(lambda number: clouds[number].worker.work([ids[number]]), 2)
    assert len(plans) == 3
    hosts = {cloud.get(each).host_name for each in ids}
    assert None not in hosts
    assert len(hosts) == (1 if policy == Policy.AFFINITY else 2)


def test_a_group_that_goes_while_it_is_planned(store):
    """Then it asks for nothing."""
    cloud = Cloud(store)
    cloud.host("h1")
    ident = group(cloud, Policy.ANTI_AFFINITY)
    ids = [item.id for item in cloud.ask(2, least=1, server_group=ident)]
    commit = cloud.worker._commit
    gone = []

    def run(batch, plan):
        if not gone:
            gone.append(core.get(cloud.deps, cloud.ctx(), ident))
            core.delete(cloud.deps, cloud.ctx(), gone[0])
        return commit(batch, plan)

    with mock.patch.object(cloud.worker, "_commit", run):
        cloud.worker.work(ids)
    assert {cloud.get(each).host_name for each in ids} == {"h1"}


def test_sets_that_go_make_room(store):
    cloud = Cloud(store)
    cloud.host("h1")
    ident = group(cloud, Policy.ANTI_AFFINITY)
    [first] = cloud.create(server_group=ident)
    [second] = cloud.create(server_group=ident)
    assert second.placement == Placement.FAILED
    # from the moment that it is to go
    cloud.verb("delete", first)
    cloud.verb("start", second)
    assert cloud.get(second.id).host_name == "h1"


def test_no_group_has_more_members_than_may_be(store):
    """However many join at once; and none joins one that goes."""
    cloud = Cloud(store)
    cloud.flavor()
    limits = {**cloud.deps.quota_defaults, "server_group_members": 5}
    object.__setattr__(cloud.deps, "quota_defaults", limits)
    ident = group(cloud, Policy.AFFINITY)
    made, refused = [], []

    def join(number):
        try:
            made.extend(cloud.ask(2, least=2, server_group=ident))
        except exception.QuotaExceeded:
            refused.append(number)

    together(join, 8)
    assert len(made) == 4
    assert len(refused) == 6
    shown = core.get(cloud.deps, cloud.ctx(), ident)
    assert sorted(shown.members) == sorted(item.id for item in made)

    def delete(number):
        if number:
            core.delete(cloud.deps, cloud.ctx(), shown)
            return
        retry(sets.force_delete)(cloud.deps, cloud.ctx(), made[0])

    together(delete, 2)
    with pytest.raises(exception.BadRequest, match="could not be found"):
        cloud.ask(server_group=ident)
    assert {row.group_id for row in cloud.rows(tables.sets)} == {None}
    with pytest.raises(exception.NotFound):
        core.delete(cloud.deps, cloud.ctx(), shown)


def test_groups_of_a_project_are_limited(store):
    cloud = Cloud(store)
    limits = {**cloud.deps.quota_defaults, "server_groups": 3}
    object.__setattr__(cloud.deps, "quota_defaults", limits)
    refused = []

    def make(number):
        try:
            group(cloud, Policy.AFFINITY)
        except exception.QuotaExceeded:
            refused.append(number)

    group(cloud, Policy.AFFINITY)
    together(make, 6)
    assert len(refused) == 4
    [first, *_] = cloud.rows(tables.server_groups)
    item = core.get(cloud.deps, cloud.ctx(), first.id)
    core.delete(cloud.deps, cloud.ctx(), item)
    group(cloud, Policy.AFFINITY)


def test_a_named_host_is_for_the_first_time(store):
    """What moves later is not bound to it."""
    cloud = Cloud(store)
    cloud.host("h1")
    cloud.host("h2")
    [item] = cloud.create(hints={"host": "h2"})
    assert item.host_name == "h2"
    with store.writer() as conn:
        conn.execute(
            tables.hosts.update()
            .where(tables.hosts.c.name == "h2")
            .values(enabled=False)
        )
        conn.execute(
            tables.sets.update().values(
                host_id=None, placement="pending", revision=2
            )
        )
    cloud.worker.work([item.id])
    moved = cloud.get(item.id)
    assert (moved.host_name, moved.incarnation) == ("h1", 2)
    with pytest.raises(exception.BadRequest, match="Compute host h9"):
        cloud.ask(hints={"host": "h9"})

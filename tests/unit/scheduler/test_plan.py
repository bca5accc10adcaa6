import random

import pytest

from caas.model.spec import Resources
from caas.scheduler import plan as plan_module
from caas.scheduler.filters import Request, passes
from caas.scheduler.plan import Group, Planner
from caas.scheduler.snapshot import Snapshot
from caas.scheduler.weighers import pack, spread
from tests.unit.scheduler.hosts import host

GIB = Request(Resources(100, 1024, 1))


def single(*names, request=GIB):
    return [Group({name: request}) for name in names]


def test_spread_takes_the_host_with_the_largest_free_share():
    small, big = host("small", memory=2048), host("big", memory=8192)
    plan = Planner(Snapshot([small, big])).plan(single("s1", "s2", "s3"))
    assert plan.placed == dict.fromkeys(("s1", "s2", "s3"), "big")


def test_spread_alternates_between_equal_hosts():
    planner = Planner(Snapshot([host("a"), host("b")]))
    plan = planner.plan(single(*"123456"))
    assert sorted(plan.placed.values()) == ["a"] * 3 + ["b"] * 3


def test_pack_fills_one_host_first():
    planner = Planner(Snapshot([host("a"), host("b")]), pack)
    plan = planner.plan(single(*"123456"))
    first = next(iter(plan.placed.values()))
    assert list(plan.placed.values()).count(first) == 4


def test_what_does_not_fit_any_more_is_refused_with_a_reason():
    planner = Planner(Snapshot([host("a")]))
    plan = planner.plan(single(*"12345"))
    assert sorted(plan.placed) == list("1234")
    assert set(plan.refused) == {"5"}
    assert plan.refused["5"].reason == (
        "No host can take this set: 1 host looked at; 1 lacks memory "
        "(asked 1024 MiB, most free 0 MiB)."
    )


def test_a_plan_is_assumed_by_the_next():
    planner = Planner(Snapshot([host("a")]))
    planner.plan(single(*"123"))
    assert len(planner.plan(single(*"45")).placed) == 1


def test_all_or_none():
    snapshot = Snapshot([host("a")])
    planner = Planner(snapshot)
    five = Group(dict.fromkeys("12345", GIB), need=5)
    plan = planner.plan([five])
    assert plan.placed == {}
    assert set(plan.refused) == set("12345")
    assert plan.refused["1"].reason.startswith(
        "Only 4 of at least 5 sets asked for together find a host. No host"
    )
    assert snapshot.hosts["a"].free_memory_mb == 4096
    # what it had assumed is free for others
    assert len(planner.plan(single(*"6789")).placed) == 4


def test_at_least_need_of_them():
    plan = Planner(Snapshot([host("a")])).plan(
        [Group(dict.fromkeys("12345", GIB), need=3)]
    )
    assert len(plan.placed) == 4
    assert len(plan.refused) == 1


def test_need_more_than_there_are_left_to_place():
    plan = Planner(Snapshot([host("a")])).plan([Group({"1": GIB}, need=3)])
    assert plan.placed == {"1": "a"}


def test_a_changed_host_counts_at_once():
    snapshot = Snapshot([host("a")])
    planner = Planner(snapshot)
    assert planner.plan(single("1")).placed == {"1": "a"}
    snapshot.update([host("a", enabled=False)])
    assert "1 is disabled" in planner.plan(single("2")).refused["2"].reason
    snapshot.update([host("b")])
    assert planner.plan(single("3")).placed == {"3": "b"}
    snapshot.drop(["b"])
    assert planner.plan(single("4")).placed == {}
    snapshot.replace([host("c")])
    assert planner.plan(single("5")).placed == {"5": "c"}
    assert list(snapshot.hosts) == ["c"]


@pytest.mark.parametrize("weigher", [spread, pack])
@pytest.mark.parametrize("seed", range(40))
def test_always_the_best_host(monkeypatch, seed, weigher):
    """Like a look at all hosts for each set, whatever happens to them."""
    monkeypatch.setattr(plan_module, "_BEST", 4)
    monkeypatch.setattr(plan_module, "_CLASSES", 3)
    rng = random.Random(seed)
    names = [f"h{n}" for n in range(rng.choice((2, 20, 60)))]

    def view(name):
        return host(
            name,
            cpu=rng.randrange(0, 8000),
            memory=rng.randrange(0, 16384),
            zone=rng.choice(("z1", "z2")),
            enabled=rng.random() < 0.9,
            up=rng.random() < 0.9,
            capacity=Resources(8000, 16384, 100),
        )

    def fresh():
        return [view(name) for name in names if rng.random() < 0.9]

    snapshot = Snapshot(fresh())
    planner = Planner(snapshot, weigher)
    requests = [
        Request(Resources(cpu, memory, 0), zone)
        for cpu, memory in ((100, 128), (1000, 512), (250, 4096))
        for zone in (None, "z1")
    ]
    for step in range(300):
        event = rng.random()
        if event < 0.02:
            snapshot.replace(fresh())
        elif event < 0.2:
            snapshot.update([view(rng.choice(names))])
        elif event < 0.25:
            snapshot.drop([rng.choice(names)])
        request = rng.choice(requests)
        able = [h for h in snapshot.hosts.values() if passes(h, request)]
        weights = {h.id: weigher(h, request) for h in able}
        plan = planner.plan(single(str(step), request=request))
        if able:
            chosen = plan.placed[str(step)]
            assert weights[chosen] == max(weights.values())
        else:
            assert plan.refused[str(step)].reason

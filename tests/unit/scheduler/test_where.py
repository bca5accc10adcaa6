"""Sets that are to be with others, or apart from them."""

import collections
import random
import re

import pytest

from caas.model import hints
from caas.model.hints import Hints
from caas.model.server_groups import Policy
from caas.model.spec import Resources
from caas.scheduler import plan as plan_module
from caas.scheduler import query
from caas.scheduler.filters import Request, passes
from caas.scheduler.groups import ServerGroup
from caas.scheduler.plan import Group, Planner
from caas.scheduler.snapshot import Snapshot
from caas.scheduler.weighers import spread
from caas.scheduler.where import Named, Others
from tests.unit.scheduler.hosts import host

GIB = Resources(100, 1024, 1)
IN = Request(GIB, group_id="g")


def members(policy, hosts=None, most=1):
    group = ServerGroup("g", "db", policy, most, 7, dict(hosts or {}))
    return Others({"g": group})


def one_by_one(count, request=IN):
    return [Group({str(number): request}) for number in range(count)]


def cloud(count=3, **fields):
    return Snapshot([host(f"h{n}", **fields) for n in range(count)])


def of_hosts(plan):
    return sorted(collections.Counter(plan.placed.values()).values())


def test_affinity_is_one_host():
    plan = Planner(cloud()).plan(one_by_one(4), members(Policy.AFFINITY))
    assert of_hosts(plan) == [4]
    assert plan.versions == {"g": 7}


def test_affinity_goes_where_the_others_are():
    others = members(Policy.AFFINITY, {"old": "h1"})
    snapshot = cloud()
    snapshot.assume(snapshot.hosts["h1"], GIB)
    plan = Planner(snapshot).plan(one_by_one(4), others)
    assert plan.placed == {"0": "h1", "1": "h1", "2": "h1"}
    assert plan.refused["3"].reason == (
        "No host can take this set: 3 hosts looked at; 2 have none of the "
        "other sets of its server group 'db' (affinity), 1 lacks memory "
        "(asked 1024 MiB, most free 0 MiB)."
    )
    assert not plan.refused["3"].hope


def test_affinity_begins_where_all_of_a_batch_find_room():
    """Not where the first one alone would go."""
    hosts = [
        host("free", memory=2048),
        host("big", memory=4096, capacity=Resources(4000, 65536, 100)),
    ]
    plan = Planner(Snapshot(hosts)).plan(one_by_one(1), Others())
    assert plan.placed == {"0": "free"}
    plan = Planner(Snapshot(hosts)).plan(
        one_by_one(3), members(Policy.AFFINITY)
    )
    assert set(plan.placed.values()) == {"big"}


def test_affinity_begins_where_at_least_need_find_room():
    hosts = [
        host("free", memory=2048),
        host("big", memory=4096, capacity=Resources(4000, 65536, 100)),
    ]
    ten = Group({str(n): IN for n in range(10)}, need=3)
    plan = Planner(Snapshot(hosts)).plan([ten], members(Policy.AFFINITY))
    assert len(plan.placed) == 4
    assert set(plan.placed.values()) == {"big"}


def test_affinity_with_a_host_that_is_down_may_be_over_soon():
    snapshot = Snapshot([host("h1", up=False), host("h2")])
    others = members(Policy.AFFINITY, {"old": "h1"})
    refusal = Planner(snapshot).plan(one_by_one(1), others).refused["0"]
    assert refusal.hope
    assert "1 is down, 1 has none of the other sets" in refusal.reason


def test_anti_affinity_is_one_on_each_host():
    plan = Planner(cloud()).plan(one_by_one(4), members(Policy.ANTI_AFFINITY))
    assert of_hosts(plan) == [1, 1, 1]
    assert plan.refused["3"].reason == (
        "No host can take this set: 3 hosts looked at; 3 have a set of its "
        "server group 'db' (anti-affinity) already."
    )


def test_anti_affinity_with_more_on_each_host():
    """Still spread as far as can be."""
    others = members(Policy.ANTI_AFFINITY, most=2)
    plan = Planner(cloud()).plan(one_by_one(4), others)
    assert of_hosts(plan) == [1, 1, 2]
    plan = Planner(cloud()).plan(
        one_by_one(7), members(Policy.ANTI_AFFINITY, most=2)
    )
    assert of_hosts(plan) == [2, 2, 2]
    assert "3 have 2 sets of its" in plan.refused["6"].reason


def test_soft_affinity_is_together_while_there_is_room():
    plan = Planner(cloud()).plan(one_by_one(6), members(Policy.SOFT_AFFINITY))
    assert of_hosts(plan) == [2, 4]
    assert not plan.refused


def test_soft_anti_affinity_is_apart_while_there_are_hosts():
    others = members(Policy.SOFT_ANTI_AFFINITY, {"old": "h0", "older": "h0"})
    snapshot = cloud()
    # the fewest of its sets count more than the load
    for name in ("h1", "h2"):
        snapshot.assume(snapshot.hosts[name], Resources(3000, 1024, 1))
    plan = Planner(snapshot).plan(one_by_one(3), others)
    assert sorted(plan.placed.values()) in (
        ["h1", "h1", "h2"],
        ["h1", "h2", "h2"],
    )


def test_a_group_that_is_gone_asks_for_nothing():
    plan = Planner(cloud()).plan(one_by_one(6), Others())
    assert of_hosts(plan) == [2, 2, 2]
    assert plan.versions == {}


def test_of_all_or_none_nothing_stays():
    others = members(Policy.ANTI_AFFINITY)
    snapshot = cloud()
    four = Group({str(n): IN for n in range(4)}, need=4)
    plan = Planner(snapshot).plan([four], others)
    assert plan.placed == {}
    assert plan.versions == {}
    assert "Only 3 of at least 4 sets" in plan.refused["0"].reason
    assert others.groups["g"].hosts == {}
    assert of_hosts(Planner(snapshot).plan(one_by_one(3), others)) == [1] * 3


@pytest.mark.parametrize("policy", list(Policy))
def test_a_set_does_not_stand_in_its_own_way(policy):
    """When it moves: where it is, it may stay."""
    others = members(policy, {"0": "h1"})
    plan = Planner(Snapshot([host("h1")])).plan(one_by_one(1), others)
    assert plan.placed == {"0": "h1"}
    # and affinity to itself alone holds it nowhere
    others = members(policy, {"0": "h1"})
    plan = Planner(Snapshot([host("h2")])).plan(one_by_one(1), others)
    assert plan.placed == {"0": "h2"}
    assert others.groups["g"].hosts == {"0": "h2"}


def test_two_that_move_are_answered_apart():
    others = members(Policy.ANTI_AFFINITY, {"0": "h0", "1": "h1"})
    snapshot = Snapshot([host("h1")])
    plan = Planner(snapshot).plan(one_by_one(2), others)
    assert plan.placed == {"1": "h1"}
    assert "1 has a set of its server group" in plan.refused["0"].reason


def asked(**wishes):
    return Request(GIB, hints=Hints(**wishes), project_id="p1")


def named(**hosts):
    return Others(
        named={i: Named("p1", where, False) for i, where in hosts.items()}
    )


def test_on_the_host_of_another():
    request = asked(same_host=("a", "gone"))
    plan = Planner(cloud()).plan(one_by_one(3, request), named(a="h2"))
    assert set(plan.placed.values()) == {"h2"}
    others = named(a="h2")
    others.named["a"].project_id = "p2"
    plan = Planner(cloud()).plan(one_by_one(1, request), others)
    assert "no set that it names is of the project" in plan.refused["0"].reason


def test_not_on_the_host_of_another():
    request = asked(different_host=("a", "b", "gone"))
    others = named(a="h2", b="h0")
    plan = Planner(cloud()).plan(one_by_one(5, request), others)
    assert set(plan.placed.values()) == {"h1"}
    assert plan.refused["4"].reason == (
        "No host can take this set: 3 hosts looked at; 2 have a set that the "
        "hint different_host names, 1 lacks memory (asked 1024 MiB, most "
        "free 0 MiB)."
    )


@pytest.mark.parametrize("hint", ["same_host", "different_host"])
def test_one_that_is_about_to_be_placed_is_waited_for(hint):
    others = Others(named={"a": Named("p1", None, True)})
    request = asked(**{hint: ("a",)})
    refusal = Planner(cloud()).plan(one_by_one(1, request), others).refused
    assert refusal["0"].hope
    assert f"which the hint {hint} names" in refusal["0"].reason
    # or placed before, in the same batch
    others = Others(named={"a": Named("p1", None, True)})
    both = [Group({"a": Request(GIB)}), Group({"0": request})]
    placed = Planner(cloud()).plan(both, others).placed
    assert (placed["a"] == placed["0"]) is (hint == "same_host")


def test_one_that_will_never_be_placed_is_not_waited_for():
    request = asked(different_host=("a",))
    others = Others(named={"a": Named("p1", None, False)})
    assert Planner(cloud()).plan(one_by_one(1, request), others).placed


def test_on_a_host_by_name():
    plan = Planner(cloud()).plan(one_by_one(5, asked(host="h1")))
    assert list(plan.placed.values()) == ["h1"] * 4
    assert plan.refused["4"].reason.startswith(
        "No host can take this set: 3 hosts looked at; 2 are not the host "
        "that was asked for (h1), 1 lacks memory"
    )


QUERIES = [
    ([], True),
    ([">=", "$free_ram_mb", 4096], True),
    ([">=", "$free_ram_mb", 4097], False),
    (["<", 1, 2, 3], True),
    (["<", 1, 2, 1], False),
    (["=", "$availability_zone", "z1"], True),
    (["=", "$hypervisor_type", "docker"], True),
    (["in", "$host", "h2", "h1"], True),
    (["in", "$host", "h2"], False),
    (["in"], False),
    (["=", 1], False),
    (["not", ["=", "$host", "h1"]], False),
    (["and", [">", "$vcpus_total", 3], ["<=", "$vcpus_used", 0]], True),
    (["or", ["=", "$host", "x"], ["=", "$num_instances", 2]], True),
    (["<", "$host", 5], False),
    ([">=", "$total_usable_disk_gb", 100, 50], True),
    (["=", "$free_disk_mb", 102400], True),
    (["=", "$disk_mb_used", 0], True),
]


@pytest.mark.parametrize(
    ("tree", "expected"), QUERIES, ids=map(str, range(len(QUERIES)))
)
def test_queries(tree, expected):
    assert query.matches(tree, host("h1", sets=2)) is expected


def test_hosts_as_a_query_wants_them():
    request = asked(query='[">", "$free_ram_mb", 3000]')
    plan = Planner(cloud()).plan(one_by_one(7, request))
    assert of_hosts(plan) == [2, 2, 2]
    assert "3 are not as the hint query asks" in plan.refused["6"].reason


def test_all_figures_have_a_value():
    one = host("h1")
    assert set(query.VALUES) == {*hints.FIGURES, *hints.NAMES}
    for value in query.VALUES.values():
        assert value(one) is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ("[" * 3000, "longer"),
        ("[" * 2000 + "]" * 2000, "longer"),
        ('["and", ' * 17 + "[]" + "]" * 17, "nested"),
        ("{}", "not a list"),
        ('["like", 1]', "does not begin with"),
        ('["and", []]', "does not begin with"),
        ("[[]]", "does not begin with"),
        ('["=", "$ponies", 1]', "$ponies is not known"),
        ('["=", "$host", "h1"]', "$host is not known"),
        ('["=", {}, 1]', "more than texts"),
        ('["=", null]', "more than texts"),
        (
            '["not", ["=", "$vcpus_total"]]',
            "'=' in it has to be followed by 2",
        ),
        ('["and"]', "'and' in it has to be followed by 1"),
    ],
)
def test_queries_that_are_none(text, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        hints.parse(text)


@pytest.mark.parametrize("seed", range(40))
def test_always_the_best_host_that_may_be(monkeypatch, seed):
    """Like a look at all hosts for each set, with few of them in a heap."""
    monkeypatch.setattr(plan_module, "_BEST", 3)
    rng = random.Random(seed)
    names = [f"h{n}" for n in range(rng.choice((3, 12, 40)))]
    snapshot = Snapshot(
        host(
            name,
            memory=rng.randrange(1024, 16384),
            capacity=Resources(8000, 16384, 100),
            enabled=rng.random() < 0.9,
        )
        for name in names
    )
    planner = Planner(snapshot)
    policy = rng.choice(list(Policy))
    most = rng.choice((1, 2)) if policy == Policy.ANTI_AFFINITY else 1
    others = members(policy, most=most)
    count = collections.Counter()
    away = frozenset(rng.sample(names, 2))
    wish = Hints(different_host=("a", "b"))
    others.named = dict(
        zip(
            ("a", "b"),
            (Named("p1", each, False) for each in away),
            strict=True,
        )
    )
    for step in range(60):
        request = Request(
            Resources(1, rng.choice((64, 256)), 0),
            hints=rng.choice((hints.NONE, wish)),
            group_id=rng.choice((None, "g")),
            project_id="p1",
        )
        able = [
            each
            for each in snapshot.hosts.values()
            if passes(each, request)
            and not (request.hints == wish and each.id in away)
        ]
        if request.group_id is None:
            rank = dict.fromkeys(names, 0)
        elif policy == Policy.AFFINITY:
            able = [h for h in able if count[h.id] or not count.total()]
            rank = {name: -count[name] for name in names}
        elif policy == Policy.ANTI_AFFINITY:
            able = [h for h in able if count[h.id] < most]
            rank = {name: min(count[name], 1) for name in names}
        elif policy == Policy.SOFT_AFFINITY:
            rank = {name: -count[name] for name in names}
        else:
            rank = dict(count)
        weights = {
            h.id: (rank.get(h.id, 0), -spread(h, request)) for h in able
        }
        plan = planner.plan([Group({str(step): request})], others)
        if not able:
            assert plan.refused[str(step)].reason
            continue
        chosen = plan.placed[str(step)]
        assert weights[chosen] == min(weights.values())
        if request.group_id is not None:
            count[chosen] += 1

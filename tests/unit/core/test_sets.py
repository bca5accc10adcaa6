import threading

import pytest

from caas import exception
from caas.core import flavors, quotas, sets
from caas.model.query import Query
from caas.model.states import Desired, SetStatus
from caas.store import events as events_store

BODY = {
    "name": "shop",
    "flavor": "small",
    "containers": [
        {"name": "app", "image": "app:1", "index": 0},
        {"name": "web", "image": "web:1", "index": 1, "memory_percent": 50},
    ],
}


@pytest.fixture(autouse=True)
def flavor(world):
    return flavors.create(
        world.deps,
        world.ctx,
        {"name": "small", "vcpus": 0.5, "memory_mb": 512, "disk_gb": 2},
    )


def used(world):
    quota = quotas.get(world.deps, world.ctx, "p1")
    return {r: u.used for r, u in quota.resources.items()}


def create(world, **changes):
    return sets.create(world.deps, world.ctx, {**BODY, **changes})


def test_create_writes_set_containers_quota_event_and_tells(world):
    (item,) = create(world)
    found = sets.get(world.deps, world.ctx, item.id, "p1")
    assert found == item
    assert [c.name for c in found.containers] == ["infra", "app", "web"]
    assert found.status == SetStatus.BUILD
    assert found.reason == "Waiting for a host."
    assert found.containers[1].spec.image.digest == "sha512:" + "a" * 128
    assert world.told == [item.id]
    assert used(world) == {
        "sets": 1,
        "containers": 2,
        "millicpus": 500,
        "memory_mb": 512,
        "disk_gb": 2,
        "image_bytes": 0,
        "server_groups": 0,
        "server_group_members": 0,
    }
    with world.store.reader() as conn:
        (event,) = events_store.list_(
            conn, Query(sort_key="at", filters={"object_id": item.id})
        )
    assert (event.action, event.result) == ("set.create", "accepted")
    assert event.request_id == "req-1"


def test_many_are_numbered_and_share_a_reservation(world):
    items = create(world, min_count=3)
    assert [s.name for s in items] == ["shop-1", "shop-2", "shop-3"]
    assert len({s.reservation_id for s in items}) == 1
    assert [s.hostname for s in items] == ["shop-1", "shop-2", "shop-3"]


def test_as_many_as_the_quota_allows(world):
    items = create(world, min_count=2, max_count=50)
    assert len(items) == 10
    assert used(world)["sets"] == 10


def test_over_quota_says_what_and_leaves_nothing(world):
    with pytest.raises(exception.QuotaExceeded) as caught:
        create(world, min_count=11)
    assert "sets: asked 11, used 0 of 10" in caught.value.message
    assert "containers: asked 22, used 0 of 20" in caught.value.message
    assert sets.list_(world.deps, world.ctx, Query(), False) == []
    assert used(world)["sets"] == 0


def test_over_quota_has_plain_numbers(world):
    body = {
        "name": "vast",
        "vcpus": 0.25,
        "memory_mb": 6,
        "disk_gb": 2**31 - 1,
    }
    flavors.create(world.deps, world.ctx, body)
    with pytest.raises(exception.QuotaTooSmall) as caught:
        create(world, flavor="vast", containers=BODY["containers"][:1])
    assert "disk_gb: asked 2147483647, used 0 of " in caught.value.message


def test_parallel_creates_never_pass_the_quota(world):
    results = []

    def one():
        try:
            results.extend(create(world))
        except exception.QuotaExceeded as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    made = [r for r in results if not isinstance(r, Exception)]
    assert len(results) == 16
    assert len(made) == used(world)["sets"] == 10
    # those that lost a race looked again
    assert all(
        "used 10 of 10" in each.message
        for each in results
        if isinstance(each, Exception)
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flavor": "huge"}, "no flavor"),
        ({"min_count": 3, "max_count": 2}, "max_count"),
        (
            {"containers": [BODY["containers"][0]] * 2},
            "Two containers are named 'app'",
        ),
        (
            {"containers": [{"name": "infra", "image": "app:1"}]},
            "cannot be named 'infra'",
        ),
        (
            {
                "containers": [
                    {"name": "a", "image": "app:1", "memory_percent": 1}
                ]
            },
            "would get 5.1 MiB",
        ),
        (
            {
                "containers": [
                    {"name": n, "image": "app:1", "ports": [{"port": 80}]}
                    for n in ("a", "b")
                ]
            },
            "both want port 80/tcp",
        ),
        (
            {
                "containers": [
                    {
                        "name": "a",
                        "image": "app:1",
                        "mounts": [{"path": "/d"}, {"path": "/d"}],
                    }
                ]
            },
            "two mounts on the same path",
        ),
    ],
)
def test_bad_input_is_a_sentence_and_makes_nothing(world, changes, words):
    with pytest.raises(exception.BadRequest, match=words):
        create(world, **changes)
    assert sets.list_(world.deps, world.ctx, Query(), False) == []
    assert world.told == []


def test_verbs_are_new_revisions_of_what_is_wanted(world):
    (item,) = create(world)
    stopped = sets.stop(world.deps, world.ctx, item, grace_period=3)
    assert (stopped.desired, stopped.grace_period) == (Desired.STOPPED, 3)
    assert stopped.revision == item.revision + 1
    with pytest.raises(exception.Conflict, match="is stopped"):
        sets.restart(world.deps, world.ctx, stopped)
    started = sets.start(world.deps, world.ctx, stopped)
    again = sets.restart(world.deps, world.ctx, started)
    assert again.restart_epoch == 1
    assert again.revision == item.revision + 3


def test_restart_loses_against_a_stop_in_between(world):
    (item,) = create(world)
    sets.stop(world.deps, world.ctx, item)
    with pytest.raises(exception.Conflict, match="wanted stopped"):
        sets.restart(world.deps, world.ctx, item)


def test_nothing_can_be_asked_of_a_set_that_goes(world):
    (item,) = create(world)
    gone = sets.delete(world.deps, world.ctx, item)
    assert gone.status == SetStatus.DELETING
    with pytest.raises(exception.Conflict, match="being deleted"):
        sets.start(world.deps, world.ctx, item)
    again = sets.delete(world.deps, world.ctx, gone)
    assert again.revision == gone.revision


def test_force_delete_forgets_and_frees_the_quota_once(world):
    (item,) = create(world)
    sets.force_delete(world.deps, world.ctx, item)
    sets.force_delete(world.deps, world.ctx, item)
    with pytest.raises(exception.NotFound):
        sets.get(world.deps, world.ctx, item.id)
    assert set(used(world).values()) == {0}


def test_update_changes_only_words(world):
    (item,) = create(world)
    new = sets.update(
        world.deps, world.ctx, item, {"name": "n", "metadata": {"a": "ü%_"}}
    )
    assert (new.name, new.metadata, new.revision) == ("n", {"a": "ü%_"}, 1)
    for pairs, hits in (({"a": "ü%_"}, 1), ({"a": "ü"}, 0), ({"a": "üx_"}, 0)):
        query = Query(filters={"metadata": pairs})
        assert len(sets.list_(world.deps, world.ctx, query, False)) == hits


def test_pages_neither_overlap_nor_miss(world):
    made = {s.id for s in create(world, min_count=7)}
    for sort_dir in ("asc", "desc"):
        seen: list[str] = []
        marker = None
        while True:
            page = sets.list_(
                world.deps,
                world.ctx,
                Query(
                    limit=3, marker=marker, sort_dir=sort_dir, project_id="p1"
                ),
                False,
            )
            seen += [s.id for s in page]
            if len(page) < 3:
                break
            marker = page[-1].id
        assert len(seen) == 7
        assert set(seen) == made


def test_a_foreign_marker_is_refused(world):
    (item,) = create(world)
    with pytest.raises(exception.BadRequest, match="marker"):
        sets.list_(
            world.deps,
            world.ctx,
            Query(marker=item.id, project_id="p2"),
            False,
        )


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("Web Shop_1", "web-shop-1"),
        ("-", "set-x"),
        ("ü", "set-x"),
        ("a" * 80, "a" * 63),
    ],
)
def test_hostname_is_a_label(name, hostname):
    assert sets.hostname_of(name, "x") == hostname

"""Words on sets and resizes that wait, written by many at once."""

import threading

import pytest

from caas import exception
from caas.core import changes, flavors, sets
from caas.model.query import Query
from tests import fixtures
from tests.functional.store.test_changes import run_all
from tests.unit.conductor.cloud import Cloud

pytestmark = pytest.mark.parametrize("database", fixtures.DATABASES)


@pytest.fixture
def cloud(store):
    cloud = Cloud(store)
    cloud.flavor()
    flavors.create(
        cloud.deps,
        cloud.ctx(),
        {"name": "large", "vcpus": 1, "memory_mb": 2048, "disk_gb": 1},
    )
    return cloud


def test_no_pair_of_metadata_is_lost(cloud):
    (item,) = cloud.ask(metadata={"a": "0", "gone": ""})

    def change(number):
        for turn in range(5):
            sets.change_metadata(
                cloud.deps,
                cloud.ctx(),
                item,
                {f"{number}-{turn}": "x"},
                remove=["gone"],
            )

    run_all(*(lambda n=n: change(n) for n in range(5)))
    made = {f"{n}-{turn}": "x" for n in range(5) for turn in range(5)}
    assert cloud.get(item.id).metadata == {"a": "0", **made}


def test_no_tag_is_lost_nor_one_too_many(cloud):
    (item,) = cloud.ask(tags=["first"])
    refused = []

    def change(number):
        for turn in range(15):
            try:
                sets.change_tags(
                    cloud.deps, cloud.ctx(), item, add=[f"{number}-{turn}"]
                )
            except exception.BadRequest as error:
                refused.append(error)

    run_all(*(lambda n=n: change(n) for n in range(4)))
    found = sets.tags(cloud.deps, item)
    assert len(found) == sets.MAX_TAGS
    assert len(refused) == 4 * 15 + 1 - sets.MAX_TAGS


def test_tags_differ_by_any_letter(cloud):
    tags = ["a", "A", "ä", "a b", "aa", "\U0001f600", "\U0001f601"]
    (item,) = cloud.ask(tags=tags)
    assert sorted(sets.tags(cloud.deps, item)) == sorted(tags)
    for tag in tags:
        left = sets.change_tags(cloud.deps, cloud.ctx(), item, remove=[tag])
        assert tag not in left
        found = Query(filters={"tags": [tag]})
        assert sets.list_(cloud.deps, cloud.ctx(), found, False) == []
        sets.change_tags(cloud.deps, cloud.ctx(), item, add=[tag])
        (same,) = sets.list_(cloud.deps, cloud.ctx(), found, False)
        assert same.id == item.id


def test_of_confirm_and_revert_at_once_one_counts(cloud):
    for _turn in range(5):
        (item,) = cloud.ask()
        cloud.work()
        held = changes.resize(
            cloud.deps, cloud.ctx(), cloud.get(item.id), "large", hold=True
        )
        with cloud.store.writer() as conn:
            changes.finish(conn, held)
        waiting = cloud.get(item.id)
        assert waiting.resized_at is not None
        wins = []
        barrier = threading.Barrier(4)

        def ask(verb, waiting=waiting, wins=wins, barrier=barrier):
            barrier.wait()
            try:
                verb(cloud.deps, cloud.ctx(), waiting)
            except exception.Conflict:
                return
            wins.append(verb)

        run_all(
            *[lambda ask=ask: ask(changes.confirm)] * 2,
            *[lambda ask=ask: ask(changes.revert_resize)] * 2,
        )
        (winner,) = wins
        after = cloud.get(item.id)
        assert after.resized_at is None
        confirmed = winner is changes.confirm
        assert after.flavor_name == ("large" if confirmed else "small")

"""What a set is made of is changed, finished, taken back and reverted."""

import dataclasses

import pytest
import sqlalchemy as sa

from caas import exception
from caas.core import changes, containers, flavors, quotas, sets
from caas.model.query import Query
from caas.model.states import SetStatus
from caas.store import events as events_store
from caas.store import history, tables
from caas.store import sets as store_sets
from caas.store.engine import utcnow

BODY = {
    "name": "shop",
    "flavor": "small",
    "containers": [
        {"name": "app", "image": "app:1", "index": 0},
        {"name": "web", "image": "web:1", "index": 1, "ports": [{"port": 80}]},
    ],
}


@pytest.fixture(autouse=True)
def flavor(world):
    for name, vcpus, memory, disk in (
        ("small", 0.5, 512, 2),
        ("large", 2, 256, 4),
        ("tiny", 0.5, 7, 4),
    ):
        flavors.create(
            world.deps,
            world.ctx,
            {
                "name": name,
                "vcpus": vcpus,
                "memory_mb": memory,
                "disk_gb": disk,
            },
        )


@pytest.fixture
def item(world):
    """A set that has a host."""
    (made,) = sets.create(world.deps, world.ctx, BODY)
    return place(world, made)


def place(world, item):
    """On a host that is up."""
    h = tables.hosts
    with world.store.writer() as conn:
        if not conn.execute(h.update().values(last_seen=utcnow())).rowcount:
            conn.execute(
                h.insert().values(
                    id="h",
                    name="host",
                    facts={},
                    last_seen=utcnow(),
                    created_at=utcnow(),
                    updated_at=utcnow(),
                )
            )
        conn.execute(
            tables.sets.update()
            .where(tables.sets.c.id == item.id)
            .values(
                host_id="h",
                placement="placed",
                incarnation=1,
                launched_at=utcnow(),
            )
        )
    world.told.clear()
    return get(world, item)


def get(world, item):
    return sets.get(world.deps, world.ctx, item.id)


def update(world, item, action="update", **how):
    return changes.update(world.deps, world.ctx, item, action, **how)


def resize(world, item, name):
    return changes.resize(world.deps, world.ctx, item, name)


def revert(world, item, revision):
    entry = changes.past(world.deps, item, revision)
    return changes.revert(world.deps, world.ctx, item, entry)


def finish(world, item):
    with world.store.writer() as conn:
        done = changes.finish(conn, store_sets.get(conn, item.id))
    assert done
    return get(world, item)


def take_back(world, item, reason="It does not run."):
    with world.store.writer() as conn:
        done = changes.take_back(
            conn, store_sets.get(conn, item.id), reason, utcnow()
        )
    assert done
    return get(world, item)


def used(world):
    quota = quotas.get(world.deps, world.ctx, "p1")
    return {r: u.used for r, u in quota.resources.items()}


def limit(world, **limits):
    quotas.set_(world.deps, world.ctx, "p1", limits)


def names(item):
    return [c.name for c in item.containers]


def entries(world, item):
    """Revision, action and failure, the oldest first."""
    found = changes.list_history(world.deps, item)
    return [(e.revision, e.action, e.failure) for e in reversed(found)]


def last_event(world, item):
    with world.store.reader() as conn:
        return events_store.list_(
            conn,
            Query(
                sort_key="at",
                sort_dir="desc",
                filters={"object_id": item.id},
            ),
        )[0]


def test_update_replaces_adds_and_removes_under_one_revision(world, item):
    app = containers.pick(item, "app")
    after = update(
        world,
        item,
        change=[("app", {"env": {"A": "1"}, "index": 5})],
        add=[{"name": "log", "image": "app:1", "index": 1}],
        remove=["web"],
        monitor=7.5,
    )
    assert names(after) == ["infra", "log", "app"]
    changed = containers.pick(after, "app")
    assert changed.id == app.id
    assert changed.spec == dataclasses.replace(
        app.spec, env={"A": "1"}, index=5
    )
    assert after.revision == item.revision + 1
    assert after.change_revision == after.revision
    assert after.change_action == "update"
    assert after.monitor == 7.5
    assert after.before == item.content
    assert after.status == SetStatus.UPDATING
    assert world.told == [item.id]
    assert entries(world, item) == [(1, "create", ""), (2, "update", "")]
    event = last_event(world, item)
    assert (event.action, event.result) == ("set.update", "accepted")
    assert event.details == {
        "changed": ["app"],
        "added": ["log"],
        "removed": ["web"],
    }


def test_what_runs_for_a_moment_counts_unless_told_otherwise(world, item):
    after = update(world, item, change=[("app", {"index": 3})])
    assert after.monitor == changes.MONITOR


def test_a_container_can_be_named_by_its_id(world, item):
    web = containers.pick(item, "web")
    after = update(world, item, "rename", change=[(web.id, {"name": "www"})])
    assert names(after) == ["infra", "app", "www"]
    assert containers.pick(after, "www").id == web.id
    assert last_event(world, item).action == "set.rename"


def test_null_is_the_default_and_what_is_left_out_stays(world, item):
    first = update(
        world,
        item,
        change=[
            ("app", {"user": "1000", "command": ["run"], "env": {"A": ""}})
        ],
    )
    second = update(
        world, finish(world, first), change=[("app", {"command": None})]
    )
    spec = containers.pick(second, "app").spec
    assert (spec.user, spec.command, spec.env) == ("1000", None, {"A": ""})


def test_images_are_looked_up_only_where_they_are_named(world, item):
    world.deps.images.known["app:1"] = "c" * 128
    world.deps.images.known.pop("web:1")
    after = update(world, item, change=[("web", {"index": 2})])
    digests = {c.name: c.spec.image.digest for c in after.containers[1:]}
    assert digests == {
        "app": "sha512:" + "a" * 128,
        "web": "sha512:" + "b" * 128,
    }
    after = update(
        world, finish(world, after), change=[("app", {"image": "app:1"})]
    )
    assert containers.pick(after, "app").spec.image.digest == (
        "sha512:" + "c" * 128
    )


def test_nothing_changed_is_no_new_revision(world, item):
    same = update(
        world, item, change=[("app", {"image": "app:1", "index": 0})]
    )
    assert same == item
    assert resize(world, item, "small") == item
    assert revert(world, item, 1) == item
    assert world.told == []
    assert entries(world, item) == [(1, "create", "")]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"remove": ["app", "web"]},
            "A set has at least one container; delete the set instead of its "
            "last one.",
        ),
        (
            {"add": [{"name": "app", "image": "app:1"}]},
            "Two containers are named 'app'; names must differ within a set.",
        ),
        (
            {"change": [("app", {"name": "web"})]},
            "Two containers are named 'web'",
        ),
        (
            {"change": [("app", {"ports": [{"port": 80}]})]},
            "both want port 80/tcp",
        ),
        (
            {
                "add": [
                    {"name": "b", "image": "app:1", "ports": [{"port": 80}]}
                ]
            },
            "'b' both want port 80/tcp",
        ),
        (
            {"change": [("app", {"index": 1}), ("app", {"index": 2})]},
            "Container 'app' is named twice; say all about it once.",
        ),
        (
            {"change": [("app", {"index": 1})], "remove": ["app"]},
            "Container 'app' is named twice",
        ),
        ({"remove": ["app", "app"]}, "Container 'app' is named twice"),
        (
            {"change": [("app", {"memory_percent": 1})]},
            "Container 'app' would get 5.1 MiB",
        ),
        (
            {"add": [{"name": f"c{n}", "image": "app:1"} for n in range(31)]},
            "A set has 32 containers at most.",
        ),
        (
            {"change": [("app", {"name": "infra"})]},
            "A container cannot be named 'infra'",
        ),
        (
            {"change": [("app", {"health_check": {"type": "exec"}})]},
            "Container 'app' needs a command, and no port, for a health check "
            "by exec.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {
                            "health_check": {
                                "type": "exec",
                                "command": ["true"],
                                "port": 1,
                            }
                        },
                    )
                ]
            },
            "and no port, for a health check by exec.",
        ),
        (
            {"change": [("app", {"health_check": {"type": "http"}})]},
            "needs a port, and no command, for a health check by http.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {
                            "health_check": {
                                "type": "tcp",
                                "port": 1,
                                "command": ["true"],
                            }
                        },
                    )
                ]
            },
            "needs a port, and no command, for a health check by tcp.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {
                            "run_to_completion": True,
                            "restart_policy": {"name": "always"},
                        },
                    )
                ]
            },
            "Container 'app' runs to completion, but has the restart policy "
            "'always'; give it 'no' or 'on-failure'.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {
                            "run_to_completion": True,
                            "health_check": {"type": "tcp", "port": 1},
                        },
                    )
                ]
            },
            "runs to completion, so it cannot have a health check.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {
                            "ulimits": [
                                {"name": "nofile", "soft": 9, "hard": 8}
                            ]
                        },
                    )
                ]
            },
            "has a soft limit of nofile above the hard one; it must not be "
            "more than that.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {"ulimits": [{"name": "core", "soft": -1, "hard": 8}]},
                    )
                ]
            },
            "has a soft limit of core above the hard one",
        ),
        (
            {
                "change": [
                    ("app", {"mounts": [{"path": "/a"}, {"path": "/a"}]})
                ]
            },
            "has two mounts on the same path.",
        ),
        (
            {
                "change": [
                    (
                        "app",
                        {
                            "restart_policy": {
                                "name": "always",
                                "max_retries": 1,
                            }
                        },
                    )
                ]
            },
            "it goes with 'on-failure' only.",
        ),
    ],
)
def test_what_does_not_go_together_is_a_sentence(world, item, how, words):
    with pytest.raises(exception.BadRequest) as caught:
        update(world, item, **how)
    assert words in caught.value.message
    assert caught.value.message.endswith(".")
    assert get(world, item) == item
    assert used(world)["containers"] == 2


@pytest.mark.parametrize(
    "ulimit", [(8, 8), (8, -1), (-1, -1), (0, 0)], ids=str
)
def test_limits_that_go_together(world, item, ulimit):
    soft, hard = ulimit
    body = {"ulimits": [{"name": "nofile", "soft": soft, "hard": hard}]}
    after = update(world, item, change=[("app", body)])
    (made,) = containers.pick(after, "app").spec.ulimits
    assert (made.soft, made.hard) == ulimit


@pytest.mark.parametrize("how", ["change", "remove"])
def test_unknown_containers_and_infra(world, item, how):
    def ask(name):
        named = (name, {"index": 1}) if how == "change" else name
        update(world, item, **{how: [named]})

    with pytest.raises(exception.NotFound, match="the name or id 'none'"):
        ask("none")
    with pytest.raises(exception.Forbidden, match="infra container holds"):
        ask("infra")


def test_a_second_change_meanwhile_is_told_why(world, item):
    first = update(world, item, change=[("app", {"index": 3})])
    for ask in (
        lambda: update(world, first, remove=["web"]),
        lambda: resize(world, first, "large"),
        lambda: revert(world, first, 1),
    ):
        with pytest.raises(exception.Conflict) as caught:
            ask()
        assert "is being changed (update); wait" in caught.value.message
        # with the reason why it is not done yet
        assert caught.value.message.endswith("report.")
    # who looked at it before has to look again
    with pytest.raises(exception.Conflict, match="changed by another request"):
        update(world, item, remove=["web"])
    assert get(world, item) == first


def test_what_is_being_deleted_is_not_changed(world, item):
    gone = sets.delete(world.deps, world.ctx, item)
    with pytest.raises(exception.Conflict, match="being deleted"):
        update(world, gone, remove=["web"])


def test_growth_is_counted_at_once_and_the_rest_when_it_is_done(world, item):
    after = update(
        world,
        item,
        remove=["web"],
        add=[
            {"name": "one", "image": "app:1"},
            {"name": "two", "image": "app:1"},
        ],
    )
    assert used(world)["containers"] == 3
    after = update(world, finish(world, after), remove=["one", "two"])
    assert used(world)["containers"] == 3
    after = finish(world, after)
    assert used(world)["containers"] == 1
    after = resize(world, after, "large")
    # the larger one of each, until the host has done it
    held = {"millicpus": 2000, "memory_mb": 512, "disk_gb": 4}
    assert held.items() <= used(world).items()
    finish(world, after)
    held["memory_mb"] = 256
    assert held.items() <= used(world).items()


def test_finish_counts_once(world, item):
    after = update(world, item, remove=["web"])
    finish(world, after)
    with world.store.writer() as conn:
        assert not changes.finish(conn, after)
        assert not changes.take_back(conn, after, "late", utcnow())
    assert used(world)["containers"] == 1
    assert get(world, item).change_revision == 0


def test_too_little_quota_leaves_nothing(world, item):
    limit(world, containers=2)
    with pytest.raises(exception.QuotaExceeded) as caught:
        update(world, item, add=[{"name": "b", "image": "app:1"}])
    assert (
        "too small for this update - containers: asked 1, used 2 of 2."
        in caught.value.message
    )
    assert get(world, item) == item
    # one for another is no growth
    after = update(
        world, item, remove=["web"], add=[{"name": "b", "image": "app:1"}]
    )
    assert used(world)["containers"] == 2
    # over the limit by now, but nothing more is asked for
    limit(world, containers=1, sets=0)
    update(world, finish(world, after), change=[("app", {"index": 7})])
    with pytest.raises(exception.QuotaExceeded) as caught:
        update(
            world,
            finish(world, after),
            add=[{"name": "c", "image": "app:1"}],
        )
    assert "sets" not in caught.value.message.split(" - ")[1]


def test_taken_back_it_is_as_before_and_says_why(world, item):
    app, web = item.containers[1:]
    world.ctx.request_id = "req-change"
    tried = update(
        world,
        item,
        change=[("app", {"image": "web:1", "name": "neu"})],
        remove=["web"],
        # the name of one that goes
        add=[{"name": "web", "image": "app:1"}] * 1
        + [{"name": "two", "image": "app:1"}],
    )
    world.ctx.request_id = "req-later"
    sets.restart(world.deps, world.ctx, tried)
    after = take_back(world, tried, "Container 'neu' does not run.")
    assert after.content == item.content
    assert [c.id for c in after.containers[1:]] == [app.id, web.id]
    assert (after.change_revision, after.change_from) == (0, {})
    assert after.revision == tried.revision + 2
    assert after.monitor == 0
    assert after.failure["action"] == "update"
    assert after.failure["reason"] == "Container 'neu' does not run."
    assert after.failure["request_id"] == "req-change"
    assert used(world)["containers"] == 2
    assert entries(world, item) == [
        (1, "create", ""),
        (2, "update", "Container 'neu' does not run."),
        (4, "take-back", ""),
    ]
    event = last_event(world, item)
    assert (event.action, event.result) == ("set.update", "error")
    assert event.request_id == "req-change"
    # the next one begins anew
    assert update(world, after, remove=["web"]).failure == {}


def test_what_was_asked_of_a_removed_container_comes_back_with_it(world, item):
    containers.restart(world.deps, world.ctx, item, "web")
    containers.pause(world.deps, world.ctx, get(world, item), "web", True)
    containers.signal(world.deps, world.ctx, get(world, item), "web", "HUP")
    before = get(world, item)
    asked = containers.pick(before, "web").asked
    assert (asked.restart_epoch, asked.paused, asked.signal_epoch) == (
        1,
        True,
        1,
    )
    tried = update(world, before, remove=["web"])
    web = containers.pick(before, "web").id
    assert tried.removed == {web: asked}
    after = take_back(world, tried)
    assert containers.pick(after, "web").asked == asked


def test_a_container_of_the_old_and_the_new_has_to_wait_for_the_word(
    world, item
):
    tried = update(
        world,
        item,
        change=[("app", {"index": 9})],
        add=[{"name": "b", "image": "app:1"}],
        remove=["web"],
    )
    app, b = (containers.pick(tried, n).id for n in ("app", "b"))
    assert changes.touched(tried) == {app, b}


def test_ended_amid_a_change_all_quota_is_free(world, item):
    resize(world, item, "large")
    sets.force_delete(world.deps, world.ctx, get(world, item))
    assert set(used(world).values()) == {0}
    (other,) = sets.create(world.deps, world.ctx, BODY)
    other = place(world, other)
    update(world, other, remove=["web"])
    assert used(world)["containers"] == 2
    sets.force_delete(world.deps, world.ctx, get(world, other))
    assert set(used(world).values()) == {0}
    with world.store.writer() as conn:
        tried = conn.execute(sa.select(tables.sets)).all()
    assert {row.change_revision for row in tried} == {0}


def test_without_a_host_it_is_done_at_once(world):
    (item,) = sets.create(world.deps, world.ctx, BODY)
    after = update(world, item, remove=["web"])
    assert (after.change_revision, after.revision) == (0, 2)
    assert names(after) == ["infra", "app"]
    assert used(world)["containers"] == 1
    # placed meanwhile: what was decided does not hold
    place(world, item)
    with pytest.raises(exception.Conflict, match="another request"):
        update(world, after, change=[("app", {"index": 1})])


def test_revert_keeps_what_is_the_same(world, item):
    app, web = item.containers[1:]
    after = finish(
        world,
        update(
            world,
            item,
            change=[("app", {"index": 4})],
            remove=["web"],
            add=[{"name": "b", "image": "app:1"}],
        ),
    )
    back = revert(world, after, 1)
    assert back.change_action == "revert"
    assert [m.spec for m in back.content.members] == [app.spec, web.spec]
    assert containers.pick(back, "app").id == app.id
    # one that was removed is another one now
    assert containers.pick(back, "web").id != web.id
    assert entries(world, item)[-1] == (3, "revert", "")
    assert last_event(world, item).details == {"to": 1}
    with pytest.raises(exception.NotFound, match="has no revision 7"):
        revert(world, finish(world, back), 7)


def test_revert_where_names_have_changed_hands(world, item):
    app, web = item.containers[1:]
    now = item
    for one, name in ((app, "tmp"), (web, "app"), (app, "web")):
        now = finish(
            world,
            update(world, now, "rename", change=[(one.id, {"name": name})]),
        )
    assert containers.pick(now, "app").id == web.id
    back = revert(world, now, 1)
    assert [m.spec for m in back.content.members] == [app.spec, web.spec]
    assert not {c.id for c in back.containers} & {app.id, web.id}
    again = take_back(world, back)
    assert again.content == now.content


def test_revert_moves_a_name_along(world, item):
    app, web = item.containers[1:]
    now = item
    for one, name in ((web, "www"), (app, "web")):
        now = finish(
            world,
            update(world, now, "rename", change=[(one.id, {"name": name})]),
        )
    back = revert(world, now, 1)
    assert [m.spec.name for m in back.content.members] == ["app", "web"]
    assert containers.pick(back, "app").id == app.id
    assert take_back(world, back).content == now.content


def test_a_volume_cannot_shrink(world, item):
    after = finish(world, resize(world, item, "large"))
    back = finish(world, revert(world, after, 1))
    assert back.flavor_name == item.flavor_name
    assert back.resources == dataclasses.replace(
        item.resources, disk_gb=after.resources.disk_gb
    )
    after = finish(world, resize(world, back, "large"))
    with pytest.raises(exception.BadRequest, match="cannot shrink"):
        resize(world, after, "small")


def test_a_flavor_has_to_fit(world, item):
    halved = finish(
        world, update(world, item, change=[("app", {"memory_percent": 50})])
    )
    with pytest.raises(exception.BadRequest, match=r"would get 3\.5 MiB"):
        resize(world, halved, "tiny")
    with pytest.raises(exception.BadRequest, match="no flavor"):
        resize(world, halved, "none")


def test_only_the_last_entries_of_a_history_are_kept(world, item, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 3)
    now = item
    for index in range(1, 6):
        now = finish(
            world, update(world, now, change=[("app", {"index": index})])
        )
    assert [e[0] for e in entries(world, item)] == [4, 5, 6]
    with pytest.raises(exception.NotFound, match="no revision 1"):
        revert(world, now, 1)

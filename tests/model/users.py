"""Users: they make sets, use them, move them, end them."""

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import (
    changes,
    containers,
    moves,
    recycling,
    server_groups,
    shelving,
)
from caas.core import sets as core
from caas.core.deps import Deps
from caas.model import spec
from caas.model.quotas import RESOURCES
from caas.model.sets import Set
from caas.store import tables
from tests.model import check
from tests.model.common import FLAVORS, GROUPS, IMAGES, RECLAIM, START

if TYPE_CHECKING:
    from tests.model.world import World


class Users:
    def __init__(self, world: "World") -> None:
        self.world = world
        limits = dict.fromkeys(RESOURCES, -1)
        self._deps = Deps(
            world.store,
            self._notify,
            _Images(),
            limits,
            reclaim_interval=RECLAIM,
        )

    def start(self) -> None:
        with self.world.store.writer() as conn:
            conn.execute(
                tables.flavors.insert(),
                [
                    {
                        "id": name,
                        "name": name,
                        "created_at": START,
                        **dataclasses.asdict(size),
                    }
                    for name, size in FLAVORS.items()
                ],
            )
        ctx = self._ctx()
        self._groups = [
            server_groups.create(
                self._deps, ctx, policy.value, policy, most
            ).id
            for policy, most in GROUPS.items()
        ]
        self.world.after(1, self._act)

    def _ctx(self) -> RequestContext:
        return RequestContext(
            user_id="u",
            project_id="p",
            request_id=f"req-{next(self.world.moments)}",
            overwrite=False,
        )

    def _notify(self, ctx: RequestContext, set_ids: list[str]) -> None:
        conductor = self.world.rng.choice(self.world.conductors)
        self.world.send("look_again", set_ids, conductor.look_again)

    def _act(self) -> None:
        if self.world.now >= self.world.seconds:
            return
        rng = self.world.rng
        ctx = self._ctx()
        t = tables.sets
        ids = [
            row.id
            for row in self.world.rows(
                sa.select(t.c.id)
                .where(t.c.deleted_at.is_(None))
                .order_by(t.c.id)
            )
        ]
        verb = rng.choice(
            ["create"] * 4
            + ["delete"] * 3
            + ["start", "stop", "restart", "evacuate", "force_delete"]
            + ["resize"] * 3
            + ["update"] * 6
            + ["shelve", "migrate"] * 2
            + ["confirm", "confirm", "back"]
            + ["unshelve"] * 3
            + ["bin", "restore", "restore"]
            + ["describe"] * 2
            + ["revert", "restart_one", "pause_one", *self.world.often]
        )
        with contextlib.suppress(exception.CaasError):
            if verb == "create":
                count = rng.choice((1, 1, 2, 4))
                self._create(ctx, rng.choice((1, count)), count)
            elif ids:
                set_id = rng.choice(ids)
                self.world.note(f"{verb} {set_id}")
                item = core.get(self._deps, ctx, set_id)
                mine = getattr(self, f"_{verb}", None)
                if mine is not None:
                    mine(ctx, item)
                else:
                    getattr(core, verb)(self._deps, ctx, item)
        check.always(self.world)
        self.world.after(rng.expovariate(self.world.rate), self._act)

    def _create(self, ctx: RequestContext, least: int, most: int) -> None:
        body: dict[str, Any] = {
            "name": "s",
            "flavor": "f",
            "min_count": least,
            "max_count": most,
            "containers": [
                {"name": name, "image": self._image()}
                for name in self.world.rng.choice(("c", "cd"))
            ],
        }
        if self.world.chance(self.world.grouped):
            body["server_group"] = self.world.rng.choice(self._groups)
        made = core.create(self._deps, ctx, body)
        self.world.note(f"create {[s.id for s in made]}")

    def _image(self) -> str:
        return self.world.rng.choices(IMAGES, (8, 8, 1))[0]

    def _one(self, item: Set) -> str:
        return self.world.rng.choice([m.id for m in item.content.members])

    def _resize(self, ctx: RequestContext, item: Set) -> None:
        flavor = self.world.rng.choice(list(FLAVORS))
        changes.resize(self._deps, ctx, item, flavor)

    def _update(self, ctx: RequestContext, item: Set) -> None:
        """Containers are replaced, added, removed, or get other names."""
        rng = self.world.rng
        image, name = rng.choice(IMAGES), rng.choice("cdef")
        first, *others = rng.sample(
            [m.id for m in item.content.members], len(item.content.members)
        )
        change = [(one, {"image": rng.choice(IMAGES)}) for one in others]
        add = [{"name": name, "image": image}]
        ways: list[dict[str, Any]] = [
            {"change": [(first, {"image": image})]},
            {"change": [(first, {"name": name})]},
            {"add": add},
            {"remove": [first]},
            {"change": change, "add": add, "remove": [first]},
        ]
        changes.update(self._deps, ctx, item, "update", **rng.choice(ways))

    def _describe(self, ctx: RequestContext, item: Set) -> None:
        """Containers are told, without a new revision."""
        metadata = {"n": str(next(self.world.moments))}
        core.update(self._deps, ctx, item, {"metadata": metadata})

    def _shelve(self, ctx: RequestContext, item: Set) -> None:
        shelving.shelve(self._deps, ctx, item)

    def _unshelve(self, ctx: RequestContext, item: Set) -> None:
        shelving.unshelve(self._deps, ctx, item)

    def _bin(self, ctx: RequestContext, item: Set) -> None:
        recycling.delete(self._deps, ctx, item)

    def _restore(self, ctx: RequestContext, item: Set) -> None:
        recycling.restore(self._deps, ctx, item)

    def _revert(self, ctx: RequestContext, item: Set) -> None:
        entries = changes.list_history(self._deps, item)
        changes.revert(self._deps, ctx, item, self.world.rng.choice(entries))

    def _restart_one(self, ctx: RequestContext, item: Set) -> None:
        self._asked(containers.restart(self._deps, ctx, item, self._one(item)))

    def _pause_one(self, ctx: RequestContext, item: Set) -> None:
        paused = self.world.chance(0.5)
        self._asked(
            containers.pause(self._deps, ctx, item, self._one(item), paused)
        )

    def _asked(self, item: Set) -> None:
        self.world.asked.update((c.id, c.asked) for c in item.containers)

    def _migrate(self, ctx: RequestContext, item: Set) -> None:
        moves.migrate(self._deps, ctx, item)

    def _evacuate(self, ctx: RequestContext, item: Set) -> None:
        """Though its host may be well: nobody knows in time."""
        down = dataclasses.replace(item, host_forced_down=True)
        moves.evacuate(self._deps, ctx, down)

    def _confirm(self, ctx: RequestContext, item: Set) -> None:
        changes.confirm(self._deps, ctx, item)

    def _back(self, ctx: RequestContext, item: Set) -> None:
        changes.revert_resize(self._deps, ctx, item)


class _Images:
    def resolve(self, ctx: Any, refs: Any) -> dict[str, spec.ImageRef]:
        return {ref: spec.ImageRef(ref, ref, f"sha256:{ref}") for ref in refs}

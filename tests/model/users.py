"""Users: they make sets, use them, move them, end them."""

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from caas import exception
from caas.context import RequestContext
from caas.core import resize
from caas.core import sets as core
from caas.core.deps import Deps
from caas.model import spec
from caas.model.states import Desired, Placement
from caas.store import sets as store_sets
from caas.store import tables
from tests.model import check
from tests.model.common import FLAVORS, START

if TYPE_CHECKING:
    from tests.model.world import World


class Users:
    def __init__(self, world: "World") -> None:
        self.world = world
        limits = {
            "sets": -1,
            "containers": -1,
            "millicpus": -1,
            "memory_mb": -1,
            "disk_gb": -1,
        }
        self._deps = Deps(world.store, self._notify, _Images(), limits)

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
        self.world.after(1, self._act)

    def _notify(self, ctx: RequestContext, set_ids: list[str]) -> None:
        conductor = self.world.rng.choice(self.world.conductors)
        self.world.send("look_again", set_ids, conductor.look_again)

    def _act(self) -> None:
        if self.world.now >= self.world.seconds:
            return
        rng = self.world.rng
        ctx = RequestContext(
            user_id="u",
            project_id="p",
            request_id=f"req-{next(self.world.moments)}",
            overwrite=False,
        )
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
            + ["start", "stop", "restart", "move", "force_delete"]
            + ["resize"] * 3
        )
        with contextlib.suppress(exception.CaasError):
            if verb == "create":
                count = rng.choice((1, 1, 2, 4))
                self._create(ctx, rng.choice((1, count)), count)
            elif ids:
                set_id = rng.choice(ids)
                self.world.note(f"{verb} {set_id}")
                if verb == "move":
                    self._move(ctx, set_id)
                elif verb == "resize":
                    resize.resize(
                        self._deps,
                        ctx,
                        core.get(self._deps, ctx, set_id),
                        rng.choice(list(FLAVORS)),
                    )
                else:
                    item = core.get(self._deps, ctx, set_id)
                    getattr(core, verb)(self._deps, ctx, item)
        check.always(self.world)
        self.world.after(rng.expovariate(self.world.rate), self._act)

    def _create(self, ctx: RequestContext, least: int, most: int) -> None:
        body = {
            "name": "s",
            "flavor": "f",
            "min_count": least,
            "max_count": most,
            "containers": [{"name": "c", "image": "i"}],
        }
        made = core.create(self._deps, ctx, body)
        self.world.note(f"create {[s.id for s in made]}")

    def _move(self, ctx: RequestContext, set_id: str) -> None:
        """What will move sets off a host: unplace, and look again.

        No part of caas does so yet; the rules have to hold for it.
        """
        t, h = tables.sets, tables.hosts
        with self.world.store.writer() as conn:
            item = store_sets.get(conn, set_id)
            if (
                item is None
                or item.host_id is None
                or item.desired != Desired.RUNNING
            ):
                return
            conn.execute(
                h.update()
                .where(h.c.id == item.host_id)
                .values(version=h.c.version + 1)
            )
            conn.execute(
                t.update()
                .where(t.c.id == set_id)
                .values(
                    host_id=None,
                    placement=Placement.PENDING.value,
                    revision=t.c.revision + 1,
                    deadline=None,
                    lease_until=None,
                    lease_owner="",
                )
            )
        self._notify(ctx, [set_id])


class _Images:
    def resolve(self, ctx: Any, refs: Any) -> dict[str, spec.ImageRef]:
        return {ref: spec.ImageRef(ref, ref, f"sha512:{ref}") for ref in refs}

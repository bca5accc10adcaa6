"""Images as users see them: which there are, what they are made of, which
stand on which, who uses them and what they take.
"""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core import namespaces
from caas.core.deps import Deps, kept
from caas.model import steps as model_steps
from caas.model.containers import Container
from caas.model.images import (
    Image,
    Manifest,
    PlacedLayer,
    Relative,
    Role,
    Space,
    Step,
)
from caas.model.query import Query
from caas.store import containers, manifests, relations, sets, space
from caas.store import images as store
from caas.store import namespaces as namespaces_store

LOG = logging.getLogger(__name__)

#: Most images of each kind in the answer about relations.
MOST_RELATIVES = 1000

#: Preferred of an index.
_PLATFORM = "linux/amd64"


@dataclasses.dataclass(frozen=True)
class Seen:
    """An image, and what somebody may do with it.

    :ivar role: of the project that asks; None for operators who have none.
    """

    image: Image
    role: Role | None


def list_(deps: Deps, ctx: RequestContext, query: Query) -> list[Image]:
    """Also those that Glance shows to everybody.

    :param query: see :func:`caas.store.images.list_`.
    """
    filters = query.filters
    if query.project_id and not {"owner", "deleted"} & filters.keys():
        try:
            public = kept(deps).seen.public()
        except exception.Unavailable as error:
            LOG.warning("Public images are not listed: %s", error.message)
        else:
            query = dataclasses.replace(
                query, filters={**filters, "also": public}
            )
    with deps.store.reader() as conn:
        return store.list_(conn, query)


def find(
    deps: Deps, ctx: RequestContext, ident: str, *, all_: bool = False
) -> Seen:
    """The one image that is meant.

    :param ident: id, ``namespace/repository:tag``,
        ``namespace/repository@digest`` or digest.
    :param all_: whoever may see it.
    :raises NotFound: there is none that the project can see.
    :raises Conflict: there are several of this digest.
    """
    project_id = ctx.project_id or ""
    with deps.store.reader() as conn:
        roles = {}
        found = store.find(conn, ident, None if all_ else project_id)
        for each in found:
            roles[each.id] = _role(conn, each, project_id)
    if not all_ and not any(roles.values()):
        # whether there is one or not, it takes the same time
        live = [each.id for each in found if each.deleted_at is None]
        for image_id in namespaces.shown(deps, ctx, live, ident):
            roles[image_id] = Role.PULL
    seen = [
        Seen(each, roles[each.id]) for each in found if all_ or roles[each.id]
    ]
    if not seen:
        raise exception.NotFound(
            f"There is no image {ident[:300]!r} that the project can see; it "
            "is called by its id, NAMESPACE/REPOSITORY:TAG or digest."
        )
    if len(seen) > 1:
        names = ", ".join(sorted(each.image.name for each in seen)[:5])
        raise exception.Conflict(
            f"{len(seen)} images have this digest, among them {names}; call "
            "one by its name or id."
        )
    return seen[0]


def _role(conn: Any, image: Image, project_id: str) -> Role | None:
    """What is in the recycle bin is for those only who could empty it."""
    if image.project_id == project_id:
        return Role.PUSH
    role = namespaces_store.role(conn, image.namespace_id, project_id)
    if image.deleted_at is not None:
        return role if role == Role.PUSH else None
    if role is None and image.public:
        return Role.PULL
    return role


@dataclasses.dataclass(frozen=True)
class Detail:
    """:ivar manifest: of the image; of an index, that of one platform.
    :ivar layers: of that, from the bottom.
    :ivar parts: what an index has in it.
    """

    image: Image
    manifest: Manifest
    layers: list[PlacedLayer]
    parts: list[Manifest]


def detail(deps: Deps, image: Image, platform: str | None = None) -> Detail:
    """:param platform: ``os/architecture``, of those an index has.
    :raises BadRequest: it has no such.
    """
    with deps.store.reader() as conn:
        family = manifests.by_id(
            conn, manifests.family(conn, image.manifest_id)
        )
        order = manifests.children(conn, image.manifest_id)
        own = family.get(image.manifest_id)
        if own is None:
            raise exception.NotFound(
                f"The image {image.name!r} has just been deleted."
            )
        parts = [family[each] for each in order if each in family]
        chosen = _choose(image, own, parts, platform)
        layers = relations.chain(conn, chosen.id)
    return Detail(image, chosen, layers, parts)


def _choose(
    image: Image,
    own: Manifest,
    parts: Sequence[Manifest],
    platform: str | None,
) -> Manifest:
    named = {_platform(each): each for each in parts or [own]}
    if platform is not None:
        if platform not in named:
            raise exception.BadRequest(
                f"The image {image.name!r} has nothing for this platform; "
                f"there is {', '.join(sorted(named))}."
            )
        return named[platform]
    return named.get(_PLATFORM) or (parts[0] if parts else own)


def _platform(manifest: Manifest) -> str:
    return f"{manifest.os}/{manifest.architecture}"


def history(detail: Detail) -> list[Step]:
    return model_steps.steps(detail.manifest.config, detail.layers)


@dataclasses.dataclass(frozen=True)
class Tree:
    """:ivar below: images it stands on, from the bottom.
    :ivar same: other names of the same layers.
    :ivar above: images that stand on it, the latest first.
    :ivar more: there are more than these.
    """

    below: list[Relative]
    same: list[Relative]
    above: list[Relative]
    more: bool


def tree(
    deps: Deps, detail: Detail, project_id: str | None, limit: int
) -> Tree:
    """Images that share layers with one.

    :param project_id: of those it may pull; None for all.
    :param limit: of those above; others are few.
    """
    chain = [layer.chain_id for layer in detail.layers]
    if not chain:
        return Tree([], [], [], more=False)
    limit = min(limit, MOST_RELATIVES)
    with deps.store.reader() as conn:
        under = relations.topped(conn, chain, project_id, MOST_RELATIVES)
        over = relations.standing_on(conn, chain[-1], project_id, limit + 1)
        more = len(over) > limit
        over = over[:limit]
        by_tag = store.by_tag(conn, {each.tag_id for each in (*under, *over)})
        chains = relations.chains(
            conn, {each.manifest_id for each in (*under, *over)}
        )

    def relatives(
        found: Sequence[relations.Found], lowest: str
    ) -> list[Relative]:
        tops: dict[str, str] = {}
        for each in found:
            top = chains[each.manifest_id]
            if top and each.tag_id in by_tag:
                tops.setdefault(top[-1], by_tag[each.tag_id].id)
        done = {}
        for each in found:
            image = by_tag.get(each.tag_id)
            own = chains[each.manifest_id]
            if image is None or not own or image.id == detail.image.id:
                continue
            # the nearest below it; the image itself if there is none
            parent = next(
                (tops[c] for c in reversed(own[:-1]) if c in tops), lowest
            )
            common = sum(1 for a, b in zip(chain, own, strict=False) if a == b)
            done[image.id] = Relative(image, common, parent)
        return list(done.values())

    below = relatives(under, "")
    same = [each for each in below if each.common == len(chain)]
    below = [each for each in below if each.common < len(chain)]
    below.sort(key=lambda each: (each.common, each.image.name))
    return Tree(below, same, relatives(over, detail.image.id), more=more)


def users(
    deps: Deps, image: Image, query: Query
) -> tuple[list[Container], dict[str, str]]:
    """One page of the containers made from an image, by any of its names.

    :param query: of containers.
    :returns: also the names of their sets, by id.
    """
    with deps.store.reader() as conn:
        ids = store.ids_of(conn, image.digest)
        found = containers.list_(
            conn,
            dataclasses.replace(
                query, filters={**query.filters, "images": ids}
            ),
        )
        return found, sets.names(conn, {each.set_id for each in found})


@dataclasses.dataclass(frozen=True)
class Taken:
    """:ivar size: bytes the project has in the image store.
    :ivar deleted: of these, what only the recycle bin needs.
    """

    size: int
    deleted: int
    parts: list[Space]


def taken(
    deps: Deps,
    project_id: str,
    by: str,
    limit: int,
    *,
    namespace: str | None = None,
    repository: str | None = None,
) -> Taken:
    """What the images of a project take; see :func:`caas.store.space.by`."""
    with deps.store.reader() as conn:
        return Taken(
            space.total(conn, project_id),
            space.deleted(conn, project_id),
            space.by(
                conn,
                project_id,
                by,
                limit,
                namespace=namespace,
                repository=repository,
            ),
        )

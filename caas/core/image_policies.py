"""Use cases of image policies: what images are let in, and into sets."""

import datetime
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model import image_policies as model
from caas.model import lint
from caas.model import manifests as parsing
from caas.model.image_policies import CLOUD, Both, Facts, Finding, Level
from caas.model.images import Image, Manifest, Name
from caas.store import events, images, layers, manifests, relations
from caas.store import image_policies as store
from caas.store.engine import retry, utcnow

#: Images that are looked at for whether one is a base.
_MOST_BASES = 1000

#: Told each warning, as a sentence.
Warn = Callable[[str], object]


def get(
    deps: Deps, project_id: str
) -> tuple[model.Policy, datetime.datetime | None]:
    """And since when it is as it is; None if it never was set.

    :param project_id: or :data:`~caas.model.image_policies.CLOUD`.
    """
    with deps.store.reader() as conn:
        found = store.get(conn, [project_id])
    return found.get(project_id, (model.Policy(), None))


def both(
    deps: Deps, project_id: str, instead: model.Policy | None = None
) -> Both:
    """What images of a project have to satisfy.

    :param instead: of the policy it has.
    """
    with deps.store.reader() as conn:
        return _both(conn, project_id, instead)


def _both(
    conn: sa.Connection, project_id: str, instead: model.Policy | None = None
) -> Both:
    none = (model.Policy(), None)
    found = store.get(conn, [project_id, CLOUD])
    own = found.get(project_id, none)[0] if instead is None else instead
    if project_id == CLOUD:
        # rehearsed for a project that has none
        return Both(cloud=own)
    return Both(own, found.get(CLOUD, none)[0])


@retry
def put(
    deps: Deps, ctx: RequestContext, project_id: str, policy: model.Policy
) -> datetime.datetime:
    """:returns: now."""
    now = utcnow()
    try:
        with deps.store.writer() as conn:
            store.put(conn, project_id, policy, now)
            _event(conn, ctx, project_id, "image.policy", policy)
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.RetryRequest(error) from None
    return now


def reset(deps: Deps, ctx: RequestContext, project_id: str) -> None:
    """Demand nothing any more."""
    with deps.store.writer() as conn:
        if store.delete(conn, project_id):
            _event(conn, ctx, project_id, "image.policy", model.Policy())


def admit(
    deps: Deps,
    project_id: str,
    name: Name,
    tag: str,
    pushed: Iterable[Manifest],
) -> list[Finding]:
    """Let manifests in, or refuse them.

    Signatures are not asked for: they come after what they sign.

    :param project_id: of the namespace.
    :param tag: "" if there is none.
    :returns: what to warn of.
    :raises Forbidden: with what is wrong.
    """
    with deps.store.reader() as conn:
        policies = _both(conn, project_id)
        found = lint.latest(tag, policies)
        for each in pushed:
            found += _of_manifest(conn, project_id, policies, name, tag, each)
    refuse(f"The image {name}{f':{tag}' if tag else ''} is refused", found)
    return found


def use(
    conn: sa.Connection,
    project_id: str,
    policies: Both,
    name: Name,
    tag: str,
    images: Sequence[Manifest],
) -> list[Finding]:
    """What speaks against sets of an image.

    :param project_id: of the sets.
    :param tag: it is asked for by, "" if that is a digest.
    :param images: it, or those in an index.
    """
    found = [
        *model.sources(str(name), policies),
        *lint.latest(tag, policies),
    ]
    for each in images:
        found += _of_manifest(conn, project_id, policies, name, tag, each)
    return list(dict.fromkeys(found))


def warnings(
    deps: Deps, project_id: str, image: Image, manifest: Manifest
) -> list[Finding]:
    """What would speak against sets of an image that a project looks at."""
    with deps.store.reader() as conn:
        return use(
            conn,
            project_id,
            _both(conn, project_id),
            Name(image.namespace, image.repository),
            image.tag,
            [manifest],
        )


def refuse(what: str, found: Iterable[Finding]) -> None:
    """:raises Forbidden: there is something that is not only warned of."""
    why = [each for each in found if each.level == Level.REFUSE]
    if why:
        whose = sorted({each.by for each in why})
        said = " ".join(dict.fromkeys(each.message for each in why))
        raise exception.Forbidden(
            f"{what} by the image policy of the {' and the '.join(whose)}: "
            f"{said}"
        )


def _of_manifest(
    conn: sa.Connection,
    project_id: str,
    policies: Both,
    name: Name,
    tag: str,
    manifest: Manifest,
) -> list[Finding]:
    # what no set can be made of does no harm; signatures are among that
    if manifest.problem or manifest.media_type in parsing.INDEXES:
        return []
    parsed = parsing.parse(manifest.media_type, manifest.body)
    facts = Facts(
        repository=str(name),
        tag=tag,
        layers=tuple(each.size for each in parsed.layers),
        config=manifest.config,
        annotations=manifest.annotations,
    )
    return [
        *model.limits(facts, policies),
        *_bases(conn, project_id, policies, facts),
        *lint.look(facts, policies),
    ]


def _bases(
    conn: sa.Connection, project_id: str, policies: Both, facts: Facts
) -> list[Finding]:
    """An image is a base itself, or stands on one."""
    found = []
    for by, policy in policies.each():
        if not policy.bases or any(
            model.names(pattern, facts.repository, facts.tag)
            for pattern in policy.bases
        ):
            continue
        # a project does not learn what is in namespaces it may not pull from
        reader = project_id if by == "project" else None
        if not _stands(conn, reader, policy.bases, facts):
            found.append(
                Finding(
                    "bases",
                    Level.REFUSE,
                    "It has to be built on one of these images: "
                    f"{', '.join(policy.bases)}.",
                    by,
                )
            )
    return found


def _stands(
    conn: sa.Connection,
    reader: str | None,
    patterns: Sequence[str],
    facts: Facts,
) -> bool:
    chain: list[str] = []
    for diff_id in _diff_ids(facts):
        chain.append(layers.chain(chain[-1] if chain else "", diff_id))
    if not chain:
        return False
    below = relations.topped(conn, chain, reader, _MOST_BASES)
    known = images.by_tag(conn, {each.tag_id for each in below})
    if any(
        model.names(pattern, f"{each.namespace}/{each.repository}", each.tag)
        for each in known.values()
        for pattern in patterns
    ):
        return True
    # of one digest, whatever its tag shows by now
    wanted = [pattern for pattern in patterns if "@" in pattern]
    return bool(wanted) and manifests.topped(conn, wanted, chain, reader)


def _diff_ids(facts: Facts) -> list[str]:
    """Checked when the image was pushed."""
    rootfs = facts.config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return found if isinstance(found, list) else []


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    project_id: str,
    action: str,
    policy: model.Policy,
) -> None:
    events.add(
        conn,
        project_id=project_id or None,
        user_id=ctx.user_id,
        object_type="image-policy",
        object_id=project_id or "cloud",
        action=action,
        request_id=ctx.request_id or "",
        details=policy.to_dict(),
    )

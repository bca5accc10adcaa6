"""Use cases of what users hand into the containers of sets."""

import base64
import binascii
from collections.abc import Collection, Sequence
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core import keypairs
from caas.core.deps import Deps
from caas.model import inputs as model
from caas.model import sets, spec
from caas.model.keypairs import Keypair
from caas.store import set_inputs as store


def from_body(
    body: dict[str, Any], before: model.Inputs | None = None
) -> model.Inputs:
    """What a request hands in: ``user_data`` and ``files``.

    :param before: what it leaves out stays as it is here.
    :raises BadRequest: some of it is not what it is to be.
    :raises QuotaExceeded: it is too much.
    """
    known = before or model.Inputs()
    user_data, files = known.user_data, known.files
    if "user_data" in body:
        user_data = body["user_data"] or ""
        _decode(user_data, "user_data")
    if "files" in body:
        files = tuple(
            model.File(each["path"], each["contents"])
            for each in body["files"] or ()
        )
        _check(files)
    return model.Inputs(user_data, files)


def _decode(text: str, what: str) -> bytes:
    try:
        # lines of it may be broken
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise exception.BadRequest(
            f"Invalid {what}: it is not valid base64."
        ) from None


def _check(files: Sequence[model.File]) -> None:
    if len(files) > model.MAX_FILES:
        raise exception.QuotaExceeded(
            f"Personality file limit exceeded: a set has {model.MAX_FILES} "
            f"files at most, and these are {len(files)}."
        )
    seen = set()
    for each in files:
        if len(each.path.encode()) > model.MAX_PATH:
            raise exception.QuotaExceeded(
                f"Personality file path exceeds maximum {model.MAX_PATH}"
            )
        if problem := model.unwritable(each.path, ()):
            raise _unwritable(each.path, problem)
        path = str(model.plain(each.path))
        if path in seen:
            raise exception.BadRequest(f"The file {path!r} is given twice.")
        seen.add(path)
        data = _decode(each.contents, f"contents of the file {path!r}")
        if len(data) > model.MAX_FILE:
            raise exception.QuotaExceeded(
                f"Personality file content exceeds maximum {model.MAX_FILE}"
            )


def _unwritable(path: str, problem: str) -> exception.BadRequest:
    return exception.BadRequest(
        f"The file {path!r} cannot be written into the containers: {problem}."
    )


def check_places(
    inputs: model.Inputs, specs: Collection[spec.ContainerSpec]
) -> None:
    """What the image has where a file is to be, only its host can see.

    :raises BadRequest: a file would be where a container has a mount.
    """
    for each in inputs.files:
        for container in specs:
            mounts = [mount.path for mount in container.mounts]
            if problem := model.unwritable(each.path, mounts):
                raise _unwritable(each.path, problem)


def key(deps: Deps, ctx: RequestContext, name: str | None) -> Keypair | None:
    """The key pair of this name of who asks; None where there is no name.

    :raises BadRequest: there is none.
    """
    if not name:
        return None
    try:
        return keypairs.get(deps, ctx, ctx.user_id or "", name)
    except exception.NotFound:
        raise exception.BadRequest(
            f"There is no key pair with the name or id {name!r}."
        ) from None


def get(deps: Deps, item: sets.Set) -> model.Inputs:
    """What was handed into a set."""
    with deps.store.reader() as conn:
        return store.get(conn, item.id)


def get_all(deps: Deps, item: sets.Set) -> tuple[model.Inputs, str]:
    """As :func:`get`, with the public key, "" for none."""
    with deps.store.reader() as conn:
        brief = store.brief(conn, [item.id]).get(item.id, store.Brief())
        return store.get(conn, item.id), brief.public_key


def user_data(deps: Deps, set_ids: Collection[str]) -> dict[str, str]:
    """By set, of those that have some."""
    with deps.store.reader() as conn:
        return store.user_data(conn, set_ids)

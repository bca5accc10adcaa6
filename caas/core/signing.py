"""Use case of signatures: whether an image has one that is asked for.

They come after what they sign, so that they are asked for when a set is made
of an image, not when it is pushed.
"""

from collections.abc import Iterator

from caas import exception
from caas.core import blobs
from caas.core.deps import Deps
from caas.model import signatures as model
from caas.model.image_policies import Both, Finding, Level
from caas.model.images import Manifest
from caas.store import manifests, tags

#: Artifacts with a subject that are looked at.
_MOST_ARTIFACTS = 50


def unsigned(deps: Deps, policies: Both, manifest: Manifest) -> list[Finding]:
    """What speaks against an image for want of a signature.

    :param manifest: of an index, it is that which is signed.
    :raises Unavailable: Glance does not answer.
    """
    wanted = [(by, each) for by, each in policies.each() if each.keys]
    if not wanted:
        return []
    signed = list(_signed(deps, manifest))
    return [
        Finding(
            "keys",
            Level.REFUSE,
            "It is not signed with one of the keys that are asked for; "
            f"signatures it has: {len(signed)}.",
            by,
        )
        for by, policy in wanted
        if not any(
            model.verify(
                [model.parse_key(key) for key in policy.keys],
                payload,
                signature,
            )
            for payload, signature in signed
        )
    ]


def _signed(deps: Deps, manifest: Manifest) -> Iterator[tuple[bytes, bytes]]:
    """What was signed of a manifest, and the signature."""
    where = manifest.namespace_id, manifest.repository
    with deps.store.reader() as conn:
        tag = tags.get(conn, *where, model.tag_of(manifest.digest))
        found = manifests.referrers(conn, *where, manifest.digest)
        found = [
            each for each in found if each.artifact_type == model.ARTIFACT_TYPE
        ][-_MOST_ARTIFACTS:]
        if tag is not None:
            found += manifests.by_id(conn, [tag.manifest_id]).values()
    for artifact in found:
        for digest, size, signature in model.signatures(artifact.body):
            if size > model.MAX_PAYLOAD:
                continue
            with deps.store.reader() as conn:
                blob = manifests.blob(conn, [artifact.id], digest)
            if blob is None:
                continue
            try:
                content = blobs.open_(deps, blob)
            except exception.NotFound:
                # deleted in Glance
                continue
            payload = b"".join(content.chunks)
            if model.says(payload, manifest.digest):
                yield payload, signature

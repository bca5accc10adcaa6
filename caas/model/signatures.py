"""Signatures of images, as cosign and skopeo make them.

A signature is a blob, of JSON that names the digest of a manifest ("simple
signing"), in an artifact beside the image: under the tag ``sha256-HEX.sig``,
or with the manifest as its subject.  The signature over the blob is an
annotation of its descriptor.  Pure.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed25519,
    padding,
    rsa,
)

from caas import exception

ARTIFACT_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_TYPES = ("cosign container image signature", "atomic container signature")

#: Bytes of what is signed; it is some 250.
MAX_PAYLOAD = 64 << 10
#: Signatures in one artifact that are looked at.
_MOST = 50
_SMALLEST_RSA = 2048

Key = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


def tag_of(digest: str) -> str:
    """Where signatures of a manifest are."""
    return f"{digest.replace(':', '-')}.sig"


def parse_key(text: str) -> Key:
    """Read a public key.

    :param text: PEM (``BEGIN PUBLIC KEY``).
    :raises BadRequest: it is none that is taken here.
    """
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, exceptions.UnsupportedAlgorithm):
        raise exception.BadRequest(
            "A key for signatures is not a public key in PEM; it begins with "
            "-----BEGIN PUBLIC KEY-----, as cosign.pub does."
        ) from None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(
        key.curve, ec.SECP256R1
    ):
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        return key
    raise exception.BadRequest(
        "A key for signatures has to be of ECDSA on P-256, Ed25519, or RSA of "
        f"{_SMALLEST_RSA} bits or more."
    )


def signatures(manifest: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Digest and size of what was signed, and the signature.

    :param manifest: of an artifact, as somebody pushed it.
    """
    data = json.loads(manifest)
    layers = data.get("layers") if isinstance(data, dict) else None
    for each in layers[:_MOST] if isinstance(layers, list) else ():
        notes = each.get("annotations")
        text = notes.get(_SIGNATURE) if isinstance(notes, dict) else None
        if each.get("mediaType") != PAYLOAD_TYPE or not isinstance(text, str):
            continue
        try:
            signature = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        yield each["digest"], each["size"], signature


def says(payload: bytes, digest: str) -> bool:
    """Whether it is about the manifest of this digest."""
    try:
        data: Any = json.loads(payload)
        critical = data["critical"]
        return (
            critical["type"] in _TYPES
            and critical["image"]["docker-manifest-digest"] == digest
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def verify(keys: Sequence[Key], payload: bytes, signature: bytes) -> bool:
    """Whether the signature was made with one of these keys."""
    return any(_verify(key, payload, signature) for key in keys)


def _verify(key: Key, payload: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, payload)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, payload, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, payload, padding.PKCS1v15(), hashes.SHA256())
    except exceptions.InvalidSignature:
        return False
    return True

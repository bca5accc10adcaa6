"""Sets of signed images only."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed25519,
    padding,
    rsa,
)

from caas import exception
from caas.core import image_policies, images
from caas.model import manifests as parsing
from caas.model import signatures
from caas.model.image_policies import CLOUD, Policy
from tests.functional.images.registry import (
    Image,
    Registry,
    ctx,
    descriptor,
    digest,
    image,
    index,
    layer,
)

BASE = layer(base="x")
KEYS = {
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "rsa": rsa.generate_private_key(65537, 2048),
}


def pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, form)
        .decode()
    )


def sign(key: Any, payload: bytes) -> bytes:
    found: bytes
    if isinstance(key, ed25519.Ed25519PrivateKey):
        found = key.sign(payload)
    elif isinstance(key, rsa.RSAPrivateKey):
        found = key.sign(payload, padding.PKCS1v15(), hashes.SHA256())
    else:
        found = key.sign(payload, ec.ECDSA(hashes.SHA256()))
    return found


def signature(of: str, key: Any, about: str = "", **more: Any) -> Image:
    """What cosign pushes.

    :param of: digest of the manifest.
    :param about: another that the signature is about.
    """
    payload = json.dumps(
        {
            "critical": {
                "identity": {"docker-reference": "registry/p1/app"},
                "image": {"docker-manifest-digest": about or of},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
    ).encode()
    config = json.dumps(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(payload)]},
        }
    ).encode()
    said = base64.b64encode(sign(key, payload)).decode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": parsing.OCI_MANIFEST,
        "config": descriptor(parsing.OCI_CONFIG, config),
        "layers": [
            descriptor(
                signatures.PAYLOAD_TYPE,
                payload,
                annotations={"dev.cosignproject.cosign/signature": said},
            )
        ],
        **more,
    }
    return Image(json.dumps(manifest).encode(), (config, payload))


def demand(fake: Registry, *keys: Any, project: str = "p1") -> None:
    policy = Policy(keys=tuple(pem(key) for key in keys))
    image_policies.put(fake.deps, ctx(), project, policy)


def usable(fake: Registry, ref: str = "p1/app:1") -> bool:
    try:
        images.resolve(fake.deps, ctx(), [ref])
    except exception.Forbidden as error:
        return "It is not signed with one of the keys" not in error.message
    return True


@pytest.mark.parametrize("kind", KEYS)
def test_tag(fake: Registry, kind: str) -> None:
    key, other = KEYS[kind], ed25519.Ed25519PrivateKey.generate()
    demand(fake, key, other)
    # it has to be there before it can be signed
    pushed = fake.push(image(BASE))
    assert not usable(fake)
    made = signature(pushed.digest, key)
    fake.push(made, signatures.tag_of(pushed.digest))
    assert usable(fake)
    demand(fake, other)
    assert not usable(fake)
    # both policies count
    demand(fake, key)
    demand(fake, other, project=CLOUD)
    assert not usable(fake)


def test_referrer(fake: Registry) -> None:
    demand(fake, KEYS["ecdsa"])
    what = image(BASE)
    pushed = fake.push(what)
    made = signature(
        pushed.digest,
        KEYS["ecdsa"],
        artifactType=signatures.ARTIFACT_TYPE,
        subject=descriptor(parsing.OCI_MANIFEST, what.manifest),
    )
    fake.push(made, made.digest)
    assert usable(fake)


def test_index(fake: Registry) -> None:
    demand(fake, KEYS["ecdsa"])
    part = image(BASE)
    fake.push(part, part.digest)
    pushed = fake.put(index(part))
    assert not usable(fake)
    made = signature(pushed.digest, KEYS["ecdsa"])
    fake.push(made, signatures.tag_of(pushed.digest))
    assert usable(fake)


def test_forged(fake: Registry) -> None:
    key = KEYS["ecdsa"]
    demand(fake, key)
    signed = fake.push(image(layer(other="1")), "2")
    pushed = fake.push(image(BASE))
    tag = signatures.tag_of(pushed.digest)
    # a good signature of another image
    fake.push(signature(pushed.digest, key, about=signed.digest), tag)
    assert not usable(fake)
    # other bytes than were signed
    good = signature(pushed.digest, key)
    data = json.loads(good.manifest)
    payload = good.blobs[1] + b" "
    note = data["layers"][0]["annotations"]
    data["layers"] = [
        descriptor(signatures.PAYLOAD_TYPE, payload, annotations=note)
    ]
    config = json.dumps({"os": "", "architecture": ""}).encode()
    data["config"] = descriptor(parsing.OCI_CONFIG, config)
    forged = Image(json.dumps(data).encode(), (config, payload))
    fake.push(forged, tag)
    assert not usable(fake)
    note["dev.cosignproject.cosign/signature"] = "no base64"
    fake.push(Image(json.dumps(data).encode(), (config, payload)), tag)
    assert not usable(fake)
    # an image where a signature should be
    fake.push(image(BASE), tag)
    assert not usable(fake)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 1024)),
    ],
)
def test_keys_that_are_not_taken(key: str) -> None:
    with pytest.raises(exception.BadRequest, match="A key for signatures"):
        signatures.parse_key(key)


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"critical": 5}', b"\xff", b"[" * 9999]
)
def test_payloads_that_say_nothing(payload: bytes) -> None:
    assert not signatures.says(payload, digest(b""))

"""Public keys of SSH: which are taken, and making a pair of one."""

import base64
import binascii
import dataclasses
import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from caas import exception

#: Bits.  Shorter ones can be broken (NIST SP 800-131A), and longer ones cost
#: the gateway whole seconds.
RSA_BITS = range(2048, 16384 + 1)

#: Of a key with its comment, in characters.
LONGEST = 16384

KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)

_PRIVATE = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File")

_WANTED = (
    "give the one line of a public key as OpenSSH writes it (a .pub file): "
    "type, key, comment."
)


@dataclasses.dataclass(frozen=True)
class PublicKey:
    """:ivar line: as it was given, without blanks around.
    :ivar md5: fingerprint, in hex with colons.
    :ivar sha256: fingerprint, as OpenSSH shows it.
    """

    line: str
    md5: str
    sha256: str


def parse(text: str) -> PublicKey:
    """Check the public key of a user.

    :raises BadRequest: it is none, or none that is let in.
    """
    if _PRIVATE.search(text):
        raise exception.BadRequest(
            "This is a private key, which must never leave its owner (better "
            f"make a new one now); {_WANTED}"
        )
    line = text.strip()
    if line.startswith("----"):
        raise exception.BadRequest(
            "This is a public key in another format; 'ssh-keygen -i' turns "
            f"it into one of OpenSSH: {_WANTED}"
        )
    if not line.isprintable():
        raise exception.BadRequest(
            "The public key has more than one line, or characters that "
            f"cannot be printed; {_WANTED}"
        )
    kind, _, rest = line.partition(" ")
    encoded, _, _comment = rest.strip().partition(" ")
    _check_kind(kind, line)
    blob = _decode(kind, encoded)
    _check_strength(kind, encoded)
    md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return PublicKey(
        line=line,
        md5=":".join(md5[i : i + 2] for i in range(0, len(md5), 2)),
        sha256=fingerprint(blob),
    )


def fingerprint(blob: bytes) -> str:
    """As OpenSSH shows it.

    :param blob: the key as it goes over the wire (RFC 4253, section 6.6).
    """
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


def generate(comment: str) -> tuple[PublicKey, str]:
    """Make an Ed25519 key.

    :returns: the public key, and the private one in OpenSSH's format.
    """
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return parse(f"{public.decode()} {comment}"), secret.decode()


def _check_kind(kind: str, line: str) -> None:
    if kind in KINDS:
        return
    if "-cert-v01@" in kind:
        raise exception.BadRequest(
            "Certificates are not taken, as no authority of theirs is known "
            f"here; {_WANTED}"
        )
    if kind == "ssh-dss":
        raise exception.BadRequest(
            "DSA keys can be broken and are not taken; make another one, for "
            "example with 'ssh-keygen -t ed25519'."
        )
    if any(f" {known} " in line or f",{known} " in line for known in KINDS):
        raise exception.BadRequest(
            "There is something before the type of the key; options are not "
            f"taken: {_WANTED}"
        )
    raise exception.BadRequest(
        f"This is no public key of a known type ({', '.join(KINDS)}); "
        f"{_WANTED}"
    )


def _decode(kind: str, encoded: str) -> bytes:
    """:returns: the key, which says itself that it is of this kind."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    name = kind.encode()
    if not blob.startswith(len(name).to_bytes(4, "big") + name):
        raise exception.BadRequest(
            f"What follows {kind} is not the whole of such a key; copy it "
            "again from its .pub file."
        )
    return blob


def _check_strength(kind: str, encoded: str) -> None:
    try:
        key = serialization.load_ssh_public_key(f"{kind} {encoded}".encode())
    except (ValueError, UnsupportedAlgorithm):
        raise exception.BadRequest(
            f"What follows {kind} is not the whole of such a key; copy it "
            "again from its .pub file."
        ) from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in RSA_BITS:
        raise exception.BadRequest(
            f"This RSA key has {key.key_size} bits; it must have from "
            f"{RSA_BITS[0]} to {RSA_BITS[-1]}."
        )

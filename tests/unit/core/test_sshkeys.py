"""Which public keys are taken, and what is said of others."""

import base64
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from caas import exception
from caas.core import sshkeys


def _line(private):
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


ED25519 = _line(ed25519.Ed25519PrivateKey.generate())


def _text(*fields):
    """As of RFC 4251: strings with their lengths before them."""
    blob = b"".join(len(f).to_bytes(4, "big") + f for f in fields)
    return base64.b64encode(blob).decode()


SK = "sk-ssh-ed25519@openssh.com"


@pytest.mark.parametrize(
    "line",
    [
        ED25519,
        f"{ED25519} BEGIN of a comment = with, ssh-rsa in it",
        f"  {ED25519} ann@laptop\n",
        _line(ec.generate_private_key(ec.SECP256R1())),
        _line(ec.generate_private_key(ec.SECP521R1())),
        _line(rsa.generate_private_key(65537, 2048)),
        f"{SK} {_text(SK.encode(), bytes(range(32)), b'ssh:')} key",
    ],
    # not the keys, which are other ones in each process
    ids=list(map(str, range(7))),
)
def test_taken(line, tmp_path):
    """With the fingerprints that OpenSSH finds."""
    key = sshkeys.parse(line)
    assert key.line == line.strip()
    (tmp_path / "key.pub").write_text(line.strip() + "\n")
    for kind, found in (("md5", f"MD5:{key.md5}"), ("sha256", key.sha256)):
        said = subprocess.run(
            ["ssh-keygen", "-l", "-E", kind, "-f", tmp_path / "key.pub"],
            check=True,
            capture_output=True,
            text=True,
        )
        assert said.stdout.split()[1] == found


CERT = "ssh-ed25519-cert-v01@openssh.com"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no public key of a known type"),
        ("ssh-ed25519", "not the whole"),
        ("ssh-ed25519 ####", "not the whole"),
        (f"ssh-rsa {ED25519.split()[1]}", "not the whole"),
        (ED25519[:-8], "not the whole"),
        (f"{ED25519}\n{ED25519}", "more than one line"),
        (f"{ED25519} a\x07b", "cannot be printed"),
        (f"ssh-dss {_text(b'ssh-dss')}", "DSA"),
        (f"{CERT} {_text(CERT.encode())}", "Certificates"),
        (f'command="id" {ED25519}', "options"),
        (f"no-pty,restrict {ED25519}", "options"),
        (_line(rsa.generate_private_key(65537, 1024)), "1024 bits"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "ssh-keygen -i"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA", "private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519", "private key"),
    ],
    ids=list(map(str, range(15))),
)
def test_refused(text, said):
    with pytest.raises(exception.BadRequest) as caught:
        sshkeys.parse(text)
    assert said in caught.value.message
    assert caught.value.message.endswith(".")
    assert "AAAA" not in caught.value.message


def test_made(tmp_path):
    public, private = sshkeys.generate("my key")
    file = tmp_path / "key"
    file.write_text(private)
    file.chmod(0o600)
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", file],
        check=True,
        capture_output=True,
        text=True,
    )
    assert derived.stdout.split()[:2] == public.line.split()[:2]
    assert public.line.endswith(" my key")

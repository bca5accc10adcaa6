"""Certificates by which proxies and agents know each other, and the registry.

An authority of the cloud's own signs for all: hosts are servers and bear
their name, proxies are clients and bear one that agents ask for, other servers
bear what clients call them.  The profile is that of RFC 5280; what a
certificate may be used for is in its extended key usage, so that a host's is
of no use to pose as a proxy.
"""

import datetime
import ipaddress
import os
import pathlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from caas import exception

AUTHORITY = "ca"
HOST, PROXY, SERVER = "host", "proxy", "server"

_USAGE = {
    HOST: ExtendedKeyUsageOID.SERVER_AUTH,
    PROXY: ExtendedKeyUsageOID.CLIENT_AUTH,
    SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
}
# The clocks of two machines may differ.
_EARLIER = datetime.timedelta(hours=1)


def authority(folder: pathlib.Path, days: int = 3650) -> pathlib.Path:
    """Make a new authority: ``ca.crt`` and ``ca.key``.

    :param days: for which it is good.
    :returns: the file of its certificate.
    :raises Conflict: there is one already.
    """
    name = _name("caas")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(name, name, key, days)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            critical=False,
        )
    )
    return _write(folder, AUTHORITY, builder.sign(key, hashes.SHA256()), key)


def issue(
    folder: pathlib.Path,
    role: str,
    name: str,
    days: int = 825,
    others: Sequence[str] = (),
) -> pathlib.Path:
    """Make a key and have the authority in ``folder`` sign for it.

    :param role: ``host``, ``proxy`` or ``server``.
    :param name: of the host (``[DEFAULT] host`` of its agent), or the one
        that agents want of proxies (``[streams] proxy_name``), or the one of
        the files of a server.
    :param days: for which it is good.
    :param others: of a server: names and addresses clients know it by.
    :returns: the file of the certificate; the key lies beside it.
    :raises BadRequest: a certificate cannot bear the name.
    :raises NotFound: there is no authority in ``folder``.
    :raises Conflict: there are files for it already.
    """
    try:
        signer = x509.load_pem_x509_certificate(
            (folder / f"{AUTHORITY}.crt").read_bytes()
        )
        signing = serialization.load_pem_private_key(
            (folder / f"{AUTHORITY}.key").read_bytes(), None
        )
    except FileNotFoundError:
        raise exception.NotFound(
            f"There is no certificate authority in {folder}; make one with "
            "'caas-manage certificate authority'."
        ) from None
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(name), signer.subject, key, days)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_USAGE[role]]), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [_general(one) for one in (name, *others)]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                signing.public_key()
            ),
            critical=False,
        )
    )
    made = builder.sign(signing, hashes.SHA256())
    return _write(
        folder, f"{role}-{name}" if role == HOST else name, made, key
    )


def _name(text: str) -> x509.Name:
    # RFC 5280, appendix A.1: a common name has 64 characters at most
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not name or "/" in name or not name.isascii():
        raise exception.BadRequest(
            f"A certificate cannot bear the name {name!r}: it has to be a "
            "host name in ASCII."
        )
    return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _key_usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    folder: pathlib.Path,
    stem: str,
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
) -> pathlib.Path:
    path = folder / f"{stem}.crt"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    folder.mkdir(parents=True, exist_ok=True)
    _create(folder / f"{stem}.key", secret, 0o600)
    _create(path, public, 0o644)
    return path


def _create(path: pathlib.Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            file.write(data)
    except FileExistsError:
        raise exception.Conflict(
            f"{path} is there already; remove it to have a new one made."
        ) from None

"""Certificates by which proxies know this host, and the port they come to."""

import dataclasses
import datetime
import pathlib
import ssl

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtensionOID

from caas.agent.fitness.finding import Finding, ok, unfit, warning

#: One that ends within so many days is to be replaced.
SOON = 30

_LISTENS = "0A"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """:ivar names: it is good for.
    :ivar ends: UTC.
    :ivar signed: by the authority whose certificate is there too.
    """

    names: tuple[str, ...]
    begins: datetime.datetime
    ends: datetime.datetime
    signed: bool
    authority_ends: datetime.datetime


def read(ca_file: str, cert_file: str, key_file: str) -> Certificate:
    """:raises OSError: a file cannot be read, or the key is another one's
    (ssl.SSLError).
    :raises ValueError: one is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    own = x509.load_pem_x509_certificate(pathlib.Path(cert_file).read_bytes())
    authorities = x509.load_pem_x509_certificates(
        pathlib.Path(ca_file).read_bytes()
    )
    by = next((a for a in authorities if _signs(a, own)), None)
    return Certificate(
        names=_names(own),
        begins=own.not_valid_before_utc,
        ends=own.not_valid_after_utc,
        signed=by is not None,
        authority_ends=(by or authorities[0]).not_valid_after_utc,
    )


def _signs(authority: x509.Certificate, own: x509.Certificate) -> bool:
    try:
        own.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(own: x509.Certificate) -> tuple[str, ...]:
    try:
        found = own.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except x509.ExtensionNotFound:
        return ()
    assert isinstance(found, x509.SubjectAlternativeName)
    return tuple(found.get_values_for_type(x509.DNSName))


def listener(port: int) -> str | None:
    """Inode of the socket that listens at a TCP port, None without one."""
    for name in ("tcp", "tcp6"):
        path = pathlib.Path("/proc/net", name)
        if not path.exists():
            continue
        for line in path.read_text().splitlines()[1:]:
            words = line.split()
            at = int(words[1].rpartition(":")[2], 16)
            if at == port and words[3] == _LISTENS:
                return words[9]
    return None


def has(pid: int, inode: str) -> bool:
    """Whether a socket is a process's."""
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(entry.readlink()) == f"socket:[{inode}]":
                return True
        except OSError:
            continue
    return False


# What is judged.


def certificate(
    found: Certificate, host: str, now: datetime.datetime
) -> Finding:
    """:param host: name of this host.
    :param now: with its zone.
    """
    name = "certificate"
    right = "make another one with 'caas-manage certificate'"
    if not found.signed:
        return unfit(
            name,
            "The certificate of this host is not signed by the authority in "
            f"[streams] ca_file; {right}.",
        )
    if host not in found.names:
        named = ", ".join(found.names) or "nothing"
        return unfit(
            name,
            f"The certificate of this host is for {named}, not for {host} "
            f"([DEFAULT] host); {right}.",
        )
    if now < found.begins:
        return unfit(
            name,
            f"The certificate of this host is good only from {found.begins} "
            "on; is the clock right?",
        )
    for what, end in (
        ("The certificate of this host", found.ends),
        ("The certificate of the authority", found.authority_ends),
    ):
        if now > end:
            return unfit(name, f"{what} ended at {end}; {right}.")
        if end - now < datetime.timedelta(days=SOON):
            return warning(name, f"{what} ends at {end}; {right}.")
    return ok(name, f"The certificate of {host} is good until {found.ends}.")


def none() -> Finding:
    return warning(
        "certificate",
        "[streams] ca_file is not set: nobody can see logs of this host or "
        "use a shell; 'caas-manage certificate' makes what is needed.",
    )


def port(number: int, taken: bool, ours: bool) -> Finding:
    """:param ours: the agent's own socket listens there."""
    if ours:
        return ok("streams-port", f"The agent listens at port {number}.")
    if taken:
        return unfit(
            "streams-port",
            f"Another program listens at port {number}, so the agent cannot "
            "start: end it, or set [streams] port.",
        )
    return ok("streams-port", f"Port {number} is free for the agent.")

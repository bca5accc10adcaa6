"""The certificate by which proxies know this host, and the port they come to.

OpenSSL judges it, as it will when a proxy comes: both ends of a handshake are
had in memory.  (To read it by other means would cost an agent 8 MB.)
"""

import contextlib
import dataclasses
import pathlib
import ssl

from caas.agent.fitness.finding import Finding, ok, unfit, warning

#: One that ends within so many days is to be replaced.
SOON = 30

_DAY = 86400
_LISTENS = "0A"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """Times in seconds since the epoch.

    :ivar refused: why a proxy would not take it, as OpenSSL says; "" if it
        would.
    :ivar authority_ends: the first of the authorities that ends.
    """

    refused: str = ""
    ends: float = 0.0
    authority_ends: float = 0.0


def read(
    ca_file: str, cert_file: str, key_file: str, host: str
) -> Certificate:
    """:param host: the name it has to be for.

    :raises OSError: a file cannot be read or is of no use, or the key is that
        of another certificate (ssl.SSLError).
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert_file, key_file)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(ca_file)
    try:
        shown = _shake(client, server, host)
    except ssl.SSLCertVerificationError as error:
        return Certificate(error.verify_message.rstrip("."))
    return Certificate(
        ends=_time(shown),
        authority_ends=min(map(_time, client.get_ca_certs()), default=0.0),
    )


def _shake(
    client: ssl.SSLContext, server: ssl.SSLContext, host: str
) -> dict[str, object]:
    """:returns: the certificate the client is shown."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname=host)
    theirs = server.wrap_bio(up, down, server_side=True)
    while True:
        with contextlib.suppress(ssl.SSLWantReadError):
            ours.do_handshake()
            return dict(ours.getpeercert() or {})
        with contextlib.suppress(ssl.SSLWantReadError):
            theirs.do_handshake()


def _time(certificate: object) -> float:
    assert isinstance(certificate, dict)
    return float(ssl.cert_time_to_seconds(certificate["notAfter"]))


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


def certificate(found: Certificate, host: str, now: float) -> Finding:
    """:param host: name of this host.
    :param now: seconds since the epoch.
    """
    name = "certificate"
    right = "make another one with 'caas-manage certificate'"
    if found.refused:
        return unfit(
            name,
            f"Proxies do not take the certificate of {host} ([streams], "
            f"[DEFAULT] host): {found.refused}; {right}.",
        )
    for what, end in (
        (f"The certificate of {host}", found.ends),
        ("The certificate of its authority", found.authority_ends),
    ):
        if end - now < SOON * _DAY:
            days = max(0, int((end - now) // _DAY))
            return warning(name, f"{what} ends in {days} days; {right}.")
    return ok(name, f"The certificate of {host} is good.")


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

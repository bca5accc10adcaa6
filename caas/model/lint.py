"""What is often wrong with images, found in their configuration.

The configuration is what somebody pushed: whatever is not of the form it
should be is passed over.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from caas.model import loose
from caas.model.image_policies import Both, Facts, Finding, Level

_BASE_NAME = "org.opencontainers.image.base.name"

_SECRET_WORDS = frozenset(
    {
        *("password", "passwd", "passphrase", "pass", "secret", "token"),
        *("credential", "credentials", "apikey"),
    }
)
_SECRET_PAIRS = frozenset({"api", "private", "access", "secret"})
_SECRET_ENDS = ("password", "passwd", "secret")
#: Endings of names of what is about a secret, but is none.
_NO_SECRET = frozenset({"file", "path", "dir", "url", "uri", "ttl", "name"})
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bAKIA[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bglpat-[A-Za-z0-9_-]{20}"
)
#: ``NAME=value`` in a line of a Dockerfile, also as Docker notes arguments:
#: ``|1 NAME=value /bin/sh -c ...``.
_ASSIGNED = re.compile(
    r"\b([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|[^\s\"']+)"
)
_ARGUMENTS = re.compile(r"^(?:RUN )?\|\d+ ")
_ADD_URL = re.compile(r"\bADD\s+(?:--\S+\s+)*(https?://\S+)", re.IGNORECASE)
#: What starts other processes and looks after them.
_SUPERVISORS = frozenset(
    {
        *("supervisord", "runsvdir", "runit", "s6-svscan", "systemd"),
        *("circusd", "monit", "honcho", "foreman", "init"),
    }
)
#: ``a & b``, but neither ``a && b`` nor ``2>&1``.
_BACKGROUND = re.compile(r"[^&>\s]\s*&(?=\s|$)")


def look(facts: Facts, both: Both) -> list[Finding]:
    """Rules that are broken and not off."""
    found = []
    for rule, check in _CHECKS.items():
        level, by = both.level(rule)
        if level != Level.OFF:
            found += [
                Finding(rule, level, message, by)
                for message in dict.fromkeys(check(facts))
            ]
    return found


def latest(tag: str, both: Both) -> list[Finding]:
    """The one rule that is about more than images: indexes, artifacts."""
    level, by = both.level("latest")
    if level == Level.OFF or tag != "latest":
        return []
    return [
        Finding(
            "latest",
            level,
            "The tag 'latest' does not say which version it is; use one that "
            "does.",
            by,
        )
    ]


def _secrets(facts: Facts) -> Iterator[str]:
    # never the value itself: findings go to events and logs
    for name, value in _env(facts):
        if _secret(name, value):
            yield (
                f"The environment variable {name} looks like a secret; give "
                "it to the containers, not to the image."
            )
    for line in _history(facts):
        if _SECRET_VALUE.search(line):
            yield (
                "A line of its history has what looks like a key; mount it "
                "as a secret of the build instead."
            )
        begins = line.removeprefix("/bin/sh -c #(nop) ").lstrip()
        if not (
            begins.startswith(("ARG ", "ENV ")) or _ARGUMENTS.match(begins)
        ):
            continue
        for found in _ASSIGNED.finditer(begins):
            if _secret(found[1], found[2].strip("\"'")):
                yield (
                    f"Its history has the value of {found[1]}, which looks "
                    "like a secret; mount it as a secret of the build "
                    "instead."
                )


def _secret(name: str, value: str) -> bool:
    if _SECRET_VALUE.search(value):
        return True
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")
    if not value or value.startswith(("$", "/")) or words[-1] in _NO_SECRET:
        return False
    pairs = itertools.pairwise(words)
    return (
        not _SECRET_WORDS.isdisjoint(words)
        or name.lower().endswith(_SECRET_ENDS)
        or any(a in _SECRET_PAIRS and b == "key" for a, b in pairs)
    )


def _env_quotes(facts: Facts) -> Iterator[str]:
    for name, value in _env(facts):
        if value and (value[0] in "\"'" or value[-1] in "\"'"):
            yield (
                f"The value of the environment variable {name} has quotes "
                "around it, which programs get to see; leave them out."
            )


def _root_user(facts: Facts) -> Iterator[str]:
    user = _config(facts).get("User")
    name = user.partition(":")[0] if isinstance(user, str) else ""
    if name in ("", "root", "0"):
        yield "It runs as root; name another user with USER."


def _latest_base(facts: Facts) -> Iterator[str]:
    labels = loose.mapping(_config(facts), "Labels")
    base = facts.annotations.get(_BASE_NAME) or labels.get(_BASE_NAME)
    if not isinstance(base, str) or not base or "@" in base:
        return
    tag = base.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield (
            f"It was built from {base[:200]!r}, which is another image next "
            "time; name a version in FROM."
        )


def _many_processes(facts: Facts) -> Iterator[str]:
    words = [
        *loose.texts(_config(facts), "Entrypoint"),
        *loose.texts(_config(facts), "Cmd"),
    ]
    for word in " ".join(words[:20]).split():
        name = word.rpartition("/")[2]
        if name in _SUPERVISORS:
            yield (
                f"It starts {name}, which runs several processes; give each "
                "a container of its own in the set."
            )
    if any(_BACKGROUND.search(word) for word in words):
        yield (
            "Its command starts processes in the background; give each a "
            "container of its own in the set."
        )


def _add_url(facts: Facts) -> Iterator[str]:
    for line in _history(facts):
        if found := _ADD_URL.search(line):
            yield (
                f"It was built with ADD of {found[1][:200]}, which may be "
                "something else next time; fetch it and check its digest."
            )


def _no_healthcheck(facts: Facts) -> Iterator[str]:
    test = loose.mapping(_config(facts), "Healthcheck").get("Test")
    if not test or test == ["NONE"]:
        yield "It has no HEALTHCHECK."


_CHECKS = {
    "secrets": _secrets,
    "env_quotes": _env_quotes,
    "root_user": _root_user,
    "latest_base": _latest_base,
    "many_processes": _many_processes,
    "add_url": _add_url,
    "no_healthcheck": _no_healthcheck,
}


def _config(facts: Facts) -> Mapping[str, Any]:
    return loose.mapping(facts.config, "config")


def _env(facts: Facts) -> Iterator[tuple[str, str]]:
    for each in loose.texts(_config(facts), "Env"):
        name, _, value = each.partition("=")
        yield _shown(name), value


def _shown(name: str) -> str:
    return "".join(c for c in name[:100] if c.isprintable())


def _history(facts: Facts) -> Iterator[str]:
    steps = facts.config.get("history")
    for step in steps if isinstance(steps, list) else ():
        line = step.get("created_by") if isinstance(step, dict) else None
        if isinstance(line, str):
            yield line[:10_000]

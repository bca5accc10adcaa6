"""Nova's words for what the use cases of sets say."""

import re

from caas import exception
from caas.model.quotas import plain

#: Nova's names of what we limit, with how many of ours make one.
QUOTAS = {
    "instances": ("sets", 1),
    "cores": ("millicpus", 1000),
    "ram": ("memory_mb", 1),
    "server_groups": ("server_groups", 1),
    "server_group_members": ("server_group_members", 1),
}
_NAMED = {own: (name, size) for name, (own, size) in QUOTAS.items()}

#: A set, by its id: not the noun alone, which is in what was written for this
#: API and tells what servers are here.
_SET = re.compile(r"\b(S|s)et (?=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def of(error: exception.CaasError) -> str:
    """What users are told of an error."""
    if isinstance(error, exception.QuotaTooSmall):
        return _quota(error.lacking)
    return _SET.sub(
        lambda found: f"{'I' if found[1] == 'S' else 'i'}nstance ",
        error.message,
    )


def _quota(lacking: list[exception.Lack]) -> str:
    names, asked, used, limits = (
        ", ".join(column) for column in zip(*map(_row, lacking), strict=True)
    )
    return (
        f"Quota exceeded for {names}: Requested {asked}, but already used "
        f"{used} of {limits} {names}"
    )


def _row(lack: exception.Lack) -> tuple[str, ...]:
    name, size = _NAMED.get(lack.resource, (lack.resource, 1))
    return name, *(plain(n, size) for n in (lack.asked, lack.used, lack.limit))

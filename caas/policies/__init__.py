"""Default policies, one module per noun."""

import itertools
from collections.abc import Iterable

from oslo_policy import policy

from caas.policies import (
    base,
    containers,
    events,
    flavors,
    hosts,
    keypairs,
    looks,
    quotas,
    services,
    sessions,
    sets,
)


def list_rules() -> Iterable[policy.RuleDefault]:
    return itertools.chain(
        base.PERSONAS,
        containers.RULES,
        events.RULES,
        flavors.RULES,
        hosts.RULES,
        keypairs.RULES,
        looks.RULES,
        quotas.RULES,
        services.RULES,
        sessions.RULES,
        sets.RULES,
    )

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
    quotas,
    services,
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
        quotas.RULES,
        services.RULES,
        sets.RULES,
    )

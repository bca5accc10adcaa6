"""Default policies, one module per noun."""

import itertools
from collections.abc import Iterable

from oslo_policy import policy

from caas.policies import (
    aggregates,
    base,
    containers,
    events,
    flavors,
    hosts,
    image_policies,
    images,
    jobs,
    keypairs,
    looks,
    namespaces,
    quotas,
    registry,
    retentions,
    server_groups,
    services,
    sessions,
    sets,
    usage,
)


def list_rules() -> Iterable[policy.RuleDefault]:
    return itertools.chain(
        base.PERSONAS,
        aggregates.RULES,
        containers.RULES,
        events.RULES,
        flavors.RULES,
        hosts.RULES,
        image_policies.RULES,
        images.RULES,
        jobs.RULES,
        keypairs.RULES,
        looks.RULES,
        namespaces.RULES,
        quotas.RULES,
        registry.RULES,
        retentions.RULES,
        server_groups.RULES,
        services.RULES,
        sessions.RULES,
        sets.RULES,
        usage.RULES,
    )

"""The native API; importing it registers its operations."""

from caas.api.v1 import (  # noqa: F401
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
    retentions,
    server_groups,
    services,
    sessions,
    sets,
    versions,
)

"""The native API; importing it registers its operations."""

from caas.api.v1 import (  # noqa: F401
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
    versions,
)

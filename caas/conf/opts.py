"""Entry points of oslo.config's generators of samples and documentation."""

from typing import Any

from oslo_config import cfg
from oslo_middleware import cors, sizelimit

from caas import conf


def list_opts() -> list[tuple[str, list[Any]]]:
    """All options of caas by group.

    A module with options of a library in its group has a ``list_opts``.
    """
    return [
        (
            module.GROUP,
            module.list_opts()
            if hasattr(module, "list_opts")
            else list(module.OPTS),
        )
        for module in conf.modules()
    ]


def set_defaults() -> None:
    """Change defaults of libraries to what suits this service."""
    cors.set_defaults(
        allow_headers=[
            "Content-Type",
            "OpenStack-API-Version",
            "X-Auth-Token",
            "X-Openstack-Request-Id",
        ],
        expose_headers=["OpenStack-API-Version", "X-Openstack-Request-Id"],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    )
    # room for the longest set of containers
    cfg.set_defaults(sizelimit.OPTS, max_request_body_size=1 << 20)

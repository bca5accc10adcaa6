"""caas in openstacksdk: ``conn.caas``.

>>> import caasclient.sdk
>>> conn = caasclient.sdk.connect(cloud="caas-demo")
>>> for each in conn.caas.sets():
...     print(each.name, each.status)
"""

from typing import Any

import openstack
from openstack import connection, service_description

from caasclient.sdk import _proxy

# in quotes: older openstacksdk does not have it generic
SERVICE: "service_description.ServiceDescription[_proxy.Proxy]" = (
    service_description.ServiceDescription(
        "caas", supported_versions={"1": _proxy.Proxy}
    )
)


def connect(cloud: str | None = None, **kwargs: Any) -> connection.Connection:
    """``openstack.connect``, and ``caas`` is among the services."""
    conn = openstack.connect(cloud, **kwargs)
    register(conn)
    return conn


def register(conn: connection.Connection) -> None:
    """Give ``conn`` the service ``caas``.

    As ``vendor_hook: caasclient.sdk:register`` in ``clouds.yaml`` it does so
    for every program that uses openstacksdk.
    """
    conn.add_service(SERVICE)


def proxy(conn: connection.Connection) -> _proxy.Proxy:
    """What ``conn.caas`` is, with its type."""
    return SERVICE.__get__(conn, type(conn))

"""Where images are kept, as configured."""

from typing import Any

from keystoneauth1 import loading
from keystoneauth1.session import Session
from requests.adapters import DEFAULT_POOLSIZE

from caas.clients.glance import Images
from caas.clients.records import Records
from caas.core.deps import Kept

#: Connections to one service that are kept.  A worker of the registry has
#: some 32 requests at once, and each may ask Glance several things at once;
#: keystoneauth keeps 10, and throws away and logs each one above.
_CONNECTIONS = 128


def session(conf: Any) -> Session:
    """Of the service user that ``[glance]`` names."""
    auth = loading.load_auth_from_conf_options(conf, "glance")
    found: Session = loading.load_session_from_conf_options(
        conf, "glance", auth=auth
    )
    for adapter in set(found.adapters.values()):
        adapter.init_poolmanager(DEFAULT_POOLSIZE, _CONNECTIONS)
    return found


def from_conf(conf: Any, session: Session) -> Kept:
    """:param conf: of oslo.config, with ``[glance]`` and ``[registry]``.
    :param session: of the service user.
    """
    where = {
        "region": conf.glance.region_name,
        "interfaces": conf.glance.valid_interfaces,
        "endpoint": conf.glance.endpoint_override,
    }
    return Kept(
        records=Records(session, **where),
        seen=Images(session, **where),
        max_blob=conf.registry.max_blob_gb << 30,
        max_unpacked=conf.registry.max_unpacked_gb << 30,
        wait=conf.registry.wait,
        recycle=conf.registry.recycle_days * 86400.0,
    )

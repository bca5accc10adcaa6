"""Schemas of services."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.model.states import HostStatus

VIEW: Definition = common.obj(
    {
        "binary": common.STRING,
        "host": common.STRING,
        "status": {"enum": [s.value for s in HostStatus]},
        "last_seen": common.OPTIONAL_TIME,
        "version": common.STRING,
    },
    title="Service",
)

MANY = common.many("services", VIEW, paged=False)
LIST = common.listing(VIEW)

"""Which module serves which verb."""

from collections.abc import Mapping

from caas.agent.logs import FormerLogs
from caas.agent.streams import inside
from caas.agent.streams.link import Sets
from caas.agent.streams.logs import Logs
from caas.agent.streams.server import Serve
from caas.drivers.runtime.base import Runtime
from caas.model.streams import Verb


def verbs(
    sets: Sets, runtime: Runtime, former: FormerLogs
) -> Mapping[str, Serve]:
    """:param runtime: the driver of this host's engine.

    :param former: logs of containers that are gone.
    """
    return {
        **inside.serve(sets),
        Verb.LOGS: Logs(sets, runtime, former),
    }

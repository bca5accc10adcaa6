"""Which module serves which verb."""

from collections.abc import Mapping

from caas.agent.logs import FormerLogs
from caas.agent.streams import inside
from caas.agent.streams.archives import Archives, Limits
from caas.agent.streams.forward import Forward
from caas.agent.streams.link import Sets
from caas.agent.streams.logs import Logs
from caas.agent.streams.looks import Looks
from caas.agent.streams.server import Serve
from caas.agent.streams.terminals import Terminals
from caas.drivers.runtime.base import Runtime
from caas.model.streams import Look, Verb


def verbs(
    sets: Sets,
    runtime: Runtime,
    former: FormerLogs,
    limits: Limits | None = None,
) -> Mapping[str, Serve]:
    """:param runtime: the driver of this host's engine.
    :param former: logs of containers that are gone.
    :param limits: of what is copied.
    """
    terminals = Terminals(sets, runtime)
    visits = inside.Inside(sets)
    archives = Archives(visits, limits or Limits())
    looks = Looks(sets, runtime)
    return {
        **inside.serve(visits),
        Verb.EXEC: terminals.exec,
        Verb.ATTACH: terminals.attach,
        Verb.LOGS: Logs(sets, runtime, former),
        Verb.DOWNLOAD: archives.download,
        Verb.UPLOAD: archives.upload,
        Verb.FORWARD: Forward(sets).forward,
        Look.STATS: looks.stats,
        Look.TOP: looks.top,
        Look.DIFF: looks.diff,
        Look.INSPECT: looks.inspect,
    }

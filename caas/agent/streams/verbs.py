"""Which module serves which verb."""

from collections.abc import Mapping

from caas.agent.streams import inside
from caas.agent.streams.link import Sets
from caas.agent.streams.server import Serve
from caas.drivers.runtime.base import Runtime


def verbs(sets: Sets, runtime: Runtime) -> Mapping[str, Serve]:
    """:param runtime: the driver of this host's engine."""
    return {**inside.serve(sets)}

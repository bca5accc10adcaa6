"""The agent's own look at its host."""

import logging
import os
import threading
from typing import Any

from caas.agent import state
from caas.agent.fitness import checks
from caas.agent.fitness.finding import Finding, Level, Verdict, verdict

LOG = logging.getLogger(__name__)

#: Seconds for one of the checks that cost next to nothing.
TIMEOUT = 5.0
#: Likewise for all: on a busy host a container may take long to start.
THOROUGH_TIMEOUT = 60.0


class Fitness:
    """Keeps what was found last of what is not looked at each time.

    :param conf: of the agent.
    """

    def __init__(self, conf: Any) -> None:
        self._conf = conf
        self._lock = threading.Lock()
        self._found: dict[str, Level] = {}
        self._kept: list[Finding] = []

    def look(self, thorough: bool) -> Verdict:
        """:param thorough: start a container too."""
        conf = self._conf
        found = checks.run(
            conf,
            checks.THOROUGH if thorough else checks.CHEAP,
            networks=state.networks(state.folder(conf.agent.state_path))
            or [conf.network.cidr],
            agent=os.getpid(),
            timeout=THOROUGH_TIMEOUT if thorough else TIMEOUT,
        )
        with self._lock:
            if thorough:
                costly = checks.THOROUGH.keys() - checks.CHEAP.keys()
                self._kept = [f for f in found if f.name in costly]
            else:
                found += self._kept
            self._tell(found)
        return verdict(found)

    def _tell(self, found: list[Finding]) -> None:
        """Log what is new."""
        levels: dict[str, Level] = {}
        for one in found:
            before = levels.get(one.name, Level.OK)
            levels[one.name] = max(before, one.level, key=list(Level).index)
        for one in found:
            if one.level == self._found.get(one.name, Level.OK):
                continue
            if one.level == Level.UNFIT:
                LOG.error("This host is unfit (%s): %s", one.name, one.message)
            elif one.level == Level.WARNING:
                LOG.warning("This host (%s): %s", one.name, one.message)
            elif levels[one.name] == Level.OK:
                LOG.info("This host (%s): %s", one.name, one.message)
        self._found = levels

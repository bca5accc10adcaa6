"""The conductor: what it is made of and how the parts are joined."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from caas import pull, rpc
from caas.conductor.agents import Agents
from caas.conductor.collector import Collector
from caas.conductor.imports import Importer
from caas.conductor.loop import Loop
from caas.conductor.settings import Settings
from caas.conductor.sweeps import Sweeper
from caas.conductor.view import View
from caas.conductor.worker import Send, Worker
from caas.context import RequestContext
from caas.store.engine import Store, utcnow


class Conductor:
    """Also the endpoint of its RPC server.

    :param send: casts an ``assign`` to a host; must not wait for the broker.
    :param version: of this program.
    :param importer: takes archives apart; None leaves that to others.
    :param collector: removes what no image needs; likewise.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        tokens: pull.Tokens,
        send: Send,
        version: str = "",
        clock: Callable[[], datetime.datetime] = utcnow,
        importer: Importer | None = None,
        collector: Collector | None = None,
    ) -> None:
        self.importer = importer
        self.collector = collector
        self.worker = Worker(
            store,
            View(store, settings, clock),
            send,
            tokens,
            settings,
            clock,
        )
        self.loop = Loop(self.worker.work, settings.batch_delay)
        self.agents = Agents(
            store, tokens, settings, clock, self.loop.look_again
        )
        self.sweeper = Sweeper(
            store, self.loop.look_again, settings, clock, version
        )

    def start(self) -> None:
        self.worker.begin()
        self.loop.start()
        self.sweeper.start()
        if self.importer is not None:
            self.importer.start()
        if self.collector is not None:
            self.collector.start()

    def stop(self, timeout: float = 10) -> None:
        """Finish what is at hand, in about ``timeout`` seconds at most."""
        if self.importer is not None:
            self.importer.stop(timeout)
        if self.collector is not None:
            self.collector.stop(timeout)
        self.sweeper.stop(timeout)
        self.loop.stop(timeout)

    @rpc.expose  # type: ignore[untyped-decorator]
    def look_again(self, ctx: RequestContext, set_ids: Sequence[str]) -> None:
        self.loop.look_again(set_ids)

    @rpc.expose  # type: ignore[untyped-decorator]
    def look_for_jobs(self, ctx: RequestContext) -> None:
        if self.importer is not None:
            self.importer.look()

    @rpc.expose  # type: ignore[untyped-decorator]
    def sync(
        self, ctx: RequestContext, report: dict[str, Any]
    ) -> dict[str, Any]:
        return self.agents.sync(report)

    @rpc.expose  # type: ignore[untyped-decorator]
    def inputs(
        self, ctx: RequestContext, host: str, set_id: str
    ) -> dict[str, Any] | None:
        return self.agents.inputs(host, set_id)

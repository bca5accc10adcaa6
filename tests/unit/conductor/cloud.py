"""A conductor on a real database, with a clock to turn and hosts to play."""

import datetime
import itertools

import sqlalchemy as sa
from cryptography import fernet

from caas import pull
from caas.conductor.main import Conductor
from caas.conductor.settings import Network, Settings
from caas.context import RequestContext
from caas.core import flavors
from caas.core import sets as core
from caas.core.deps import Deps
from caas.model import spec, wire
from caas.model.query import Query
from caas.model.quotas import RESOURCES
from caas.model.states import ContainerStatus, Desired, Phase
from caas.store import events, tables
from caas.store.engine import utcnow

CONTAINERS = [
    {"name": "app", "image": "app:1"},
    {"name": "web", "image": "web:1", "index": 1},
]

#: What a well-behaved host reports of what is wanted.
DONE = {
    Desired.RUNNING: Phase.RUNNING,
    Desired.STOPPED: Phase.STOPPED,
    Desired.DELETED: Phase.GONE,
}


class NetworkConf:
    """``[network]`` of the configuration."""

    def __init__(self, **values):
        self.pool = "default"
        self.cidr = "10.89.0.0/16"
        self.gateway = None
        self.dns = []
        self.mtu = 1450
        vars(self).update(values)


class Images:
    def resolve(self, ctx, refs):
        return {
            r: spec.ImageRef(r, f"id-{r}", "sha256:" + r, repository="web/app")
            for r in refs
        }


class Cloud:
    """:ivar sent: assigns that were cast, as (host, message).
    :ivar told: ids of sets the API has told conductors about.
    """

    def __init__(self, store, name="c1", **settings):
        self.store = store
        self.offset = datetime.timedelta()
        self.sent = []
        self.told = []
        self.settings = Settings(
            name=name,
            network=settings.pop("network", Network.from_conf(NetworkConf())),
            settle_timeout=100,
            **settings,
        )
        self.tokens = pull.Tokens([fernet.Fernet.generate_key().decode()], 60)
        self.conductor = Conductor(
            store,
            self.settings,
            self.tokens,
            lambda host, message: self.sent.append((host, message)),
            "1.0",
            self.clock,
        )
        self.worker = self.conductor.worker
        self.agents = self.conductor.agents
        self.worker.begin()
        self.deps = Deps(
            store,
            lambda ctx, ids: self.told.extend(ids),
            Images(),
            dict.fromkeys(RESOURCES, -1),
        )
        self.seqs = itertools.count(1)
        self.requests = itertools.count(1)

    def clock(self):
        return utcnow() + self.offset

    def later(self, seconds):
        self.offset += datetime.timedelta(seconds=seconds)

    # The user's side.

    def ctx(self):
        return RequestContext(
            user_id="u1",
            project_id="p1",
            request_id=f"req-{next(self.requests)}",
            overwrite=False,
        )

    def flavor(self, memory=1024):
        with self.store.reader() as conn:
            if conn.execute(sa.select(tables.flavors)).first():
                return
        flavors.create(
            self.deps,
            self.ctx(),
            {"name": "small", "vcpus": 1, "memory_mb": memory, "disk_gb": 1},
        )

    def ask(self, count=1, least=None, **fields):
        """Create sets and do not let the conductor work yet."""
        self.flavor()
        return core.create(
            self.deps,
            self.ctx(),
            {
                "name": "s",
                "flavor": "small",
                "min_count": count if least is None else least,
                "max_count": count,
                "containers": CONTAINERS,
                **fields,
            },
        )

    def create(self, *args, **fields):
        items = self.ask(*args, **fields)
        self.work()
        return [self.get(item.id) for item in items]

    def ask_for(self, verb, item):
        """``verb`` is a function of core.sets."""
        getattr(core, verb)(self.deps, self.ctx(), self.get(item.id))

    def verb(self, verb, item):
        self.ask_for(verb, item)
        self.work()

    def work(self):
        told, self.told = self.told, []
        self.worker.work(told)

    def get(self, set_id):
        return core.get(self.deps, self.ctx(), set_id)

    # The host's side.

    def report(self, host, *sets, version=-1, boot=1, seq=None, **fields):
        """One sync."""
        return self.agents.sync(
            wire.Report(
                host=host,
                boot=boot,
                seq=next(self.seqs) if seq is None else seq,
                version=version,
                sets=sets,
                **fields,
            ).to_dict()
        )

    def host(self, name, memory=4096, cpus=8, disk=100, zone="z1"):
        """A host reports for the first time."""
        return self.report(
            name,
            zone=zone,
            facts=wire.HostFacts(
                spec.Resources(cpus * 1000, memory, disk), engine="docker"
            ),
        )

    def carry_out(self, host, phase=None, reason="", **fields):
        """A host does all it is to do and reports it; all of its list."""
        answer = self.report(host)
        reports = [
            seen(wire.Wanted.from_dict(data), phase, reason, **fields)
            for data in answer["sets"]
        ]
        return self.report(host, *reports, version=answer["version"])

    # What is written.

    def row(self, table, **where):
        (row,) = self.rows(table, **where)
        return row

    def rows(self, table, **where):
        statement = sa.select(table)
        for column, value in where.items():
            statement = statement.where(table.c[column] == value)
        with self.store.reader() as conn:
            return conn.execute(statement).all()

    def events(self, object_id, result=None):
        """Actions of what happened to an object, oldest first."""
        filters = {"object_id": object_id}
        if result is not None:
            filters["result"] = result
        query = Query(sort_key="at", sort_dir="asc", filters=filters)
        with self.store.reader() as conn:
            return events.list_(conn, query)


def seen(wanted, phase=None, reason="", **fields):
    """What a host says of something it is to run."""
    phase = phase or DONE[wanted.desired]
    status = (
        ContainerStatus.RUNNING
        if phase == Phase.RUNNING
        else ContainerStatus.EXITED
    )
    containers = tuple(
        wire.ContainerReport(c.id, c.spec.name, status)
        for c in wanted.containers
    )
    return wire.SetReport(
        id=wanted.id,
        incarnation=wanted.incarnation,
        revision=wanted.revision,
        phase=phase,
        reason=reason,
        containers=containers
        and (
            wire.ContainerReport("", "infra", status, role="infra"),
            *containers,
        ),
        **fields,
    )

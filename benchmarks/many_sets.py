"""Fill a database of caas with sets that run.

They are asked for through ``caas/core``, placed by a real conductor, and run
by real agents on engines that are in memory: what is in the database then is
what there would be after as many requests and with as many hosts.
"""

import contextlib
import ipaddress
import logging
import sys
import warnings

import stack

sys.path.insert(0, str(stack.ROOT))

HOSTS = 10
#: Seconds between reports of a host.
HEARTBEAT = 5.0


class Found:
    """Says of each image that it is there.

    :param image: the :class:`caas.model.spec.ImageRef` of all of them.
    """

    def __init__(self, image):
        self._image = image

    def resolve(self, ctx, refs):
        return dict.fromkeys(refs, self._image)


def fill(url, folder, wanted):
    """:param url: of an empty database.
    :param folder: for what agents keep.
    :param wanted: see :func:`list_servers.wanted`.
    """
    # of what is deprecated, and of engines that end with the program
    warnings.simplefilter("ignore")
    logging.getLogger("caas").setLevel(logging.ERROR)
    from oslo_config import cfg
    from oslo_db import options

    from caas.context import RequestContext
    from caas.core import flavors, keypairs, sets
    from caas.core.deps import Deps
    from caas.model.quotas import RESOURCES
    from caas.model.spec import ImageRef
    from caas.store import migration
    from caas.store.engine import Store

    conf = cfg.ConfigOpts()
    conf.register_opts(options.database_opts, group="database")
    conf([], project="caas", default_config_files=[])
    conf.set_override("connection", url, group="database")
    conf.set_override("max_pool_size", 20, group="database")
    store = Store(conf)
    migration.sync(store.engine)
    image = ImageRef(
        ref=wanted["image_id"],
        id=wanted["image_id"],
        digest="sha256:" + "5" * 64,
        name=wanted["image_name"],
        size=1200,
        repository=wanted["image_name"].partition(":")[0],
    )
    ctx = RequestContext(
        user_id=wanted["user_id"],
        project_id=wanted["project_id"],
        roles=["member", "reader"],
        overwrite=False,
    )
    with cloud(store, folder) as conductor:
        deps = Deps(
            store=store,
            notify=conductor.look_again,
            images=Found(image),
            quota_defaults=dict.fromkeys(RESOURCES, -1),
        )
        flavor = flavors.create(deps, ctx, wanted["size"])
        keypairs.create(
            deps,
            ctx,
            wanted["user_id"],
            wanted["key_name"],
            wanted["public_key"],
        )
        for each in wanted["servers"]:
            sets.create(
                deps,
                ctx,
                {
                    **{k: each[k] for k in ("name", "metadata", "tags")},
                    "description": each["description"],
                    "flavor": flavor.id,
                    "key_name": wanted["key_name"],
                    "containers": [
                        {"name": "main", "image": wanted["image_id"]}
                    ],
                },
            )
        stack.wait(
            lambda: _active(deps, ctx) == len(wanted["servers"]),
            "all sets to run",
            seconds=300,
            interval=0.5,
        )
    store.engine.dispose()


def _active(deps, ctx):
    from caas.core import sets
    from caas.model.query import Query

    query = Query({"status": "ACTIVE"}, 100_000, project_id=ctx.project_id)
    return len(sets.list_(deps, ctx, query, detail=False))


@contextlib.contextmanager
def cloud(store, folder):
    """A conductor and hosts; messages between them are calls."""
    from cryptography.fernet import Fernet

    from caas import pull
    from caas.conductor.main import Conductor
    from caas.conductor.settings import Network, Settings
    from caas.context import RequestContext

    agents = {}
    conductor = Conductor(
        store,
        Settings(
            name="conductor-1",
            network=Network(
                "default",
                ipaddress.IPv4Network("10.77.0.0/16"),
                gateway="10.77.0.1",
            ),
        ),
        pull.Tokens([Fernet.generate_key().decode()], 600),
        lambda host, message: agents[host].assign(message),
    )
    ctx = RequestContext(overwrite=False)
    with contextlib.ExitStack() as ending:
        conductor.start()
        ending.callback(conductor.stop)
        for number in range(HOSTS):
            name = f"host-{number}"
            agents[name] = ending.enter_context(
                agent(
                    name,
                    folder / name,
                    lambda report: conductor.sync(ctx, report),
                )
            )
        yield conductor


@contextlib.contextmanager
def agent(name, folder, sync):
    """One of a host whose engine, network, volumes and images are fakes."""
    from caas.agent.hands import Drivers
    from caas.agent.main import Agent, Settings
    from caas.agent.state import State
    from caas.drivers.image.fake import FakeImage
    from caas.drivers.network.fake import FakeNetwork
    from caas.drivers.runtime.fake import FakeRuntime
    from caas.drivers.volume.fake import FakeVolume
    from caas.model.spec import Resources

    images = set()
    runtime = FakeRuntime(images=images)
    state = State(folder)
    made = Agent(
        Settings(
            host=name,
            zone="nova",
            capacity=Resources(1_000_000, 1_000_000, 100_000),
            heartbeat=HEARTBEAT,
        ),
        Drivers(
            runtime, FakeNetwork(), FakeVolume(), FakeImage(images=images)
        ),
        state,
        sync,
        netns=lambda pid: None,
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()
        runtime.disconnect()
        state.close()

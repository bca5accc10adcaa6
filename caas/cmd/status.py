"""caas-status: whether this controller is ready for the code it has."""

import oslo_messaging
from cryptography import fernet
from keystoneauth1 import exceptions as ksa
from keystoneauth1 import loading
from kombu import connection
from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result

from caas import conf, exception, rpc
from caas.clients import records
from caas.conf import glance as conf_glance
from caas.store import migration
from caas.store.engine import Store

CONF = cfg.CONF

#: seconds to wait for each address of the message broker
_BROKER_TIMEOUT = 5


class Checks(upgradecheck.UpgradeCommands):
    """Each check answers with what to do about it."""

    def database(self) -> Result:
        try:
            version = migration.version(Store(CONF).engine)
        except (db_exception.DBError, db_exception.CantStartEngineError) as e:
            return Result(Code.FAILURE, f"The database does not answer: {e}")
        head = migration.head()
        if version != head:
            return Result(
                Code.FAILURE,
                f"The database is at {version}, this code needs {head}: run "
                "caas-manage db sync.",
            )
        return Result(Code.SUCCESS, f"at {head}")

    def pull_keys(self) -> Result:
        # .keys is a method of the group
        keys = CONF.pull["keys"]
        if not keys:
            return Result(
                Code.FAILURE,
                "[pull] keys is empty, so hosts cannot fetch images: put in "
                "what caas-manage pull_key prints, the same for every "
                "caas-api and caas-conductor.",
            )
        for number, key in enumerate(keys, 1):
            try:
                fernet.Fernet(key)
            except ValueError:
                return Result(
                    Code.FAILURE,
                    f"Key {number} of [pull] keys is not a Fernet key.",
                )
        return Result(Code.SUCCESS, f"{len(keys)} configured")

    def messages(self) -> Result:
        url = oslo_messaging.TransportURL.parse(CONF)
        if url.transport not in ("rabbit", "kombu"):
            return Result(
                Code.WARNING,
                f"Whether {url.transport}:// answers cannot be told.",
            )
        # brings [oslo_messaging_rabbit]; connects to nothing yet
        rpc.transport(CONF)
        for host in url.hosts:
            where = f"{host.hostname}:{host.port or 5672}"
            broker = connection.Connection(
                hostname=host.hostname,
                port=host.port or 5672,
                userid=host.username,
                password=host.password,
                virtual_host=url.virtual_host or "/",
                ssl=CONF.oslo_messaging_rabbit.ssl,
                connect_timeout=_BROKER_TIMEOUT,
            )
            try:
                broker.connect()
            except (
                *broker.connection_errors,
                *broker.channel_errors,
            ) as error:
                return Result(
                    Code.FAILURE, f"{where} of transport_url: {error}"
                )
            finally:
                broker.release()
        return Result(Code.SUCCESS, f"{len(url.hosts)} answer")

    def images(self) -> Result:
        group = conf_glance.GROUP
        try:
            auth = loading.load_auth_from_conf_options(CONF, group)
            guarded = records.Records(
                loading.load_session_from_conf_options(CONF, group, auth=auth),
                region=CONF.glance.region_name,
                interfaces=CONF.glance.valid_interfaces,
                endpoint=CONF.glance.endpoint_override,
            ).guarded()
        except (ksa.ClientException, exception.Unavailable) as error:
            return Result(Code.FAILURE, f"Glance does not answer: {error}")
        if not guarded:
            return Result(
                Code.WARNING,
                "Glance does not load the filter of caas, so users can delete "
                "layers from under images, and say wrong things of them: see "
                "doc/source/admin/glance.rst.",
            )
        return Result(Code.SUCCESS, "guarded by the filter in Glance")

    _upgrade_checks = (
        ("Database", database),
        ("Pull keys", pull_keys),
        ("Message broker", messages),
        ("Images", images),
    )


def main() -> int:
    """:returns: 0 all well, 1 look at it, 2 not ready."""
    conf.register_all(CONF)
    return upgradecheck.main(CONF, project="caas", upgrade_command=Checks())

"""caas-ssh: containers by ssh, scp and sftp.

Stateless; any number of them, each with a [DEFAULT] host of its own.
"""

import asyncio
import sys

import asyncssh
from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log as logging

from caas import conf
from caas.clients import keystone
from caas.cmd import console
from caas.conf import keystone as conf_keystone
from caas.console import relay, ssh_access, ssh_server
from caas.policy import Policy

CONF = cfg.CONF
LOG = logging.getLogger(__name__)


def _host_key() -> asyncssh.SSHKey:
    """:raises OSError: there is none, or it is of no use."""
    path = CONF.ssh.host_key_file
    if not path:
        raise OSError(
            "[ssh] host_key_file is not set; make a key with ssh-keygen -t "
            "ed25519 -N '' -f FILE, the same for all gateways of one name"
        )
    try:
        return asyncssh.read_private_key(path)
    except asyncssh.KeyImportError as error:
        raise OSError(
            f"[ssh] host_key_file {path} is no private key without a "
            f"passphrase: {error}"
        ) from None


def _identity() -> keystone.Identity:
    group = conf_keystone.GROUP
    auth = loading.load_auth_from_conf_options(CONF, group)
    return keystone.Identity(
        loading.load_session_from_conf_options(CONF, group, auth=auth),
        region=CONF.keystone.region_name,
        interfaces=CONF.keystone.valid_interfaces,
    )


def _gateway() -> ssh_server.Gateway:
    options = CONF.ssh
    name = f"{CONF.host}:{options.port}"
    key = _host_key()
    deps = console.deps("caas-ssh")
    return ssh_server.Gateway(
        ssh_server.Settings(
            name=name,
            listen=options.listen,
            port=options.port,
            host_key=key,
            idle=CONF.console.idle_timeout,
            total=CONF.console.max_time,
            max_connections=options.max_connections,
            max_startups=options.max_startups,
            max_startups_per_address=options.max_startups_per_address,
            max_sessions=options.max_sessions,
            max_forwards=options.max_forwards,
            login_time=options.login_time,
            keepalive=options.keepalive,
        ),
        deps,
        ssh_access.Access(deps, Policy(CONF), _identity(), name),
        relay.Relay(deps, console.links(), console.limits()),
    )


def main() -> int:
    logging.register_options(CONF)
    conf.register_all(CONF)
    CONF(sys.argv[1:], project="caas")
    logging.setup(CONF, "caas")
    try:
        asyncio.run(console.until_told(_gateway()))
    except OSError as error:
        LOG.error("The gateway cannot work: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

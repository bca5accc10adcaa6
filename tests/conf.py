"""Configuration objects for tests, apart from the global one."""

from oslo_config import cfg
from oslo_db import options


def database(url: str) -> cfg.ConfigOpts:
    """A configuration with nothing but a database."""
    conf = cfg.ConfigOpts()
    conf.register_opts(options.database_opts, group="database")
    conf([], project="caas", default_config_files=[])
    conf.set_override("connection", url, group="database")
    return conf

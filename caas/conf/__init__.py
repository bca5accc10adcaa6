"""Configuration: one module per group, each with its options and help.

Every module but :mod:`caas.conf.opts` has ``GROUP`` (its name), ``OPTS`` and
``register(conf)``.  Nothing here reads a value: who needs one is handed the
configuration, or just the value, by ``caas.cmd`` or ``caas.wsgi``.
"""

import importlib
import pkgutil
from types import ModuleType

from oslo_config import cfg
from oslo_log import log

#: Libraries that tell more than an operator wants to know.
_QUIET = ["websockets=WARNING", "asyncssh=WARNING"]


def modules() -> list[ModuleType]:
    """The modules of all groups, by name."""
    return [
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
        if module.name != "opts"
    ]


def register_all(conf: cfg.ConfigOpts) -> None:
    """Make the options of all groups known to ``conf``."""
    log.set_defaults(
        default_log_levels=[*log.get_default_log_levels(), *_QUIET]
    )
    for module in modules():
        module.register(conf)

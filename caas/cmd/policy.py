"""The enforcer for the tools of oslo.policy (merged policy, checks)."""

from oslo_config import cfg
from oslo_policy import policy

from caas.policy import enforcer


def get_enforcer() -> policy.Enforcer:
    """As named by the entry point ``oslo.policy.enforcer``.

    The tools have read command line and configuration files by now.
    """
    return enforcer(cfg.CONF)

"""Asking the policies whether somebody may do something."""

from collections.abc import Mapping
from typing import Any

from oslo_policy import opts, policy

from caas import policies
from caas.context import RequestContext


def enforcer(conf: Any) -> policy.Enforcer:
    """An oslo.policy enforcer with the rules of caas.

    :param conf: an oslo.config object; ``[oslo_policy]`` is registered on it.
    """
    opts.set_defaults(conf)
    made = policy.Enforcer(conf)
    made.register_defaults(list(policies.list_rules()))
    return made


class Policy:
    """The rules in code, as changed by the operator's policy file."""

    def __init__(self, conf: Any) -> None:
        self._enforcer = enforcer(conf)
        self._enforcer.load_rules()

    def allows(
        self, ctx: RequestContext, rule: str, target: Mapping[str, Any]
    ) -> bool:
        """Whether ``rule`` lets the user of ``ctx`` do it to ``target``.

        :param target: attributes of the object, at least ``project_id``.
        """
        try:
            allowed: bool = self._enforcer.authorize(rule, dict(target), ctx)
        except policy.InvalidScope:
            return False
        return allowed

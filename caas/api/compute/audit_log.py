"""``os-instance_usage_audit_log``: audits of use that agents would make.

There are none: usage is computed from the lives of sets when it is asked for.
So it is said, as in Nova where no audit is switched on, that no host has run
one in the period.
"""

import datetime
from typing import Any

from caas import exception
from caas.api.compute.hosts import every
from caas.api.compute.operation import Call, route
from caas.store.engine import utcnow


def _view(call: Call, before: datetime.datetime) -> dict[str, Any]:
    """:param before: the period is the last whole month before."""
    end = before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = (end - datetime.timedelta(days=1)).replace(day=1)
    names = [each.name for each in every(call)]
    return {
        "period_beginning": str(begin),
        "period_ending": str(end),
        "num_hosts": len(names),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(names),
        "hosts_not_run": names,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(names)} hosts done. 0 errors.",
        "log": {},
    }


@route("GET", "/os-instance_usage_audit_log", policy="caas:hosts:list")
def list_(call: Call) -> dict[str, Any]:
    """Show what was audited in the last month."""
    return {"instance_usage_audit_logs": _view(call, utcnow())}


@route(
    "GET", "/os-instance_usage_audit_log/{before}", policy="caas:hosts:list"
)
def get(call: Call) -> dict[str, Any]:
    """Show what was audited in the last month before a time."""
    text = call.args["before"]
    try:
        form = "%Y-%m-%d %H:%M:%S" + (".%f" if "." in text else "")
        before = datetime.datetime.strptime(text, form)
        return {"instance_usage_audit_log": _view(call, before)}
    except (ValueError, OverflowError):
        raise exception.BadRequest(
            f"Invalid timestamp for date {text[:50]}"
        ) from None

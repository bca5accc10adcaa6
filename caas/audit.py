"""CADF audit of what does not come by HTTP: sessions in containers.

Made of the events of sessions, so that none can be forgotten, whichever
process serves or refuses them.  Requests by HTTP are audited by
keystonemiddleware (:mod:`caas.wsgi.audit`); both send what the standard of
the DMTF calls an activity event (DSP0262).
"""

from typing import Any

from pycadf import (
    cadftaxonomy,
    cadftype,
    eventfactory,
    host,
    reason,
    resource,
)

from caas.model.streams import Look, Verb

#: Event type of the notifications.
SESSION = "audit.caas.session"

_SERVICE = "service/compute/caas"
_SET = f"{_SERVICE}/sets/set"
_CONTAINER = f"{_SET}/containers/container"

_OUTCOMES = {
    "accepted": cadftaxonomy.OUTCOME_PENDING,
    "success": cadftaxonomy.OUTCOME_SUCCESS,
    "error": cadftaxonomy.OUTCOME_FAILURE,
}

#: Those that change nothing in the container.
_READS = frozenset({*Look, Verb.LOGS, Verb.DOWNLOAD, Verb.TAIL})
_VERBS = frozenset({*Look, *Verb})


def of_event(
    row: dict[str, Any], about: dict[str, Any] | None, observer: str
) -> dict[str, Any] | None:
    """The payload of the audit of a session.

    What was typed, shown or given to a command is in no event, so neither is
    it here.

    :param row: columns of any event.
    :param about: ``name`` of the set, None where it is not known.
    :param observer: name of this program.
    :returns: None for an event that is of no session.
    """
    noun, _, verb = row["action"].partition(".")
    if noun == "ssh":
        action = "authenticate/login"
    elif noun == "session" or (
        noun in ("container", "set") and verb in _VERBS
    ):
        kind = "read" if verb in _READS else "update"
        action = f"{kind}/{row['action']}"
    else:
        return None
    event = eventfactory.EventFactory().new_event(
        eventType=cadftype.EVENTTYPE_ACTIVITY,
        action=action,
        outcome=_OUTCOMES[row["result"]],
        initiator=_initiator(row),
        target=_target(row, about),
        observer=resource.Resource(
            id="observer", typeURI=_SERVICE, name=observer
        ),
        reason=reason.Reason(reasonType=_SERVICE, reasonCode=row["reason"])
        if row["reason"]
        else None,
    )
    payload: dict[str, Any] = event.as_dict()
    # to find the event, the request and the session by
    payload["event_id"] = row["id"]
    payload["session_id"] = row["details"].get("session", "")
    return payload


def _initiator(row: dict[str, Any]) -> resource.Resource:
    """As keystonemiddleware describes who sent a request."""
    made = resource.Resource(
        id=row["user_id"] or cadftaxonomy.UNKNOWN,
        typeURI=cadftaxonomy.ACCOUNT_USER,
        host=host.Host(address=row["details"].get("client") or None),
    )
    made.project_id = row["project_id"] or cadftaxonomy.UNKNOWN
    made.request_id = row["request_id"]
    return made


def _target(
    row: dict[str, Any], about: dict[str, Any] | None
) -> resource.Resource:
    ident = row["container_id"] or row["object_id"]
    if row["object_type"] != "set":
        return resource.Resource(id=ident, typeURI=_SERVICE)
    if row["container"]:
        made = resource.Resource(
            id=ident, typeURI=_CONTAINER, name=row["container"]
        )
    else:
        made = resource.Resource(id=ident, typeURI=_SET)
    made.set_id = row["object_id"]
    made.set_name = about["name"] if about else ""
    return made

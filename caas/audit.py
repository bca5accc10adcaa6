"""CADF audit of what does not come by HTTP: sessions in containers.

Requests by HTTP are audited by keystonemiddleware (:mod:`caas.wsgi.audit`);
both send what the standard of the DMTF calls an activity event (DSP0262).
"""

import dataclasses

from pycadf import (
    cadftaxonomy,
    cadftype,
    eventfactory,
    host,
    reason,
    resource,
)

from caas.context import RequestContext
from caas.notifications import Notification, Publisher

#: Event type of the notifications.
SESSION = "audit.caas.session"

#: How it went; ``pending``: it begins.
OUTCOMES = (
    cadftaxonomy.OUTCOME_PENDING,
    cadftaxonomy.OUTCOME_SUCCESS,
    cadftaxonomy.OUTCOME_FAILURE,
)


_SERVICE = "service/compute/caas"
_SET = f"{_SERVICE}/sets/set"
_CONTAINER = f"{_SET}/containers/container"


@dataclasses.dataclass(frozen=True)
class Target:
    """What a session is with.

    :ivar container: name, "" for the set as a whole.
    """

    set_id: str
    set_name: str = ""
    container: str = ""
    container_id: str = ""


class Auditor:
    """:param publisher: None where no notifications are configured: then
        nothing is audited.
    :param observer: name of this program.
    """

    def __init__(self, publisher: Publisher | None, observer: str) -> None:
        self._publisher = publisher
        self._observer = observer

    def session(
        self,
        action: str,
        ctx: RequestContext,
        target: Target,
        *,
        outcome: str,
        reads: bool = False,
        why: str = "",
        address: str = "",
        agent: str = "",
        session_id: str = "",
    ) -> None:
        """Tell of a session that begins, ended or was refused.

        Does not wait for the broker.  Nothing that was typed, shown or given
        to a command may be in ``why``.

        :param action: as of the event, such as ``container.exec``.
        :param ctx: who and which request; its token is left out.
        :param outcome: of ``OUTCOMES``.
        :param reads: the session changes nothing (logs, stats ...).
        :param why: a sentence, for one that was refused or broke off.
        :param address: from where, an IP address.
        :param agent: the client program, as it calls itself.
        """
        if self._publisher is None:
            return
        kind = (
            cadftaxonomy.ACTION_READ if reads else cadftaxonomy.ACTION_UPDATE
        )
        event = eventfactory.EventFactory().new_event(
            eventType=cadftype.EVENTTYPE_ACTIVITY,
            action=f"{kind}/{action}",
            outcome=outcome,
            initiator=_initiator(ctx, address, agent),
            target=resource.Resource(
                id=target.container_id or target.set_id,
                typeURI=_CONTAINER if target.container else _SET,
                name=target.container or target.set_name,
            ),
            observer=resource.Resource(
                id="observer", typeURI=_SERVICE, name=self._observer
            ),
            reason=reason.Reason(reasonType=_SERVICE, reasonCode=why)
            if why
            else None,
        )
        payload = {
            **event.as_dict(),
            "set_id": target.set_id,
            "set_name": target.set_name,
            "session_id": session_id,
        }
        who = RequestContext(
            request_id=ctx.request_id,
            user_id=ctx.user_id,
            project_id=ctx.project_id,
            overwrite=False,
        )
        self._publisher.notify(Notification(SESSION, payload, who))


def _initiator(
    ctx: RequestContext, address: str, agent: str
) -> resource.Resource:
    """As keystonemiddleware describes who sent a request."""
    made = resource.Resource(
        id=ctx.user_id or cadftaxonomy.UNKNOWN,
        typeURI=cadftaxonomy.ACCOUNT_USER,
        name=ctx.user_name or "",
        host=host.Host(address=address, agent=agent),
    )
    made.project_id = ctx.project_id or cadftaxonomy.UNKNOWN
    made.request_id = ctx.request_id or ""
    return made

"""A conductor that says what a test tells it to say.

It keeps to the protocol: a version for each change, the list read after it,
late reports fenced, a set forgotten once its host says it is gone.
"""

import json
import threading
from typing import Any

from caas import exception
from caas.model import wire
from caas.model.states import Desired, Phase


class Conductor:
    """:ivar agent: gets the assigns; None loses them.
    :ivar silent: no report is answered.
    :ivar deaf: reports are taken in but the answer gets lost.
    :ivar networks: told with each answer.
    :ivar syncs: every report so far, as sent.
    """

    def __init__(self) -> None:
        self.agent: Any = None
        self.silent = False
        self.deaf = False
        self.syncs: list[dict[str, Any]] = []
        self.version = 0
        self.sets: dict[tuple[str, int], wire.Wanted] = {}
        self.facts: dict[str, Any] | None = None
        self.networks: list[str] = []
        self.events: dict[str, dict[str, Any]] = {}
        self._seen: dict[tuple[str, int], dict[str, Any]] = {}
        self._last = (0, 0)
        self._changed = threading.Condition()

    # What the agent calls.

    def sync(self, report: dict[str, Any]) -> dict[str, Any]:
        report = json.loads(json.dumps(report))
        with self._changed:
            if self.silent:
                raise exception.Unavailable("no conductor")
            self.syncs.append(report)
            fence = (report["boot"], report["seq"])
            if fence > self._last:
                self._last = fence
                self._take_in(report)
            self._changed.notify_all()
            if self.deaf:
                raise exception.Unavailable("answer lost")
            # the version first, the list after it
            version = self.version
            told = {"networks": self.networks} if self.networks else {}
            return told | {
                "version": version,
                "sets": None
                if report["version"] == version
                else [w.to_dict() for w in self.sets.values()],
            }

    def _take_in(self, report: dict[str, Any]) -> None:
        self.facts = report["facts"] or self.facts
        for event in report["events"]:
            self.events.setdefault(event["id"], event)
        for seen in report["sets"]:
            key = (seen["id"], seen["incarnation"])
            self._seen[key] = seen
            if seen["phase"] == Phase.GONE:
                self.sets.pop(key, None)

    # What tests call.

    def want(self, *wanted: wire.Wanted, send: bool = True) -> None:
        """Change the list and tell the agent.

        :param send: False loses the message.
        """
        with self._changed:
            for one in wanted:
                self.sets[one.id, one.incarnation] = one
            message = {
                "host": "host",
                "base": self.version,
                "version": self.version + 1,
                "sets": [w.to_dict() for w in wanted],
            }
            self.version += 1
        if send and self.agent is not None:
            self.agent.assign(json.loads(json.dumps(message)))

    def forget(self, set_id: str) -> None:
        """Take a set from the list without a word (forced delete)."""
        with self._changed:
            for key in [k for k in self.sets if k[0] == set_id]:
                del self.sets[key]
            self.version += 1

    def seen(self, wanted: wire.Wanted) -> dict[str, Any]:
        """The last report of an incarnation."""
        with self._changed:
            return self._seen.get((wanted.id, wanted.incarnation), {})

    def wait(
        self, *sets: wire.Wanted, phase: Phase, timeout: float = 30.0
    ) -> None:
        """Until all are in a phase, reported under the revision wanted."""
        self.wait_for(
            lambda: all(
                (seen := self.seen(w)).get("phase") == phase
                and seen["revision"] == w.revision
                for w in sets
            ),
            timeout,
            lambda: [self.seen(w) for w in sets],
        )

    def wait_for(
        self, condition: Any, timeout: float = 30.0, told: Any = None
    ) -> None:
        """Until a condition on what was reported holds."""
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(
                    f"not within {timeout} s: {told() if told else ''}"
                )

    def happened(self, action: str) -> list[dict[str, Any]]:
        with self._changed:
            return [e for e in self.events.values() if e["action"] == action]

    def container(self, wanted: wire.Wanted, name: str) -> dict[str, Any]:
        """The last report of one container."""
        for there in self.seen(wanted).get("containers", ()):
            if there["name"] == name:
                return dict(there)
        return {}


def deleted(wanted: wire.Wanted) -> wire.Wanted:
    """The order to remove it, with all it needs."""
    return wire.Wanted(
        id=wanted.id,
        incarnation=wanted.incarnation,
        revision=wanted.revision + 1,
        desired=Desired.DELETED,
    )

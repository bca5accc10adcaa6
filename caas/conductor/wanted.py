"""What hosts are told of sets: rows into :class:`caas.model.wire.Wanted`."""

import dataclasses
import datetime
from typing import Any

from caas import pull
from caas.conductor.batch import Batch
from caas.conductor.settings import Network
from caas.core import changes
from caas.model import wire
from caas.model.containers import Asked
from caas.model.content import Member
from caas.model.sets import Set
from caas.model.states import Desired
from caas.store.claims import Told

_LAST_REVISION = 2**31 - 1


class Writer:
    """For one message; each image in it gets one token."""

    def __init__(self, network: Network, tokens: pull.Tokens) -> None:
        self._network = network
        self._tokens = tokens
        self._pulls: dict[str, wire.Pull] = {}

    def present(self, item: Set) -> wire.Wanted:
        """The present incarnation of a set, with its containers.

        Of a change for which nothing is claimed yet a host must not know: it
        is told what was wanted just before.

        :param item: with its containers.
        """
        revision, content = item.revision, item.content
        new: set[str] = set()
        if item.issued < item.change_revision:
            revision, content = item.change_revision - 1, item.before
        elif item.change_revision:
            new = changes.touched(item)
        asked = {c.id: c.asked for c in item.containers} | item.removed
        return wire.Wanted(
            id=item.id,
            incarnation=item.incarnation,
            revision=revision,
            desired=item.desired,
            project_id=item.project_id,
            name=item.name,
            hostname=item.hostname,
            restart_epoch=item.restart_epoch,
            grace_period=item.grace_period,
            resources=content.resources,
            nic=self._network.nic(item.address) if item.address else None,
            containers=tuple(
                self._container(
                    item,
                    member,
                    asked[member.id],
                    item.monitor if member.id in new else 0.0,
                )
                for member in content.members
            ),
            request_id=item.request_id,
            cpu_burst=content.cpu_burst,
            sysctls=item.sysctls,
        )

    def _container(
        self, item: Set, member: Member, asked: Asked, monitor: float
    ) -> wire.WantedContainer:
        return wire.WantedContainer(
            id=member.id,
            spec=member.spec,
            pull=self._pull(member.spec.image.id)
            if item.desired == Desired.RUNNING
            else None,
            **dataclasses.asdict(asked),
            monitor=monitor,
        )

    def removal(
        self, set_id: str, incarnation: int, item: Set | None
    ) -> wire.Wanted:
        """The end of one incarnation.

        One that was forgotten by force is not asked to end well.

        :param item: None if nothing is known of the set any more.
        """
        living = item is not None and item.deleted_at is None
        return wire.Wanted(
            id=set_id,
            incarnation=incarnation,
            # agents ignore what is older than what they know
            revision=item.revision if item else _LAST_REVISION,
            desired=Desired.DELETED,
            grace_period=item.grace_period if item and living else 0,
            request_id=item.request_id if item else "",
        )

    def _pull(self, image_id: str) -> wire.Pull:
        found = self._pulls.get(image_id)
        if found is None:
            found = self._pulls[image_id] = wire.Pull(
                image_id, self._tokens.issue(image_id)
            )
        return found


def assigns(
    writer: Writer,
    batch: Batch,
    placed: dict[str, str],
    current: dict[str, Set],
    told: dict[str, Told],
    alive_since: datetime.datetime,
) -> list[dict[str, Any]]:
    """One ``assign`` for each host that is up; others ask when they are back.

    :param placed: host ids of sets that were placed.
    :param current: the sets as they were written.
    :param told: hosts with the versions the batch began.
    """
    entries: dict[str, list[wire.Wanted]] = {}
    where = {i: [(current[i].incarnation, placed[i])] for i in placed}
    for set_id, claims in (where | batch.told).items():
        item = current.get(set_id)
        if item is None:
            # another conductor has it by now
            continue
        for incarnation, host_id in claims:
            if item.desired == Desired.DELETED:
                one = writer.removal(set_id, incarnation, item)
            else:
                one = writer.present(item)
            entries.setdefault(host_id, []).append(one)
    return [
        {
            "host": told[host_id].name,
            "base": told[host_id].version - 1,
            "version": told[host_id].version,
            "sets": [one.to_dict() for one in wanted],
        }
        for host_id, wanted in entries.items()
        if host_id in told and told[host_id].alive(alive_since)
    ]

"""What hosts are told of sets: rows into :class:`caas.model.wire.Wanted`."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from caas import pull
from caas.conductor.batch import Batch
from caas.conductor.settings import Network
from caas.core import changes
from caas.model import spec, wire
from caas.model.containers import Asked
from caas.model.content import Member
from caas.model.jobs import Commit, Job
from caas.model.sets import Set
from caas.model.states import Desired, Move, Shelved
from caas.store.claims import Told
from caas.store.set_inputs import Brief

_LAST_REVISION = 2**31 - 1
_NOTHING = Brief()


class Writer:
    """For one message; each image in it gets one token.

    :param jobs: of sets, by their id.
    :param handed: what was handed into sets, by their id.
    """

    def __init__(
        self,
        network: Network,
        tokens: pull.Tokens,
        jobs: Mapping[str, Sequence[Job]],
        handed: Mapping[str, Brief],
    ) -> None:
        self._network = network
        self._tokens = tokens
        self._jobs = jobs
        self._handed = handed
        self._pulls: dict[tuple[str, str], wire.Pull] = {}

    def present(self, item: Set) -> wire.Wanted:
        """The present incarnation of a set, with its containers.

        Of a change for which nothing is claimed yet a host must not know: it
        is told what was wanted just before.  So it is of one that returns.
        One that leaves is to be stopped.

        :param item: with its containers.
        """
        revision, content = item.revision, item.content
        desired = item.desired
        new: set[str] = set()
        if item.shelved == Shelved.RETURNING and item.issued < revision:
            desired, revision = Desired.STOPPED, revision - 1
        if item.leaving and item.move == Move.MIGRATE:
            desired = Desired.STOPPED
        if item.issued < item.change_revision:
            revision, content = item.change_revision - 1, item.before
        elif item.change_revision:
            new = changes.touched(item)
        asked = {c.id: c.asked for c in item.containers} | item.removed
        handed = self._handed.get(item.id, _NOTHING)
        return wire.Wanted(
            id=item.id,
            incarnation=item.incarnation,
            revision=revision,
            desired=desired,
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
            jobs=tuple(
                self._job(job, Commit.from_dict(job.arguments))
                for job in self._jobs.get(item.id, ())
                # of another one nothing is left
                if job.arguments["incarnation"] == item.incarnation
            ),
            metadata=item.metadata,
            key_name=item.key_name,
            public_key=handed.public_key,
            inputs=handed.digest,
        )

    def _job(self, job: Job, commit: Commit) -> wire.WantedJob:
        return wire.WantedJob(
            id=job.id,
            kind=job.kind.value,
            container=job.container_id,
            push=wire.Push(
                token=self._tokens.issue_push(
                    commit.repository,
                    commit.tag,
                    base=pull.Base(commit.base, commit.base_digest)
                    if commit.base
                    else None,
                    user_id=job.user_id,
                    project_id=commit.project_id,
                    job=job.id,
                ),
                repository=commit.repository,
                tag=commit.tag,
                base=commit.base,
            ),
            options={
                "message": commit.message,
                "author": commit.author,
                "pause": commit.pause,
                "changes": list(commit.changes),
            },
        )

    def _container(
        self, item: Set, member: Member, asked: Asked, monitor: float
    ) -> wire.WantedContainer:
        return wire.WantedContainer(
            id=member.id,
            spec=member.spec,
            pull=self._pull(member.spec.image)
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

    def _pull(self, image: spec.ImageRef) -> wire.Pull:
        what = image.repository, image.digest
        found = self._pulls.get(what)
        if found is None:
            found = self._pulls[what] = wire.Pull(
                self._tokens.issue(*what), *what
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
    where: dict[str, list[tuple[int, str]]] = {
        set_id: list(claims) for set_id, claims in batch.told.items()
    }
    for set_id, host_id in placed.items():
        where.setdefault(set_id, []).append(
            (current[set_id].incarnation, host_id)
        )
    for set_id, claims in where.items():
        item = current.get(set_id)
        if item is None:
            # another conductor has it by now
            continue
        for incarnation, host_id in claims:
            if item.desired == Desired.DELETED or (
                incarnation != item.incarnation
            ):
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

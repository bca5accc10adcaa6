"""What is told of a set: a report out of what is wanted and found.  Pure."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from caas.agent import actions as act
from caas.agent import health
from caas.agent.config import INFRA
from caas.agent.found import Book, Container, Fault, Found, ended, iso
from caas.agent.plan import Rules, restart_at
from caas.model import wire
from caas.model.spec import RestartPolicy
from caas.model.states import ContainerStatus, Desired, Health, Phase


def set_report(
    wanted: wire.Wanted,
    found: Found,
    phase: Phase,
    reason: str,
    *,
    received: float | None,
    rules: Rules,
    refused: str = "",
    verdicts: Mapping[str, str] = MappingProxyType({}),
    jobs: tuple[wire.JobReport, ...] = (),
) -> wire.SetReport:
    """:param received: when this revision arrived (s since the epoch).
    :param refused: why it cannot have the limits that are wanted.
    :param verdicts: why containers that were started count as failed.
    """
    containers: tuple[wire.ContainerReport, ...] = ()
    if phase != Phase.GONE and wanted.desired != Desired.DELETED:
        containers = (
            _infra(found),
            *(
                _business(
                    wanted,
                    container,
                    found,
                    rules,
                    verdicts.get(container.spec.name, ""),
                )
                for container in wanted.containers
            ),
        )
    return wire.SetReport(
        id=wanted.id,
        incarnation=wanted.incarnation,
        revision=wanted.revision,
        phase=phase,
        restart_epoch=found.epoch or 0,
        reason=reason,
        received_at=iso(received),
        ready_at=iso(found.ready) if phase == Phase.RUNNING else None,
        refused=refused,
        containers=containers,
        jobs=jobs,
    )


def _infra(found: Found) -> wire.ContainerReport:
    there = found.containers.get(INFRA)
    status = ContainerStatus.PENDING
    reason = ""
    if there is not None:
        status = _of_state(there)
        if status == ContainerStatus.EXITED:
            reason = ended(there)
    return _report("", INFRA, "infra", status, reason, there, Book())


def _business(
    wanted: wire.Wanted,
    container: wire.WantedContainer,
    found: Found,
    rules: Rules,
    verdict: str,
) -> wire.ContainerReport:
    name = container.spec.name
    there = found.containers.get(name)
    book = found.books.get(name, Book())
    fault = _permanent(wanted, container, found)
    reason = ""
    status = ContainerStatus.PENDING if there is None else _of_state(there)
    if fault is not None and there is not None and there.running:
        # the one before goes on; the one that is wanted cannot come
        verdict = verdict or fault.reason
    elif fault is not None:
        status, reason = ContainerStatus.FAILED, fault.reason
    elif there is not None and status == ContainerStatus.EXITED:
        reason = ended(there)
        status = _of_ended(
            there, book, container.spec.restart_policy, wanted, found, rules
        )
    report = _report(
        container.id, name, "business", status, reason, there, book
    )
    found_health = health.state(container.spec.health_check, there, book)
    if verdict and container.spec.health_check is not None:
        found_health = Health.UNHEALTHY
    if not reason and there is not None and found_health != Health.HEALTHY:
        reason = verdict or there.said
    return dataclasses.replace(
        report, health=found_health, verdict=verdict, reason=reason
    )


def _of_state(there: Container) -> ContainerStatus:
    if there.state == "paused":
        return ContainerStatus.PAUSED
    if there.running:
        return ContainerStatus.RUNNING
    if there.state == "created":
        return ContainerStatus.CREATED
    return ContainerStatus.EXITED


def _of_ended(
    there: Container,
    book: Book,
    policy: RestartPolicy,
    wanted: wire.Wanted,
    found: Found,
    rules: Rules,
) -> ContainerStatus:
    if (
        wanted.desired == Desired.RUNNING
        and book.round == found.round
        and restart_at(there, book, policy, rules) is not None
    ):
        return ContainerStatus.BACKOFF
    return ContainerStatus.EXITED


def _permanent(
    wanted: wire.Wanted, container: wire.WantedContainer, found: Found
) -> Fault | None:
    """What keeps this container from running until something changes."""
    for action, fault in found.faults.items():
        if not fault.permanent or fault.revision != wanted.revision:
            continue
        if (
            isinstance(action, act.Create | act.Start)
            and action.name == container.spec.name
        ):
            return fault
        if (
            isinstance(action, act.EnsureImage)
            and action.digest == container.spec.image.digest
        ):
            return fault
    return None


def _report(
    container_id: str,
    name: str,
    role: str,
    status: ContainerStatus,
    reason: str,
    there: Container | None,
    book: Book,
) -> wire.ContainerReport:
    return wire.ContainerReport(
        id=container_id,
        name=name,
        status=status,
        role=role,
        exit_code=there.exit_code if there else None,
        restarts=book.restarts,
        oom_killed=there.oom if there else False,
        started_at=iso(there.started) if there else None,
        finished_at=iso(there.finished) if there else None,
        runtime_id=there.id if there else None,
        reason=reason,
    )

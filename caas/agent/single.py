"""Single containers of a set: what is asked of one, and whether it does its
work.  Pure; parts of :func:`caas.agent.converge.converge`.
"""

from caas.agent import actions as act
from caas.agent import health
from caas.agent.found import ANY, Book, Container
from caas.agent.plan import Plan
from caas.model import wire
from caas.model.spec import HealthCheck


def asked(plan: Plan) -> act.Note | None:
    """What was asked of single containers, as far as it is to be noted."""
    for container in plan.target.containers:
        name = container.spec.name
        book = plan.found.books.get(name)
        there = plan.found.containers.get(name)
        if book is None or there is None:
            continue
        if book.epoch is None or book.member != container.id:
            return act.Meet(
                name,
                container.id,
                container.restart_epoch,
                container.signal_epoch,
            )
        if container.restart_epoch > book.epoch:
            return act.Again(name, container.restart_epoch)
        if container.signal_epoch > book.signal_epoch and not (
            there.running or plan.busy_with(name)
        ):
            return act.Signaled(name, container.signal_epoch)
        if plan.in_place(container):
            note = _trial(plan, container, there, book)
            if note is not None:
                return note
    return None


def _trial(
    plan: Plan, container: wire.WantedContainer, there: Container, book: Book
) -> act.Note | None:
    key = health.key(container)
    if book.key == ANY or (not key and (not book.key or book.proved)):
        return None
    if book.key != key:
        return act.Try(container.spec.name, key, plan.now)
    if not book.proved and health.shown(container, there, book, plan.now):
        return act.Prove(container.spec.name)
    return None


def waits_for(plan: Plan, container: wire.WantedContainer) -> str:
    """What an unproved container has to show yet."""
    there = plan.found.containers[container.spec.name]
    if container.spec.health_check is None:
        return f"has to run for {container.monitor:g} s"
    return (
        f"not healthy yet: {there.said}" if there.said else "not healthy yet"
    )


def rename(plan: Plan) -> None:
    """Containers that are to be called otherwise."""
    wanted = {c.id: c.spec.name for c in plan.target.containers}
    for name, there in plan.business():
        new = wanted.get(there.member, name)
        holder = plan.found.containers.get(new)
        if new == name or (holder and holder.member == there.member):
            # has it, or was left by a start of the one that has it
            continue
        plan.renames[name] = new
        if (
            new not in plan.found.containers
            and not plan.busy_with(name)
            and not plan.busy_with(new)
        ):
            plan.do(act.Rename(name, there.id, new))


def care(plan: Plan) -> list[str]:
    """Health, pauses and signals of what runs.

    :returns: what is to be said of those that are not well.
    """
    said = []
    for container in plan.target.containers:
        name = container.spec.name
        there = plan.found.containers.get(name)
        if (
            there is None
            or not plan.in_place(container)
            or plan.making_way(name)
        ):
            continue
        book = plan.found.books[name]
        if not plan.proved(container):
            _judge(plan, container, there, book)
        if not there.running:
            continue
        if (there.state == "paused") != container.paused:
            plan.do(act.Pause(name, container.paused))
        if container.signal_epoch > book.signal_epoch:
            plan.do(
                act.Signal(
                    name,
                    container.id,
                    container.signal_epoch,
                    container.signal,
                )
            )
        check = container.spec.health_check
        if check is None or container.paused:
            continue
        if health.ill(there, book):
            said.append(f"container {name} is unhealthy: {there.said}")
            if _heals(plan, container, check):
                plan.do(act.Stop(name, plan.target.grace_period))
                continue
        if not plan.found.doing(act.Probe, name):
            _probe(plan, name, check, there, book)
    return said


def _judge(
    plan: Plan, container: wire.WantedContainer, there: Container, book: Book
) -> None:
    verdict = health.verdict(
        container,
        there,
        book,
        plan.now,
        starts_again=plan.restarts_at(container) is not None,
    )
    if verdict:
        plan.verdicts[container.spec.name] = verdict
        plan.failed.append(verdict)
    elif there.running:
        plan.look_at(health.deadline(container, there, book))


def _heals(
    plan: Plan, container: wire.WantedContainer, check: HealthCheck
) -> bool:
    """Once it is stopped, its policy starts what has become unhealthy."""
    return (
        check.restart
        and plan.proved(container)
        and container.spec.restart_policy.name != "no"
    )


def _probe(
    plan: Plan, name: str, check: HealthCheck, there: Container, book: Book
) -> None:
    if there.started is None:
        return
    due = health.due(check, there, book)
    if plan.now < due <= plan.now + check.interval:
        plan.look_at(due)
    else:
        plan.do(act.Probe(name, there.started, check))

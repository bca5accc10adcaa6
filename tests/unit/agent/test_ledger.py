import random

from caas.agent import ledger
from caas.model import spec, wire
from caas.model.states import Desired, Phase


def wanted(set_id="a", incarnation=1, revision=1, desired=Desired.RUNNING):
    return wire.Wanted(
        id=set_id, incarnation=incarnation, revision=revision, desired=desired
    )


def reply(version, *sets):
    return {"version": version, "sets": [w.to_dict() for w in sets]}


def assign(base, version, *sets):
    return {
        "host": "h",
        "base": base,
        "version": version,
        "sets": [w.to_dict() for w in sets],
    }


def seen(w, phase):
    return wire.SetReport(
        id=w.id,
        incarnation=w.incarnation,
        revision=w.revision,
        phase=phase,
    )


def started(*sets, version=1):
    book = ledger.Ledger("h", 7)
    book.answer(book.next_report(), reply(version, *sets))
    return book


FACTS = wire.HostFacts(capacity=spec.Resources(2000, 1024, 10))


def test_a_run_starts_by_asking_for_the_full_list():
    book = ledger.Ledger("h", 7, zone="z", facts=FACTS, sets=[wanted()])
    assert not book.listed
    assert book.behind
    report = book.next_report()
    assert (report.boot, report.seq, report.version) == (7, 1, -1)
    assert (report.facts, report.zone) == (FACTS, "z")
    change = book.answer(report, reply(0))
    assert change == ledger.Change(frozenset({"a"}), full=True)
    assert book.listed
    assert not book.behind
    assert book.wanted("a") == []


def test_facts_are_sent_until_answered_and_again_on_change():
    book = ledger.Ledger("h", 1, facts=FACTS)
    assert book.next_report().facts == FACTS
    report = book.next_report()
    assert report.facts == FACTS
    book.answer(report, reply(0))
    assert book.next_report().facts is None
    book.set_facts(FACTS)
    assert book.next_report().facts is None
    changed = wire.HostFacts(capacity=spec.Resources(1, 1, 1))
    book.set_facts(changed)
    assert book.pending
    assert book.next_report().facts == changed


def test_assign_before_the_first_list_is_not_applied():
    book = ledger.Ledger("h", 1, sets=[wanted()])
    gone = wanted(revision=2, desired=Desired.DELETED)
    assert book.assign(assign(4, 5, gone)) == ledger.Change()
    assert book.wanted("a") == [wanted()]
    assert book.next_report().version == -1


def test_assign_in_step_is_applied():
    book = started(version=3)
    assert book.assign(assign(3, 4, wanted())).sets == {"a"}
    assert book.version == 4
    assert book.wanted("a") == [wanted()]
    assert not book.behind


def test_old_and_repeated_assigns_change_nothing():
    book = started(wanted(revision=2), version=3)
    message = assign(2, 3, wanted(revision=3))
    assert book.assign(message) == ledger.Change()
    message = assign(3, 4, wanted(revision=3))
    assert book.assign(message).sets == {"a"}
    assert book.assign(message) == ledger.Change()


def test_a_gap_makes_it_ask_for_the_full_list():
    book = started(version=3)
    assert book.assign(assign(4, 5, wanted())) == ledger.Change()
    assert book.behind
    report = book.next_report()
    assert report.version == 3
    book.answer(report, reply(5, wanted()))
    assert not book.behind
    assert book.wanted("a") == [wanted()]


def test_an_answer_older_than_what_is_known_is_dropped():
    book = started(version=3)
    report = book.next_report()
    book.assign(assign(3, 4, wanted()))
    change = book.answer(report, reply(3))
    assert change == ledger.Change()
    assert book.wanted("a") == [wanted()]


def test_never_back_to_an_older_revision():
    book = started(wanted(revision=5), version=3)
    book.assign(assign(3, 4, wanted(revision=4)))
    assert book.wanted("a")[0].revision == 5
    book.answer(book.next_report(), reply(4, wanted(revision=4)))
    assert book.wanted("a")[0].revision == 5


def test_books_started_anew_are_believed():
    book = started(wanted(), version=57)
    report = book.next_report()
    assert report.version == 57
    change = book.answer(report, reply(0))
    assert change.full
    assert book.version == 0
    assert book.wanted("a") == []
    assert not book.behind


def test_unanswered_reports_are_sent_again_with_what_is_newer():
    a, b = wanted("a"), wanted("b")
    book = started(a, b)
    assert book.observe(seen(a, Phase.STARTING))
    assert not book.observe(seen(a, Phase.STARTING))
    lost = book.next_report()
    assert [s.phase for s in lost.sets] == [Phase.STARTING]
    book.observe(seen(a, Phase.RUNNING))
    book.observe(seen(b, Phase.STARTING))
    again = book.next_report()
    assert again.seq == lost.seq + 1
    assert [(s.id, s.phase) for s in again.sets] == [
        ("a", Phase.RUNNING),
        ("b", Phase.STARTING),
    ]
    book.answer(again, {"version": 1, "sets": None})
    assert not book.pending
    assert book.next_report().sets == ()


def test_what_changed_while_a_report_was_on_its_way_stays_due():
    a = wanted()
    book = started(a)
    book.observe(seen(a, Phase.STARTING))
    report = book.next_report()
    book.observe(seen(a, Phase.RUNNING))
    book.answer(report, {"version": 1, "sets": None})
    assert [s.phase for s in book.next_report().sets] == [Phase.RUNNING]


def test_what_is_asked_about_again_is_told_again():
    a, b = wanted("a"), wanted("b")
    book = started(a, b)
    for w in (a, b):
        book.observe(seen(w, Phase.RUNNING))
    book.answer(book.next_report(), {"version": 1, "sets": None})
    assert book.assign(assign(1, 2, a)) == ledger.Change()
    assert [s.id for s in book.next_report().sets] == ["a"]


def test_books_started_anew_are_told_everything():
    a = wanted("a")
    book = started(a, version=57)
    book.observe(seen(a, Phase.RUNNING))
    report = book.next_report()
    book.answer(report, reply(3, a))
    assert [s.id for s in book.next_report().sets] == ["a"]


def test_gone_is_forgotten_once_answered():
    w = wanted(desired=Desired.DELETED)
    book = started(w)
    book.observe(seen(w, Phase.GONE))
    assert book.wanted("a") == [w]
    book.next_report()
    assert book.wanted("a") == [w]
    change = book.answer(book.next_report(), {"version": 1, "sets": None})
    assert change.sets == {"a"}
    assert book.wanted("a") == []
    assert not book.observe(seen(w, Phase.GONE))


def test_an_old_incarnation_is_forgotten_beside_the_new_one():
    old, new = wanted(desired=Desired.DELETED), wanted(incarnation=3)
    book = started(old, new)
    assert book.wanted("a") == [old, new]
    book.observe(seen(old, Phase.GONE))
    book.answer(book.next_report(), {"version": 1, "sets": None})
    assert book.wanted("a") == [new]


def test_reports_of_what_is_not_listed_are_dropped():
    w = wanted()
    book = started(w)
    book.observe(seen(w, Phase.RUNNING))
    book.assign(assign(1, 2))
    report = book.next_report()
    book.observe(seen(w, Phase.FAILED))
    book.answer(report, reply(3))
    assert book.next_report().sets == ()


def test_asking_for_fresh_tokens():
    book = started(wanted(), version=4)
    book.ask()
    assert book.behind
    report = book.next_report()
    assert report.version == -1
    book.answer(report, reply(4, wanted()))
    assert not book.behind
    assert book.next_report().version == 4


def test_events_are_kept_until_answered_and_bounded():
    book = started()
    for n in range(ledger.EVENTS_KEPT + 50):
        book.note(
            wire.AgentEvent(str(n), "a", "container.exited", "2026-01-01")
        )
    first = book.next_report()
    assert len(first.events) == ledger.EVENTS_SENT
    assert first.events[0].id == "50"
    assert book.next_report().events == first.events
    book.answer(first, {"version": 1, "sets": None})
    second = book.next_report()
    assert second.events[0].id == str(50 + ledger.EVENTS_SENT)


def test_any_order_of_messages_ends_with_the_last_list():
    """Loss, repeats and reordering; then one sync that gets through."""
    for seed in range(300):
        rng = random.Random(seed)
        truth: dict[str, wire.Wanted] = {}
        version = 0
        messages = []
        book = ledger.Ledger("h", 1)
        for _ in range(rng.randrange(1, 30)):
            name = rng.choice("abc")
            revision = truth[name].revision + 1 if name in truth else 1
            truth[name] = wanted(name, revision=revision)
            messages.append(assign(version, version + 1, truth[name]))
            version += 1
            while messages and rng.random() < 0.5:
                message = rng.choice(messages)
                if rng.random() < 0.5:
                    messages.remove(message)
                if rng.random() < 0.8:
                    book.assign(message)
            if rng.random() < 0.3:
                report = book.next_report()
                stale = report.version == version
                answer = {"version": version, "sets": None}
                if not stale:
                    answer = reply(version, *truth.values())
                if rng.random() < 0.7:
                    book.answer(report, answer)
        report = book.next_report()
        full = report.version != version
        book.answer(
            report,
            reply(version, *truth.values())
            if full
            else {"version": version, "sets": None},
        )
        got = {n: book.wanted(n)[-1] for n in book.sets}
        assert got == truth, f"seed {seed}"
        assert book.version == version, f"seed {seed}"
        assert not book.behind, f"seed {seed}"


def test_a_conductor_can_ask_for_the_facts_again():
    book = ledger.Ledger("h", 1, facts=FACTS)
    book.answer(book.next_report(), reply(0))
    report = book.next_report()
    assert report.facts is None
    book.answer(report, {"version": 0, "sets": None, "facts": True})
    assert book.pending
    assert book.next_report().facts == FACTS

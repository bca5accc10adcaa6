"""Entries, lines, and the last ones of them."""

import datetime
import json
import random

import pytest

from caas.agent.streams.lines import Entry, Joiner, Tail, fixed, parse
from caas.model.streams import Channel

OUT, ERR = Channel.STDOUT, Channel.STDERR


def entry(n: int, data: str, channel: Channel = OUT) -> Entry:
    return Entry(f"2026-01-01T00:00:00.{n:09d}Z", channel, data.encode())


def raw(*entries: Entry) -> bytes:
    return b"".join(
        json.dumps(
            {
                "log": e.data.decode(),
                "stream": e.channel.name.lower(),
                "time": e.at,
            },
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for e in entries
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000000000Z"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000000Z"),
        (
            "2026-01-31T12:00:00.123456789Z",
            "2026-01-31T12:00:00.123456789Z",
        ),
        ("2026-01-31T14:00:00.12+02:00", "2026-01-31T12:00:00.120000000Z"),
        ("2026-01-31T12:00:00", "2026-01-31T12:00:00.000000000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000000000Z"),
    ],
)
def test_times_can_be_compared(given, shown):
    assert fixed(given) == shown


@pytest.mark.parametrize("given", ["", "now", "12:00", "2026-13-01", "1h"])
def test_what_is_no_time(given):
    with pytest.raises(ValueError, match=r"\S"):
        fixed(given)


def test_entries_of_the_engine():
    found = parse(
        b'{"log":"a\\u0000\xc3\xa9\\ufffd\\n","stream":"stdout",'
        b'"time":"2026-01-01T00:00:00.1234Z"}\n'
        b'{"log":"b","stream":"stderr","attrs":{"x":"y"},'
        b'"time":"2026-01-01T00:00:01Z"}\n'
    )
    assert found == [
        Entry("2026-01-01T00:00:00.123400000Z", OUT, "a\0é\ufffd\n".encode()),
        Entry("2026-01-01T00:00:01.000000000Z", ERR, b"b"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        b"\0\0\0\0\n",
        b"{}\n",
        b"[]\n",
        b"1\n",
        b"\xff\xfe\n",
        b'{"log":1,"stream":"stdout","time":"2026-01-01T00:00:00.1Z"}\n',
        b'{"log":"x","stream":"stdin","time":"2026-01-01T00:00:00.1Z"}\n',
        b'{"log":"x","stream":"stdout","time":"never"}\n',
        b'{"log":"x","stream":"stdout","time":5}\n',
        b'{"log":"cut off ',
        b"\n\n",
    ],
)
def test_what_is_broken_is_left_out(broken):
    one, two = entry(1, "one\n"), entry(2, "two\n")
    assert parse(raw(one) + broken + raw(two)) == [one, two]


def test_parts_of_a_line_have_its_time():
    joiner = Joiner()
    first = joiner.take([entry(1, "a"), entry(2, "x\n", ERR)])
    then = joiner.take([entry(3, "b"), entry(4, "c\n"), entry(5, "d\n")])
    assert [(e.at[-2], e.data, e.continued) for e in first + then] == [
        ("1", b"a", False),
        ("2", b"x\n", False),
        ("1", b"b", True),
        ("1", b"c\n", True),
        ("5", b"d\n", False),
    ]


def test_another_container_continues_nothing():
    joiner = Joiner()
    joiner.take([entry(1, "a"), entry(2, "b\n", ERR)])
    assert joiner.begin() == [entry(1, "\n")._replace(continued=True)]
    assert not joiner.take([entry(2, "b\n")])[0].continued


def lines_of(entries):
    """The lines in order of their ends: where each ends, and its entries."""
    lines, opened = [], {}
    for index, e in enumerate(entries):
        if e.channel not in opened:
            lines.append([index])
            opened[e.channel] = lines[-1]
        opened[e.channel][0] = index
        opened[e.channel].append((e.channel, e.data))
        if e.data.endswith(b"\n"):
            del opened[e.channel]
    return [line[1:] for line in sorted(lines)]


def made(rng: random.Random, count: int) -> list[Entry]:
    """Lines of one to three parts on two channels, as one writer or two."""
    entries, opened = [], {OUT: 0, ERR: 0}
    while len(entries) < count:
        channel = rng.choice([OUT, OUT, ERR])
        n = len(entries)
        ends = rng.random() < 0.7 or opened[channel] == 2
        opened[channel] = 0 if ends else opened[channel] + 1
        entries.append(entry(n, f"{n}" + "\n" * ends, channel))
    return entries


@pytest.mark.parametrize("seed", range(200))
def test_the_last_lines_are_whole(seed):
    rng = random.Random(seed)
    entries = made(rng, rng.randrange(1, 60))
    since = entries[rng.randrange(len(entries))].at if seed % 3 == 0 else ""
    until = entries[rng.randrange(len(entries))].at if seed % 5 == 0 else ""
    wanted = rng.randrange(6)
    tail = Tail(wanted, since, until)
    start = len(entries)
    for index in reversed(range(len(entries))):
        took = tail.show(entries[index])
        if took is None:
            break
        if took:
            start = index
    got = Joiner(since, until, tail.skip).take(entries[start:])
    lines = lines_of(got)
    if not (since or until):
        assert lines == (lines_of(entries)[-wanted:] if wanted else [])
    else:
        assert len(lines) <= wanted
        assert all(since <= e.at for e in got)
        assert all(e.at <= until for e in got if until)


def test_zone_of_now():
    now = datetime.datetime.now(datetime.UTC)
    assert fixed(now.isoformat())[:19] == now.isoformat()[:19]

"""The queue between those who must not wait and a broker that may hang."""

import logging
import threading

import pytest

from caas.outbox import Outbox


class Receiver:
    """Takes what is sent, once it is let."""

    def __init__(self) -> None:
        self.got: list[int] = []
        self.open = threading.Event()
        self.called = threading.Semaphore(0)

    def send(self, items: list[int]) -> None:
        self.called.release()
        assert self.open.wait(30)
        if 13 in items:
            raise ValueError("unlucky")
        self.got += items


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_all_is_sent_in_order_and_together(receiver: Receiver) -> None:
    outbox = Outbox("test", receiver.send, batch=4)
    outbox.put([0])
    assert receiver.called.acquire(timeout=30)
    outbox.put(range(1, 10))
    receiver.open.set()
    outbox.stop(30)
    assert receiver.got == list(range(10))
    # the first, and then 4, 4 and 1
    assert receiver.called._value == 3
    assert outbox.dropped == 0


def test_the_oldest_are_dropped_and_counted(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox("test", receiver.send, most=3)
    outbox.put([0])
    assert receiver.called.acquire(timeout=30)
    for number in range(1, 6):
        outbox.put([number])
    assert outbox.dropped == 2
    receiver.open.set()
    outbox.stop(30)
    assert receiver.got == [0, 3, 4, 5]
    said = [r.getMessage() for r in caplog.records]
    assert said == [
        "test: 3 wait to be sent; the oldest are dropped from now on",
        "test: it goes on; 2 were dropped",
    ]


def test_an_error_ends_nothing(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox("test", receiver.send, batch=1)
    receiver.open.set()
    with caplog.at_level(logging.ERROR):
        outbox.put([12, 13, 14])
        outbox.stop(30)
    assert receiver.got == [12, 14]
    assert "1 were not sent" in caplog.text


def test_the_end_waits_for_nobody_who_hangs(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox("test", receiver.send, batch=1)
    outbox.put([1, 2])
    assert receiver.called.acquire(timeout=30)
    outbox.stop(0.01)
    assert "test: 1 were not sent" in caplog.text
    receiver.open.set()

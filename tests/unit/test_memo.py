"""Answers are remembered, and asked for once at a time."""

import threading

import pytest

from caas.memo import Memo


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_good_for_a_while() -> None:
    clock = Clock()
    asked: list[int] = []
    memo: Memo[str, int] = Memo(10, clock=clock)

    def ask() -> int:
        asked.append(1)
        return len(asked)

    assert [memo.get("a", ask), memo.get("a", ask)] == [1, 1]
    assert memo.get("b", ask) == 2
    clock.now = 10
    assert memo.get("a", ask) == 3
    memo.forget("a")
    assert memo.get("a", ask) == 4


def test_an_error_is_no_answer() -> None:
    memo: Memo[str, int] = Memo(10)

    def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        memo.get("a", fail)
    assert memo.get("a", lambda: 7) == 7


def test_the_oldest_go_when_there_are_many() -> None:
    memo: Memo[int, int] = Memo(10, size=3)
    for key in range(5):
        memo.get(key, lambda: 0)
    assert memo.get(4, lambda: 1) == 0
    assert memo.get(0, lambda: 1) == 1


def test_many_who_ask_at_once_are_one() -> None:
    memo: Memo[str, int] = Memo(10)
    entered, go = threading.Event(), threading.Event()
    asked: list[int] = []
    answers: list[int] = []

    def ask() -> int:
        asked.append(1)
        entered.set()
        assert go.wait(10)
        return 5

    threads = [
        threading.Thread(target=lambda: answers.append(memo.get("a", ask)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert (len(asked), answers) == (1, [5] * 8)


def test_what_is_forgotten_while_asked_for_is_not_kept() -> None:
    memo: Memo[str, int] = Memo(10)

    def ask() -> int:
        memo.forget("a")
        return 1

    assert memo.get("a", ask) == 1
    assert memo.get("a", lambda: 2) == 2

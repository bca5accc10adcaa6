import threading

import pytest

from caas.conductor.loop import Loop


class Work:
    """Notes batches; blocks in each until it is let go."""

    def __init__(self):
        self.batches = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.error = None

    def __call__(self, batch):
        self.batches.append(batch)
        self.begun.release()
        assert self.go.acquire(timeout=10)
        if self.error:
            raise self.error


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def loop(work):
    loop = Loop(work, 0.001)
    loop.start()
    yield loop
    work.go.release(100)
    loop.stop(10)


def test_what_comes_during_a_batch_is_gathered_and_done_once(loop, work):
    loop.look_again(["a"])
    assert work.begun.acquire(timeout=10)
    for ids in (["b"], ["a", "c"], ["b"]):
        loop.look_again(ids)
    work.go.release()
    assert work.begun.acquire(timeout=10)
    assert work.batches == [["a"], ["b", "a", "c"]]


def test_a_batch_has_a_limit(loop, work):
    loop.look_again(str(n) for n in range(450))
    for _ in range(3):
        assert work.begun.acquire(timeout=10)
        work.go.release()
    assert [len(batch) for batch in work.batches] == [200, 200, 50]


def test_an_error_ends_the_batch_only(loop, work):
    work.error = RuntimeError("boom")
    work.go.release()
    loop.look_again(["a"])
    assert work.begun.acquire(timeout=10)
    work.error = None
    loop.look_again(["b"])
    assert work.begun.acquire(timeout=10)
    assert work.batches[-1][-1] == "b"


def test_stop_waits_for_the_batch_and_begins_no_other(work):
    loop = Loop(work, 0)
    loop.start()
    loop.look_again(["a"])
    assert work.begun.acquire(timeout=10)
    loop.look_again(["b"])
    stopper = threading.Thread(target=loop.stop, args=(10,))
    stopper.start()
    work.go.release(2)
    stopper.join(10)
    assert not stopper.is_alive()
    assert not loop._thread.is_alive()
    assert work.batches[0] == ["a"]

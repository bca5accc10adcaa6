import threading
import time

import pytest

from caas.agent.pool import Pool


@pytest.fixture
def pool():
    pool = Pool(1)
    pool.start()
    yield pool
    pool.stop()


def test_the_lowest_number_first_equal_ones_in_order(pool):
    gate, done, order = threading.Event(), threading.Event(), []
    pool.submit(0, gate.wait)
    for priority, name in ((2, "c"), (1, "a"), (1, "b"), (3, "d")):
        pool.submit(priority, lambda name=name: order.append(name))
    pool.submit(4, done.set)
    gate.set()
    assert done.wait(10)
    assert order == ["a", "b", "c", "d"]


def test_timers_in_order_of_time(pool):
    done, order = threading.Event(), []
    now = time.monotonic()
    pool.later(0.2, lambda: (order.append(2), done.set()))
    pool.later(0.1, lambda: order.append(1))
    pool.later(-5, lambda: order.append(0))
    assert done.wait(10)
    assert order == [0, 1, 2]
    assert time.monotonic() >= now + 0.2


def test_a_job_that_fails_ends_no_thread(pool, caplog):
    done = threading.Event()
    pool.submit(0, lambda: 1 / 0)
    pool.submit(1, done.set)
    assert done.wait(10)
    assert "ZeroDivisionError" in caplog.text


def test_what_blocks_has_a_thread_of_its_own(pool):
    gate, done = threading.Event(), threading.Event()
    for _ in range(5):
        pool.spawn(gate.wait)
    pool.submit(0, done.set)
    assert done.wait(10)
    gate.set()

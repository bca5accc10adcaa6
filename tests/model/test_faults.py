"""Thousands of clouds with faults, all of which must come out well.

``CAAS_MODEL_SEEDS`` sets how many; ``CAAS_MODEL_SEED`` runs just one and
prints what happened in it.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from caas.store import engine, tables
from tests import conf
from tests.model.common import Broken
from tests.model.rules import LEFT_OUT
from tests.model.world import World

SEEDS = int(os.environ.get("CAAS_MODEL_SEEDS", "1000"))
ONLY = os.environ.get("CAAS_MODEL_SEED")

#: Seeds of one test, so that several processes can share the work.
CHUNK = 25

#: Seeds after which a rule that was left out must have been missed.
ENOUGH = 400


@pytest.fixture(scope="module")
def memory() -> Iterator[engine.Store]:
    """One database for all worlds; each begins by emptying it."""
    store = engine.Store(conf.database("sqlite://"))
    tables.metadata.create_all(store.engine)
    yield store
    store.engine.dispose()


def chunks() -> Iterator[Any]:
    """Coverage is measured once: it takes half as much time again."""
    for chunk in range(1 if ONLY is not None else -(-SEEDS // CHUNK)):
        marks = [pytest.mark.no_cover] if chunk else []
        yield pytest.param(chunk, marks=marks)


def seeds(chunk: int) -> range:
    if ONLY is not None:
        return range(int(ONLY), int(ONLY) + 1)
    return range(chunk * CHUNK, min((chunk + 1) * CHUNK, SEEDS))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", chunks())
def test_all_converge_and_no_rule_is_broken(
    memory: engine.Store, chunk: int
) -> None:
    failed = []
    for seed in seeds(chunk):
        # every other cloud has to do without the help of deadlines
        world = World(memory, seed, settle_timeout=(20, 1e6)[seed % 2])
        try:
            world.run()
        except Exception as error:
            failed.append((seed, error))
        if ONLY is not None:
            print("\n".join(world.log))
    assert not failed, (
        f"CAAS_MODEL_SEED={failed[0][0]} repeats the first of "
        f"{len(failed)}: {failed[:3]}"
    )


@pytest.mark.no_cover
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rule", LEFT_OUT)
def test_each_rule_is_needed(memory: engine.Store, rule: str) -> None:
    """And the simulation is able to fail."""
    left_out = LEFT_OUT[rule]
    for seed in range(ENOUGH):
        world = World(memory, seed, ledger=left_out.ledger, **left_out.world)
        try:
            with left_out.patch(world):
                world.run()
        except Broken:
            # it was for want of the rule
            return World(memory, seed, **left_out.world).run()
    pytest.fail(f"{ENOUGH} clouds did well without it")

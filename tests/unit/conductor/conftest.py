import pytest

from tests.unit.conductor.cloud import Cloud


@pytest.fixture
def cloud(store):
    return Cloud(store)

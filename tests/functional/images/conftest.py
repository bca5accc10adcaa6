from collections.abc import Callable

import pytest

from caas.store.engine import Store
from tests.functional.images import registry
from tests.functional.images.test_records import real
from tests.glance_server import GlanceServer


@pytest.fixture
def fake(store: Store) -> registry.Registry:
    """A registry on records in memory."""
    return registry.fake(store)


@pytest.fixture
def whole(
    store: Store, glance_servers: Callable[..., GlanceServer]
) -> registry.Registry:
    """One on a Glance with our filter."""
    return registry.Registry(store, *real(glance_servers(guard={})))

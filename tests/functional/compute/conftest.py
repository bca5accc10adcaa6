import pathlib
from collections.abc import Iterator

import pytest

from tests.functional.compute.driver import Compute
from tests.functional.service import Service
from tests.functional.whole import Whole


@pytest.fixture
def service(
    tmp_path: pathlib.Path,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Service]:
    """The API with flavors small and large."""
    made = Service(tmp_path, migrated_url, monkeypatch)
    made.flavor()
    made.flavor("large", memory_mb=128)
    yield made
    made.stop()


@pytest.fixture
def compute(service: Service) -> Compute:
    """The Nova-compatible API, with nothing behind it."""
    return Compute(service)


@pytest.fixture
def cloud(whole: Whole) -> Compute:
    """The same, with a host on which servers run."""
    whole.service.flavor("large", memory_mb=128)
    whole.host()
    return Compute(whole.service, whole)

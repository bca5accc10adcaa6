import pathlib
from collections.abc import Iterator

import pytest

from tests.functional.service import Service


@pytest.fixture
def service(
    tmp_path: pathlib.Path,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Service]:
    """The API with an image app:1 and a flavor small."""
    made = Service(tmp_path, migrated_url, monkeypatch)
    made.image("app:1")
    made.flavor()
    yield made
    made.stop()

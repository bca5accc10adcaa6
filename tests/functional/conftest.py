import pathlib
from collections.abc import Iterator

import pytest

from tests.functional.whole import Whole


@pytest.fixture
def whole(
    tmp_path: pathlib.Path,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Whole]:
    """With one conductor, no host, an image and a flavor."""
    made = Whole(tmp_path, migrated_url, monkeypatch)
    made.service.image("app:1")
    made.service.flavor()
    made.conductor()
    yield made
    made.stop()

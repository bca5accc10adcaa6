"""The API told as sequences of requests: see ``gabbits/*.yaml``."""

import pathlib
import unittest

import pytest
import yaml
from gabbi import handlers, suitemaker

from tests.functional.service import Service

FOLDER = pathlib.Path(__file__).parent.parent / "gabbits"
#: In Glance, not taken apart yet.
ARCHIVE = "0f2f0e0c-52bd-4b4f-9bb5-1de1a4b1a8f1"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_gabbit(service: Service, file: pathlib.Path) -> None:
    """One file is one test: its requests build on each other."""
    service.host("h1")
    service.image("app:2")
    service.image("twice:1")
    service.image("twice:1")
    service.glance.add("vm:1", container_format="bare")
    service.glance.add("archive:1", id=ARCHIVE, owner="p1")
    service.image("theirs:1", owner="p2")
    for tag in ("1", "2"):
        service.image_of(f"shop/web:{tag}")
    suite = suitemaker.test_suite_from_dict(
        unittest.TestLoader(),
        file.stem,
        yaml.safe_load(file.read_text(encoding="utf-8")),
        str(FOLDER),
        "caas.example",
        None,
        None,
        lambda: service.app,
        handlers=[handler() for handler in handlers.RESPONSE_HANDLERS],
    )
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun > 1
    wrong = [
        f"{type(test).__name__}: {trace.splitlines()[-1]}"
        for test, trace in result.errors + result.failures
    ]
    assert wrong == []

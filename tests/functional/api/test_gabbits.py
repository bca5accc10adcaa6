"""The API told as sequences of requests: see ``gabbits/*.yaml``."""

import pathlib
import unittest

import pytest
import yaml
from gabbi import handlers, suitemaker

from tests.functional.service import Service

FOLDER = pathlib.Path(__file__).parent.parent / "gabbits"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_gabbit(service: Service, file: pathlib.Path) -> None:
    """One file is one test: its requests build on each other."""
    service.host("h1")
    service.glance.add("app:2", b"two")
    service.glance.add("twice:1")
    service.glance.add("twice:1")
    service.glance.add("vm:1", container_format="bare")
    service.glance.add("theirs:1", owner="p2")
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

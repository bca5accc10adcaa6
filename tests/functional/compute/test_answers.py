"""That answers are held against their schemas here, and not where they need
not be."""

import pytest

from caas.api.compute.schemas import answers
from tests.functional.compute.driver import Compute


def _wrong(_minor: int) -> dict[str, str]:
    return {"type": "string"}


def test_answers_are_checked(
    compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute.ok("GET", "/limits")
    answers.of.cache_clear()
    monkeypatch.setitem(answers.ANSWERS, "GET /limits", _wrong)
    try:
        assert compute.ask("GET", "/limits").status_int == 500
        compute.service.reconfigure(api={"response_validation": "log"})
        compute.ok("GET", "/limits")
    finally:
        answers.of.cache_clear()

"""Nova's words for what the use cases say."""

import pytest

from caas import exception
from caas.api.compute import words

ID = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Set {ID} is locked", f"Instance {ID} is locked"),
        (
            f"The host of set {ID} is out.",
            f"The host of instance {ID} is out.",
        ),
        (f"Reset {ID}", f"Reset {ID}"),
        ("Set another.", "Set another."),
    ],
)
def test_a_set_is_an_instance(said, shown):
    assert words.of(exception.Conflict(said)) == shown


def test_quotas():
    error = exception.QuotaTooSmall(
        "",
        [
            exception.Lack("sets", 1, 10, 10),
            exception.Lack("millicpus", 1500, 2000, 3000),
            exception.Lack("disk_gb", 2_140_000_000, 0, 1000),
        ],
    )
    assert words.of(error) == (
        "Quota exceeded for instances, cores, disk_gb: Requested 1, 1.5, "
        "2140000000, but already used 10, 2, 0 of 10, 3, 1000 instances, "
        "cores, disk_gb"
    )

"""How an image was built, from what builders write."""

from typing import Any

import pytest

from caas.model.images import PlacedLayer
from caas.model.steps import instruction, steps


def _layer(name: str) -> PlacedLayer:
    return PlacedLayer(name, "", name, name, name, 1, 2)


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ('/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'),
        ("/bin/sh -c #(nop) ADD file:1 in / ", "ADD file:1 in /"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        (
            "RUN |2 A=1 B=2 /bin/sh -c make # buildkit",
            "RUN make",
        ),
        ("COPY . /srv # buildkit", "COPY . /srv"),
        ('ENTRYPOINT ["/run"]', 'ENTRYPOINT ["/run"]'),
        ("RUN a # buildkit # buildkit", "RUN a # buildkit"),
        ("", ""),
    ],
)
def test_lines(written: str, line: str) -> None:
    assert instruction(written) == line


def test_layers_stand_where_they_were_made() -> None:
    config = {
        "history": [
            {"created_by": "one", "created": "2026-01-01T00:00:00Z"},
            {"created_by": "env", "empty_layer": True, "comment": "c"},
            {"created_by": "two", "author": "Ann"},
        ]
    }
    found = steps(config, [_layer("1"), _layer("2"), _layer("3")])
    assert [(s.created_by, s.layer and s.layer.id) for s in found] == [
        ("one", "1"),
        ("env", None),
        ("two", "2"),
        ("", "3"),
    ]
    assert (found[0].created, found[1].comment, found[2].author) == (
        "2026-01-01T00:00:00Z",
        "c",
        "Ann",
    )
    assert steps(config, [])[2].layer is None


@pytest.mark.parametrize(
    "config",
    [{}, {"history": None}, {"history": 5}, {"history": [1, None, "a"]}],
)
def test_whatever_it_says(config: dict[str, Any]) -> None:
    assert [s.layer for s in steps(config, [_layer("1")])] == [_layer("1")]


def test_words_that_are_none() -> None:
    config = {"history": [{"created_by": 1, "created": {}, "author": None}]}
    [found] = steps(config, [])
    assert (found.created_by, found.created, found.author) == ("", "", "")

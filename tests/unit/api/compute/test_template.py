import json

import pytest

from caas import exception
from caas.api.compute import template

WEB = {"name": "web"}
LOG = {"name": "log", "image": "log:1", "index": 1, "cpu_percent": 10}


def parse(value):
    text = value if isinstance(value, str) else json.dumps(value)
    return template.parse(text, "shop:1", "The template")


def test_what_names_no_image_is_made_of_the_servers():
    made = parse({"containers": [LOG, WEB, {"name": "b", "index": 1}]})
    assert made.containers == [
        {**WEB, "image": "shop:1"},
        {"name": "b", "index": 1, "image": "shop:1"},
        LOG,
    ]
    assert made.sysctls == {}


def test_kernel_parameters():
    made = parse({"containers": [WEB], "sysctls": {"net.core.somaxconn": "9"}})
    assert made.sysctls == {"net.core.somaxconn": "9"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "65536 characters"),
        ("[" * 10_000, "is no JSON"),
        ("NaN", "the template: must be an object"),
        ("[]", "the template: must be an object"),
        ("{}", "containers missing"),
        ({"containers": []}, "containers"),
        ({"containers": [WEB] * 2}, "same name"),
        ({"containers": [WEB], "flavor": "x"}, "flavor"),
        ({"containers": [{}]}, "name missing"),
        ({"containers": [{**WEB, "nonsense": 1}]}, "nonsense"),
        ({"containers": [{**WEB, "cpu_percent": 101}]}, "cpu_percent"),
        ({"containers": [{**WEB, "builds": 1}]}, "builds"),
        ({"containers": [{**WEB, "index": -1}]}, "index"),
        ({"containers": [{**WEB, "mounts": [{"path": "/proc"}]}]}, "mounts"),
        ({"containers": [{**LOG, "index": 0}, WEB]}, "'log' is the first"),
        ({"containers": [WEB] + [LOG] * 32}, "containers"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_template(value, words):
    with pytest.raises(exception.BadRequest) as raised:
        parse(value)
    assert words in str(raised.value)
    assert str(raised.value).startswith("The template ")
    assert str(raised.value).endswith(".")

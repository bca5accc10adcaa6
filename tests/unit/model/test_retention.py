"""Which images go, and why."""

import datetime

from caas.model.images import Image
from caas.model.retention import Retention, Rule, plan

START = datetime.datetime(2026, 11, 20)


def _image(name: str, days: int) -> Image:
    repository, _, tag = name.partition(":")
    at = START - datetime.timedelta(days=days)
    return Image(
        id=name,
        tag_id=name,
        manifest_id="",
        namespace_id="",
        project_id="",
        namespace="ns",
        public=False,
        repository=repository,
        tag=tag,
        digest="",
        media_type="",
        artifact_type="",
        size=0,
        unpacked_size=0,
        top_layer_id="",
        problem="",
        published=True,
        user_id="",
        created_at=at,
        updated_at=at,
        deleted_at=None,
    )


def _going(
    images: dict[str, int],
    *rules: Rule,
    protect: tuple[str, ...] = (),
    used: tuple[str, ...] = (),
) -> list[str]:
    """:param images: days ago each was pushed."""
    made = [_image(name, days) for name, days in images.items()]
    found = plan(Retention(rules, protect), made, used, START)
    return [each.image.id for each in found]


WEB = {f"web:{n}": n for n in range(1, 6)}


def test_the_last_stay() -> None:
    images = WEB | {"api:1": 90}
    assert _going(images, Rule(keep_last=3)) == ["web:4", "web:5"]
    assert _going(images, Rule(keep_last=9)) == []
    assert _going(images, Rule("api", keep_last=1)) == []
    assert _going(images) == []


def test_both_conditions_have_to_hold() -> None:
    assert _going(WEB, Rule(older_than_days=3)) == ["web:4", "web:5"]
    assert _going(WEB, Rule(keep_last=4, older_than_days=3)) == ["web:5"]
    assert _going(WEB, Rule(keep_last=1, older_than_days=4)) == ["web:5"]


def test_what_a_rule_is_not_about_does_not_count() -> None:
    images = {"web:v1": 1, "web:a": 2, "web:b": 3, "web:c": 4, "x/web:a": 9}
    assert _going(images, Rule("web", keep_last=1, keep_tags=("v*",))) == [
        "web:b",
        "web:c",
    ]
    assert _going(images, Rule(tag="[ab]", keep_last=1)) == ["web:b"]
    assert _going(images, Rule("*web", older_than_days=3)) == [
        "web:c",
        "x/web:a",
    ]


def test_what_stays_whatever_rules_say() -> None:
    rule = Rule(older_than_days=1)
    assert _going(WEB, rule, protect=("web:[23]",)) == ["web:4", "web:5"]
    assert _going(WEB, rule, used=("web:5",), protect=("web:[23]",)) == [
        "web:4"
    ]
    assert _going(WEB, rule, protect=("*",)) == []


def test_why() -> None:
    images = [_image(name, days) for name, days in WEB.items()]
    rules = (
        Rule("api", keep_last=1),
        Rule(tag="[1-9]", keep_last=4, older_than_days=3),
    )
    [found] = plan(Retention(rules), images, (), START)
    assert found.reason == (
        "Rule 2: not among the 4 newest of the tags [1-9] and pushed 5 days "
        "ago, which is more than 3."
    )


def test_written_and_read() -> None:
    rules = Retention((Rule("a/*", "v*", 3, 7, ("x",)), Rule()), ("a:b",))
    assert Retention.from_dict(rules.to_dict()) == rules
    assert Retention.from_dict({}) == Retention()
    assert Retention.from_dict({"rules": [{"keep_last": 1, "new": 1}]}) == (
        Retention((Rule(keep_last=1),))
    )

"""Retention: which images of a namespace go by themselves, and when.

Pure: what is to go, and why, follows from rules, images and the time.
"""

import dataclasses
import datetime
import fnmatch
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from caas.model.images import Image
from caas.model.spec import pick


@dataclasses.dataclass(frozen=True)
class Rule:
    """Images go that are older than ``older_than_days`` *and* not among the
    ``keep_last`` newest of their repository; at least one of both is set.

    Patterns are those of a shell, of the whole text, ``*`` for ``/`` as well.

    :ivar repository: pattern; without the namespace.
    :ivar tag: pattern of the tags it is about; others neither go nor count.
    :ivar keep_tags: patterns of tags that it is not about either.
    """

    repository: str = "*"
    tag: str = "*"
    keep_last: int | None = None
    older_than_days: int | None = None
    keep_tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Retention:
    """:ivar protect: patterns of ``repository:tag`` no rule is about."""

    rules: tuple[Rule, ...] = ()
    protect: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Retention":
        return cls(
            tuple(
                pick(
                    Rule,
                    {**rule, "keep_tags": tuple(rule.get("keep_tags") or ())},
                )
                for rule in data.get("rules") or ()
            ),
            tuple(data.get("protect") or ()),
        )


@dataclasses.dataclass(frozen=True)
class Going:
    """:ivar reason: which rule wants it to go, as a sentence."""

    image: Image
    reason: str


def plan(
    retention: Retention,
    images: Iterable[Image],
    used: Collection[str],
    now: datetime.datetime,
) -> list[Going]:
    """What is to go, in the order of its names.

    :param images: all of one namespace that are not in the recycle bin.
    :param used: ids of those that sets use; they stay.
    """
    images = [
        image
        for image in images
        if not _matches(f"{image.repository}:{image.tag}", retention.protect)
    ]
    going: dict[str, Going] = {}
    for number, rule in enumerate(retention.rules, 1):
        for image, why in _rule(rule, images, now):
            going.setdefault(image.id, Going(image, f"Rule {number}: {why}."))
    return sorted(
        (each for each in going.values() if each.image.id not in used),
        key=lambda each: each.image.name,
    )


def _rule(
    rule: Rule, images: Sequence[Image], now: datetime.datetime
) -> Iterable[tuple[Image, str]]:
    repositories = defaultdict(list)
    for image in images:
        if (
            fnmatch.fnmatchcase(image.repository, rule.repository)
            and fnmatch.fnmatchcase(image.tag, rule.tag)
            and not _matches(image.tag, rule.keep_tags)
        ):
            repositories[image.repository].append(image)
    for found in repositories.values():
        found.sort(key=lambda each: (each.updated_at, each.id), reverse=True)
        for image in found[rule.keep_last or 0 :]:
            days = (now - image.updated_at).days
            if rule.older_than_days is not None and (
                now - image.updated_at
                <= datetime.timedelta(days=rule.older_than_days)
            ):
                continue
            yield image, _why(rule, days)


def _why(rule: Rule, days: int) -> str:
    said = []
    if rule.keep_last is not None:
        of = "" if rule.tag == "*" else f" of the tags {rule.tag}"
        said.append(f"not among the {rule.keep_last} newest{of}")
    if rule.older_than_days is not None:
        said.append(
            f"pushed {days} days ago, which is more than "
            f"{rule.older_than_days}"
        )
    return " and ".join(said)


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)

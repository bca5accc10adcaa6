"""What a project, or the whole cloud, demands of images.

Both have a policy; an image has to satisfy both, so that a project cannot
weaken what the cloud demands.
"""

import dataclasses
import enum
import fnmatch
from collections.abc import Mapping
from typing import Any

#: What a rule is that neither policy says anything of.
RULES: Mapping[str, str] = {
    "latest": "off",
    "secrets": "warn",
    "env_quotes": "warn",
    "root_user": "warn",
    "latest_base": "warn",
    "many_processes": "warn",
    "add_url": "warn",
    "no_healthcheck": "off",
}

#: Key of the cloud's own policy, where others have the id of a project.
CLOUD = ""

_MB = 1 << 20


class Level(enum.StrEnum):
    """What becomes of an image that breaks a rule."""

    OFF = "off"
    WARN = "warn"
    REFUSE = "refuse"


@dataclasses.dataclass(frozen=True)
class Policy:
    """:ivar bases: patterns of images; one has to stand on one of them.
    :ivar sources: patterns of repositories sets may use images of.
    :ivar max_size_mb: MiB of all layers as stored.
    :ivar max_layer_mb: MiB of one layer as stored.
    :ivar rules: levels of :data:`RULES`.
    :ivar keys: public keys, PEM; one of them has to have signed an image.
    """

    bases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    max_size_mb: int | None = None
    max_layer_mb: int | None = None
    max_layers: int | None = None
    rules: Mapping[str, Level] = dataclasses.field(default_factory=dict)
    keys: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "bases": list(self.bases),
            "sources": list(self.sources),
            "max_size_mb": self.max_size_mb,
            "max_layer_mb": self.max_layer_mb,
            "max_layers": self.max_layers,
            "rules": {name: str(level) for name, level in self.rules.items()},
            "keys": list(self.keys),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Policy":
        return cls(
            bases=tuple(data.get("bases") or ()),
            sources=tuple(data.get("sources") or ()),
            max_size_mb=data.get("max_size_mb"),
            max_layer_mb=data.get("max_layer_mb"),
            max_layers=data.get("max_layers"),
            rules={
                name: Level(level)
                for name, level in (data.get("rules") or {}).items()
            },
            keys=tuple(data.get("keys") or ()),
        )


@dataclasses.dataclass(frozen=True)
class Both:
    """The policies an image has to satisfy."""

    project: Policy = Policy()
    cloud: Policy = Policy()

    def each(self) -> tuple[tuple[str, Policy], ...]:
        """With whose it is."""
        return ("project", self.project), ("cloud", self.cloud)

    def level(self, rule: str) -> tuple[Level, str]:
        """How severe a rule is, and whose word that is: "" for nobody's.

        A project may turn off what the cloud warns of, not what it refuses.
        """
        said = self.cloud.rules.get(rule)
        if said == Level.REFUSE:
            return said, "cloud"
        if (own := self.project.rules.get(rule)) is not None:
            return own, "project"
        if said is not None:
            return said, "cloud"
        return Level(RULES[rule]), ""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something about an image that is not as it should be.

    :ivar rule: of :data:`RULES`, or ``bases``, ``sources``, ``max_...``.
    :ivar message: a sentence.
    :ivar by: whose policy it is, ``project`` or ``cloud``; "" for what is
        said of all images.
    """

    rule: str
    level: Level
    message: str
    by: str


@dataclasses.dataclass(frozen=True)
class Facts:
    """What policies look at.

    :ivar repository: ``namespace/repository``.
    :ivar tag: the one it is pushed with or called by, or "".
    :ivar layers: bytes of each as stored.
    :ivar config: of the image, as it was pushed: nothing in it is certain.
    """

    repository: str
    tag: str
    layers: tuple[int, ...]
    config: Mapping[str, Any]
    annotations: Mapping[str, str]


def limits(facts: Facts, both: Both) -> list[Finding]:
    """What is too big."""
    found = []
    for by, policy in both.each():
        for rule, limit, has, what in (
            ("max_size_mb", policy.max_size_mb, sum(facts.layers), "layers"),
            (
                "max_layer_mb",
                policy.max_layer_mb,
                max(facts.layers, default=0),
                "largest layer",
            ),
        ):
            if limit is not None and has > limit * _MB:
                verb = "have" if what == "layers" else "has"
                found.append(
                    Finding(
                        rule,
                        Level.REFUSE,
                        f"Its {what} {verb} {has / _MB:.1f} MiB; {limit} MiB "
                        "are the most.",
                        by,
                    )
                )
        if policy.max_layers is not None:
            count = len(facts.layers)
            if count > policy.max_layers:
                found.append(
                    Finding(
                        "max_layers",
                        Level.REFUSE,
                        f"It has {count} layers; {policy.max_layers} are the "
                        "most.",
                        by,
                    )
                )
    return found


def sources(repository: str, both: Both) -> list[Finding]:
    """Whether sets may use what is in a repository."""
    return [
        Finding(
            "sources",
            Level.REFUSE,
            f"Images of {repository} are not for sets; only those of "
            f"{', '.join(policy.sources)} are.",
            by,
        )
        for by, policy in both.each()
        if policy.sources
        and not any(
            fnmatch.fnmatchcase(repository, pattern)
            for pattern in policy.sources
        )
    ]


def names(pattern: str, repository: str, tag: str) -> bool:
    """Whether a pattern of images is about one.

    :param pattern: as of a shell; without a tag for any.
    """
    whole = ":" in pattern.rpartition("/")[2]
    return fnmatch.fnmatchcase(
        f"{repository}:{tag}" if whole else repository, pattern
    )

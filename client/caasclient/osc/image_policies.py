"""openstack caas image policy ..."""

import argparse
import pathlib
from collections.abc import Sequence
from typing import Any

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions

from caasclient.osc import base
from caasclient.sdk import image_policies

RULES = (
    *("latest", "secrets", "env_quotes", "root_user", "latest_base"),
    *("many_processes", "add_url", "no_healthcheck"),
)
LEVELS = ("off", "warn", "refuse")

#: Options -> limits.
LIMITS = {
    "max-size": "max_size_mb",
    "max-layer-size": "max_layer_mb",
    "max-layers": "max_layers",
}
_LISTS = ("bases", "sources", "keys")


def _rule(text: str) -> tuple[str, str]:
    rule, _, level = text.partition("=")
    if rule not in RULES or level not in LEVELS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not RULE=LEVEL, with the rule one of "
            f"{', '.join(RULES)} and the level one of {', '.join(LEVELS)}"
        )
    return rule, level


def _key(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except (OSError, UnicodeDecodeError) as e:
        raise exceptions.CommandError(
            f"{path!r} cannot be read as a key: {e}"
        ) from e


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number above 0"
        )
    return int(text)


def _value(value: Any) -> str:
    if isinstance(value, list):
        # keys are long, and differ in their middle
        return ", ".join(" ".join(each.split()) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in sorted(value.items()))
    return "" if value is None else str(value)


def _add_demands(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base",
        metavar="<image>",
        action="append",
        help="An image others have to be built on: NAMESPACE/REPOSITORY:TAG, "
        "without a tag for any, with * in it, or NAMESPACE/REPOSITORY@DIGEST "
        "(repeat for one of several)",
    )
    parser.add_argument(
        "--source",
        metavar="<pattern>",
        action="append",
        help="NAMESPACE/REPOSITORY, also with *, that sets may use images "
        "of, and of no other (repeat for several)",
    )
    for option, what in (
        ("max-size", "MiB of all layers as stored"),
        ("max-layer-size", "MiB of one layer as stored"),
        ("max-layers", "layers"),
    ):
        parser.add_argument(
            f"--{option}",
            metavar="<number>",
            type=_positive,
            help=f"Most {what}",
        )
    parser.add_argument(
        "--key",
        metavar="<file>",
        action="append",
        help="A public key, as cosign.pub, sets are made of images that were "
        "signed with (repeat for one of several)",
    )
    parser.add_argument(
        "--rule",
        metavar="<rule>=<level>",
        type=_rule,
        action="append",
        help=f"What becomes of images that break a rule; rules: "
        f"{', '.join(RULES)}; levels: {', '.join(LEVELS)} (repeatable)",
    )


def _demands(args: argparse.Namespace) -> dict[str, Any]:
    """Those that were given."""
    given: dict[str, Any] = {
        "bases": args.base,
        "sources": args.source,
        "keys": [_key(path) for path in args.key] if args.key else None,
        "rules": dict(args.rule) if args.rule else None,
    }
    for option, limit in LIMITS.items():
        given[limit] = getattr(args, option.replace("-", "_"))
    return {key: value for key, value in given.items() if value is not None}


class _OnProject(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--project",
            metavar="<project>",
            help="Name or id (default: your own)",
        )
        where.add_argument(
            "--cloud",
            action="store_true",
            help="What is demanded of the images of all projects "
            "(administrators)",
        )
        return parser

    def find(self, args: argparse.Namespace) -> image_policies.ImagePolicy:
        try:
            return self.caas.get_image_policy(self.named(args))
        except sdk_exceptions.NotFoundException as e:
            raise exceptions.CommandError(
                "There is no such project whose image policy you may see."
            ) from e

    def named(self, args: argparse.Namespace) -> str | None:
        if args.cloud:
            return image_policies.CLOUD
        return self.project_id(args.project) if args.project else None


def _shown(
    policy: image_policies.ImagePolicy,
) -> tuple[Sequence[str], Sequence[tuple[str, str, str]]]:
    cloud = policy.cloud or {}
    return ("Demand", "Value", "Of the cloud"), [
        (name, _value(value), _value(cloud.get(name)))
        for name, value in policy.content().items()
    ]


class ShowImagePolicy(_OnProject, base.Lister):
    """Show what is demanded of images, by a project and by the cloud."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        return _shown(self.find(parsed_args))


class SetImagePolicy(_OnProject, base.Lister):
    """Demand something of images; what is not named stays as it is.

    Images that do not satisfy it are refused from now on when they are
    pushed, tagged or imported, and for new sets; sets there are go on.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_demands(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        given = _demands(parsed_args)
        if not given:
            raise exceptions.CommandError(
                "Give at least one of --base, --source, --key, --rule, "
                f"{', '.join(f'--{option}' for option in LIMITS)}."
            )
        policy = self.find(parsed_args)
        content = policy.content()
        rules = {**content["rules"], **given.pop("rules", {})}
        content = {**content, **given, "rules": rules}
        return _shown(
            self.caas.update_image_policy(self.named(parsed_args), **content)
        )


class UnsetImagePolicy(_OnProject):
    """Demand something of images no more; everything if nothing is named."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        for name in (*_LISTS, *LIMITS):
            parser.add_argument(
                f"--{name}", action="store_true", help=f"The {name}"
            )
        parser.add_argument(
            "--rule",
            metavar="<rule>",
            choices=RULES,
            action="append",
            help=f"A rule: one of {', '.join(RULES)} (repeatable)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        gone: dict[str, Any] = {
            name: [] for name in _LISTS if getattr(parsed_args, name)
        }
        for option, limit in LIMITS.items():
            if getattr(parsed_args, option.replace("-", "_")):
                gone[limit] = None
        project = self.named(parsed_args)
        if not gone and not parsed_args.rule:
            self.caas.delete_image_policy(project)
            return
        content = {**self.find(parsed_args).content(), **gone}
        for rule in parsed_args.rule or ():
            content["rules"].pop(rule, None)
        self.caas.update_image_policy(project, **content)


class CheckImagePolicy(_OnProject, base.Lister):
    """Show what the image policies have against an image.

    With demands, as if the project made these and no others. Fails if no set
    can be made of the image.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "image", metavar="<image>", help="As in a set: name or id"
        )
        _add_demands(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        checked = self.caas.check_image_policy(
            parsed_args.image,
            self.named(parsed_args),
            _demands(parsed_args) or None,
        )
        self._allowed = bool(checked["allowed"])
        return ("Rule", "Level", "Policy of", "Message"), [
            (each["rule"], each["level"], each["by"], each["message"])
            for each in checked["findings"]
        ]

    def run(self, parsed_args: argparse.Namespace) -> int:
        code = super().run(parsed_args)
        return code or (0 if self._allowed else 1)

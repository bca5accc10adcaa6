"""openstack caas image retention ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from caasclient.osc import base, columns
from caasclient.osc.namespaces import OnNamespace

SHOW = columns.fields(
    "namespace",
    "rules",
    "protect",
    "updated_at",
    rules=columns.Rules,
    protect=columns.Lines,
    updated_at=columns.Time,
)

_KEYS = {
    "repository": ("repository", str),
    "tag": ("tag", str),
    "keep-last": ("keep_last", int),
    "older-than": ("older_than_days", int),
    "keep-tag": ("keep_tags", str),
}


def rule(text: str) -> dict[str, Any]:
    """``<key>=<value>[,<key>=<value>...]``"""
    found: dict[str, Any] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or key not in _KEYS:
            raise argparse.ArgumentTypeError(
                f"{part!r} is none of {', '.join(f'{k}=' for k in _KEYS)}"
            )
        name, kind = _KEYS[key]
        try:
            said = kind(value)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{value!r} in {part!r} is not a whole number"
            ) from None
        if name == "keep_tags":
            found.setdefault(name, []).append(said)
        elif name in found:
            raise argparse.ArgumentTypeError(f"{key}= is given twice")
        else:
            found[name] = said
    return found


class ShowRetention(OnNamespace, base.ShowOne):
    """Show which images of a namespace are removed by themselves."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        found = self.caas.get_retention(parsed_args.namespace)
        return columns.record(SHOW, found)


class _WithRules(OnNamespace):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--rule",
            metavar="<key>=<value>[,...]",
            type=rule,
            action="append",
            dest="rules",
            help="What is removed (repeat for several): keys keep-last (so "
            "many of each repository stay), older-than (days; only what was "
            "pushed longer ago goes), and which images it is about: "
            "repository, tag, keep-tag (those not), each a pattern as in a "
            "shell",
        )
        parser.add_argument(
            "--protect",
            metavar="<repository>:<tag>",
            action="append",
            default=[],
            help="Pattern of what no rule removes (repeat for several)",
        )
        return parser


class SetRetention(_WithRules, base.ShowOne):
    """Set which images of a namespace are removed by themselves (managers).

    All rules there were are replaced; without --rule there are none any more.
    """

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        found = self.caas.update_retention(
            args.namespace, args.rules or [], args.protect
        )
        return columns.record(SHOW, found)


class PreviewRetention(_WithRules, base.Lister):
    """List what would be removed now, and why: by the rules there are, or by
    those that are given, which are not kept."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        args = parsed_args
        found = self.caas.preview_retention(
            args.namespace, args.rules, args.protect
        )
        self.app.stderr.write(
            f"{columns.Bytes(found['frees'])} would be free in the end.\n"
        )
        return ("Name", "Size", "Updated At", "Reason"), (
            [
                columns.Plain(each["name"]),
                columns.Bytes(each["size"]),
                columns.Time(each["updated_at"]),
                columns.Plain(each["reason"]),
            ]
            for each in found["images"]
        )

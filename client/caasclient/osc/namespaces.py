"""openstack caas namespace ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from osc_lib import exceptions

from caasclient.osc import base, columns

LIST: list[columns.Column] = [
    ("Name", "name", columns.Plain),
    ("Public", "public", columns.Plain),
    ("Project ID", "project_id", columns.Plain),
    ("Description", "description", columns.Plain),
]
SHOW = columns.fields(
    "id",
    "name",
    "description",
    "public",
    "project_id",
    "created_at",
    created_at=columns.Time,
)


class CreateNamespace(base.ShowOne):
    """Create a namespace for images; its name is unique in the cloud."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<name>")
        parser.add_argument("--description", metavar="<text>")
        parser.add_argument(
            "--public",
            action="store_true",
            help="Let everybody pull (managers)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        attrs: dict[str, Any] = {"name": parsed_args.name}
        if parsed_args.description is not None:
            attrs["description"] = parsed_args.description
        if parsed_args.public:
            attrs["public"] = True
        return columns.record(SHOW, self.caas.create_namespace(**attrs))


class ListNamespace(base.Lister):
    """List the namespaces you may pull from."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument(
            "--mine",
            action="store_true",
            help="Only those your project owns",
        )
        whose.add_argument(
            "--all-projects",
            action="store_true",
            help="Of all projects (administrators)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        query: dict[str, Any] = {"sort_key": "name", "sort_dir": "asc"}
        if parsed_args.mine:
            query["project_id"] = self.caas.get_project_id()
        if parsed_args.all_projects:
            query["all_projects"] = True
        return columns.table(LIST, self.caas.namespaces(**query))


class OnNamespace(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "namespace", metavar="<namespace>", help="Name or id"
        )
        return parser


class ShowNamespace(OnNamespace, base.ShowOne):
    """Show a namespace."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(
            SHOW, self.caas.get_namespace(parsed_args.namespace)
        )


class SetNamespace(OnNamespace, base.ShowOne):
    """Change the description of a namespace, or who may pull."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--description", metavar="<text>")
        public = parser.add_mutually_exclusive_group()
        public.add_argument(
            "--public",
            action="store_true",
            default=None,
            help="Let everybody pull (managers)",
        )
        public.add_argument(
            "--private",
            action="store_false",
            dest="public",
            help="Let only its project and its members pull (managers)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        attrs = {
            key: value
            for key in ("description", "public")
            if (value := getattr(parsed_args, key)) is not None
        }
        if not attrs:
            raise exceptions.CommandError(
                "Give at least one of --description, --public, --private."
            )
        found = self.caas.update_namespace(parsed_args.namespace, **attrs)
        return columns.record(SHOW, found)


class DeleteNamespace(base.Command):
    """Delete empty namespaces."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "namespaces",
            metavar="<namespace>",
            nargs="+",
            help="Name or id (several)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        names = parsed_args.namespaces
        _, errors = base.attempt(
            names,
            lambda name: self.caas.delete_namespace(
                name, ignore_missing=False
            ),
        )
        base.complain(errors, len(names), "namespaces could not be deleted")


class ListMember(OnNamespace, base.Lister):
    """List the projects that may pull from a namespace or push to it."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        found = self.caas.namespace_members(parsed_args.namespace)
        return ("Project ID", "Role"), (
            (each["project_id"], each["role"]) for each in found
        )


class _OnMember(OnNamespace):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "project", metavar="<project>", help="Name or id of a project"
        )
        return parser


class AddMember(_OnMember):
    """Let another project pull from a namespace, or push to it (managers)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--role",
            choices=("pull", "push"),
            default="pull",
            help="push includes pull (default pull)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.caas.add_namespace_member(
            parsed_args.namespace,
            self.project_id(parsed_args.project),
            parsed_args.role,
        )


class RemoveMember(_OnMember):
    """Let a project do so no longer (managers)."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.caas.remove_namespace_member(
            parsed_args.namespace, self.project_id(parsed_args.project)
        )

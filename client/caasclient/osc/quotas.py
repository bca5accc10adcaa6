"""openstack caas quota ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions

from caasclient.osc import base, flavors
from caasclient.sdk import quotas

#: Option -> resource.
LIMITS = {
    "sets": "sets",
    "containers": "containers",
    "vcpus": "vcpus",
    "memory": "memory_mb",
    "disk": "disk_gb",
    "images": "images_mb",
    "server-groups": "server_groups",
    "server-group-members": "server_group_members",
}


def shown(quota: quotas.Quota) -> tuple[Sequence[str], Any]:
    return ("Resource", "Limit", "Used"), [
        (name, each["limit"], each["used"])
        for name, each in sorted(quota.resources.items())
    ]


class _OnProject(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "project",
            metavar="<project>",
            nargs="?",
            help="Name or id (default: your own)",
        )
        return parser

    def find(self, args: argparse.Namespace) -> str | None:
        return self.project_id(args.project) if args.project else None


class ShowQuota(_OnProject, base.Lister):
    """Show the limits of a project (-1: none) and what it uses."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        try:
            return shown(self.caas.get_quota(self.find(parsed_args)))
        except sdk_exceptions.NotFoundException as e:
            raise exceptions.CommandError(
                f"There is no project {parsed_args.project!r} whose quota "
                "you may see."
            ) from e


class SetQuota(_OnProject, base.Lister):
    """Set limits of a project (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        for option, resource in LIMITS.items():
            parser.add_argument(
                f"--{option}",
                metavar="<limit>",
                type=flavors.number,
                help=f"Limit of {resource}, -1 for none",
            )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        limits = {
            resource: value
            for option, resource in LIMITS.items()
            if (value := vars(parsed_args)[option.replace("-", "_")])
            is not None
        }
        if not limits:
            options = ", ".join(f"--{option}" for option in LIMITS)
            raise exceptions.CommandError(f"Give at least one of {options}.")
        project = self.find(parsed_args)
        return shown(self.caas.update_quota(project, **limits))


class ResetQuota(_OnProject):
    """Go back to the default limits (administrators)."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.caas.delete_quota(self.find(parsed_args))

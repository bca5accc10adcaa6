"""openstack caas flavor ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from caasclient.osc import base, columns
from caasclient.sdk import flavors

LIST: list[columns.Column] = [
    ("ID", "id", columns.Plain),
    ("Name", "name", columns.Plain),
    ("vCPUs", "vcpus", columns.Plain),
    ("Memory MiB", "memory_mb", columns.Plain),
    ("Disk GiB", "disk_gb", columns.Plain),
    ("CPU Burst", "cpu_burst", columns.Plain),
    ("Description", "description", columns.Plain),
]
SHOW = columns.fields(
    "id",
    "name",
    "vcpus",
    "memory_mb",
    "disk_gb",
    "cpu_burst",
    "description",
    "created_at",
    created_at=columns.Time,
)


def number(text: str) -> int | float:
    """2 stays 2, 0.5 is 0.5."""
    return float(text) if "." in text else int(text)


class ListFlavor(base.Lister):
    """List flavors."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        return columns.table(
            LIST, self.caas.flavors(sort_key="vcpus", sort_dir="asc")
        )


class CreateFlavor(base.ShowOne):
    """Create a flavor (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<name>")
        parser.add_argument(
            "--vcpus",
            metavar="<number>",
            type=number,
            required=True,
            help="CPUs, in steps of 0.001",
        )
        parser.add_argument(
            "--memory",
            metavar="<MiB>",
            type=int,
            required=True,
            help="Memory of all containers of a set together",
        )
        parser.add_argument(
            "--disk",
            metavar="<GiB>",
            type=int,
            required=True,
            help="Size of the set's volume",
        )
        parser.add_argument(
            "--cpu-burst",
            action="store_true",
            help="Sets may use CPU time beyond their vCPUs that nobody else "
            "on the host wants; under load they share by vCPUs",
        )
        parser.add_argument("--description", metavar="<text>")
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        attrs = {
            "name": args.name,
            "vcpus": args.vcpus,
            "memory_mb": args.memory,
            "disk_gb": args.disk,
            "cpu_burst": args.cpu_burst,
        }
        if args.description is not None:
            attrs["description"] = args.description
        return columns.record(SHOW, self.caas.create_flavor(**attrs))


class _OnFlavor(base.Command):
    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("flavor", metavar="<flavor>", help="Name or id")
        return parser

    def find(self, name_or_id: str) -> flavors.Flavor:
        return base.found(
            self.caas.find_flavor(name_or_id, ignore_missing=False)
        )


class ShowFlavor(_OnFlavor, base.ShowOne):
    """Show a flavor."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(SHOW, self.find(parsed_args.flavor))


class UpdateFlavor(_OnFlavor, base.ShowOne):
    """Change the description of a flavor (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--description", metavar="<text>", required=True)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        flavor = self.caas.update_flavor(
            self.find(parsed_args.flavor), description=parsed_args.description
        )
        return columns.record(SHOW, flavor)


class DeleteFlavor(base.Command):
    """Delete flavors; sets made of them stay (administrators)."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "flavors",
            metavar="<flavor>",
            nargs="+",
            help="Name or id (several)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _, errors = base.attempt(parsed_args.flavors, self.delete)
        base.complain(
            errors, len(parsed_args.flavors), "flavors could not be deleted"
        )

    def delete(self, name_or_id: str) -> None:
        flavor = base.found(
            self.caas.find_flavor(name_or_id, ignore_missing=False)
        )
        self.caas.delete_flavor(flavor, ignore_missing=False)

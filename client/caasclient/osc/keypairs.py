"""openstack caas keypair ..."""

import argparse
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from osc_lib import exceptions

from caasclient.osc import base, columns

LIST: list[columns.Column] = [
    ("Name", "name", columns.Plain),
    ("Type", "type", columns.Plain),
    ("Fingerprint", "fingerprint_sha256", columns.Plain),
    ("Created At", "created_at", columns.Time),
]
SHOW = columns.fields(
    "id",
    "name",
    "type",
    "fingerprint",
    "fingerprint_sha256",
    "user_id",
    "public_key",
    "created_at",
    created_at=columns.Time,
)


class CreateKeypair(base.ShowOne):
    """Take in a public key, or make a key pair."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="<name>")
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            "--public-key",
            metavar="<file>",
            help="File with the public key, such as ~/.ssh/id_ed25519.pub; "
            "without one a pair is made",
        )
        way.add_argument(
            "--private-key",
            metavar="<file>",
            help="New file for the private key of the pair that is made; "
            "without it the key is printed, and nothing else",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        args = parsed_args
        if args.public_key:
            made = self.caas.create_keypair(
                name=args.name, public_key=_read(args.public_key)
            )
            return columns.record(SHOW, made)
        if args.private_key:
            # before there is a key that could be kept nowhere
            with _new(args.private_key) as file:
                try:
                    made = self.caas.create_keypair(name=args.name)
                except BaseException:
                    os.unlink(file.name)
                    raise
                file.write(made.private_key)
            return columns.record(SHOW, made)
        made = self.caas.create_keypair(name=args.name)
        self.app.stdout.write(made.private_key)
        return (), ()

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Any,
    ) -> int:
        if not column_names:
            return 0
        done: int = super().produce_output(parsed_args, column_names, data)
        return done


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise exceptions.CommandError(
            f"{path} cannot be read: {getattr(e, 'strerror', None) or e}."
        ) from None


def _new(path: str) -> Any:
    """A file that only its owner can read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        number = os.open(pathlib.Path(path).expanduser(), flags, 0o600)
    except OSError as e:
        raise exceptions.CommandError(
            f"{path} cannot be made: {e.strerror}."
        ) from None
    return _Named(number, path)


class _Named:
    """A file descriptor with the path it was opened by."""

    def __init__(self, number: int, path: str) -> None:
        self.name = str(pathlib.Path(path).expanduser())
        self._number = number

    def __enter__(self) -> "_Named":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._number)

    def write(self, text: str) -> None:
        os.write(self._number, text.encode())


class ListKeypair(base.Lister):
    """List key pairs."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_user(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        query = {"user_id": parsed_args.user} if parsed_args.user else {}
        return columns.table(
            LIST, self.caas.keypairs(sort_key="name", sort_dir="asc", **query)
        )


class ShowKeypair(base.ShowOne):
    """Show a key pair."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("keypair", metavar="<keypair>", help="Name or id")
        _add_user(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        return columns.record(
            SHOW, self.caas.get_keypair(parsed_args.keypair, parsed_args.user)
        )


class DeleteKeypair(base.Command):
    """Delete key pairs: nobody gets in with them any more."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "keypairs",
            metavar="<keypair>",
            nargs="+",
            help="Name or id (several)",
        )
        _add_user(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _, errors = base.attempt(
            parsed_args.keypairs,
            lambda name: self.caas.delete_keypair(
                name, parsed_args.user, ignore_missing=False
            ),
        )
        base.complain(
            errors, len(parsed_args.keypairs), "key pairs could not be deleted"
        )


def _add_user(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user",
        metavar="<id>",
        help="Of the user with this id instead of yours (administrators)",
    )

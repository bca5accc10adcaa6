"""What the commands have in common: the client and errors in one sentence."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from keystoneauth1 import exceptions as ksa_exceptions
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
from osc_lib.command import command

from caasclient.osc import plugin
from caasclient.sdk import _proxy, base

T = TypeVar("T")


class Command(command.Command):
    def run(self, parsed_args: argparse.Namespace) -> int:
        try:
            return super().run(parsed_args)
        except (
            sdk_exceptions.SDKException,
            ksa_exceptions.ClientException,
        ) as e:
            raise exceptions.CommandError(sentence(e)) from e

    @property
    def caas(self) -> _proxy.Proxy:
        return plugin.make_client(self.app.client_manager)

    def project_id(self, name_or_id: str) -> str:
        """The id of a project; who may not look it up has to give the id."""
        client: Any = self.app.client_manager
        identity = client.sdk_connection.identity
        try:
            project = identity.find_project(name_or_id, ignore_missing=False)
        except sdk_exceptions.NotFoundException:
            raise exceptions.CommandError(
                f"There is no project with the name or id {name_or_id!r}."
            ) from None
        except sdk_exceptions.ForbiddenException:
            return name_or_id
        return str(project.id)

    def image_id(self, name_or_id: str) -> str:
        """The id of an image; ``name`` may stand for ``name:latest``."""
        if base.like_uuid(name_or_id):
            return name_or_id
        name = name_or_id
        if ":" not in name.rpartition("/")[2]:
            name += ":latest"
        client: Any = self.app.client_manager
        # find_image would have Glance take the part before ":" as operator
        images = client.sdk_connection.image.images(name=f"eq:{name}")
        ids = [str(image.id) for image in images]
        if len(ids) > 1:
            raise exceptions.CommandError(
                f"{len(ids)} images are named {name!r}, give one of their "
                f"ids: {', '.join(ids)}."
            )
        if not ids:
            raise exceptions.CommandError(
                f"There is no image with the name or id {name_or_id!r}."
            )
        return ids[0]


class Lister(Command, command.Lister):
    """A command that shows a table."""

    def add_limits(
        self, parser: argparse.ArgumentParser, limit: int = 100
    ) -> None:
        """Options for how many are shown, and how much of each."""
        parser.add_argument(
            "--limit",
            metavar="<count>",
            type=int,
            default=limit,
            help=f"Show at most so many (default {limit})",
        )
        parser.add_argument(
            "--long", action="store_true", help="Show more of each"
        )


class ShowOne(Command, command.ShowOne):
    """A command that shows one object."""


def found(each: T | None) -> T:
    """What a ``find_`` of the SDK gave that was not to ignore a missing."""
    assert each is not None
    return each


def attempt(
    items: Sequence[str], act: Callable[[str], T]
) -> tuple[list[T], list[str]]:
    """Do ``act`` with every item, whatever becomes of the others.

    :returns: what it returned, and a sentence for each that failed.
    """
    done, errors = [], []
    for item in items:
        try:
            done.append(act(item))
        except sdk_exceptions.SDKException as e:
            errors.append(sentence(e))
    return done, errors


def complain(errors: Sequence[str], asked: int, what: str) -> None:
    """Raise if there are errors.

    :param asked: how many things were asked for.
    :param what: they were to be, as in ``sets could not be deleted``.
    """
    if not errors:
        return
    lines = list(errors)
    if asked > 1:
        lines.append(f"{len(errors)} of {asked} {what}.")
    raise exceptions.CommandError("\n".join(lines))


def sentence(error: Exception) -> str:
    """What a user has to know of an error of the SDK."""
    if isinstance(error, sdk_exceptions.HttpException):
        text = " ".join(str(error.details or error.message).split())
        if error.response is None:
            return text
        request = f", {error.request_id}" if error.request_id else ""
        return f"{text} (HTTP {error.status_code}{request})"
    if isinstance(error, sdk_exceptions.ServiceDisabledException):
        # "Service 'caas' is disabled because its configuration could not be
        # loaded. The service is not present in the service catalog: ..."
        return str(error).rpartition("could not be loaded. ")[2]
    if isinstance(error, ksa_exceptions.ConnectFailure):
        # the rest is the HTTP library's view of it
        return str(error).partition(": ")[0].rstrip(".") + "."
    return str(error)

"""--wait: say what happens until it has happened."""

import argparse
import contextlib
from collections.abc import Callable, Iterator, Sequence

from openstack import exceptions as sdk_exceptions

from caasclient.osc import base
from caasclient.sdk import sets, waiting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        action="store_true",
        help="Wait until it is done, saying on the way what happens",
    )
    parser.add_argument(
        "--timeout",
        metavar="<seconds>",
        type=float,
        default=300,
        help="How long --wait waits (default 300)",
    )


def wait(
    command: base.Command,
    asked: Sequence[sets.Set],
    status: str,
    args: argparse.Namespace,
) -> tuple[list[sets.Set], list[str]]:
    """Wait for all ``asked`` to have ``status``, as the options say.

    :returns: them as last seen, and a sentence for each that did not get
        there.
    """
    # what is wanted to be gone may have failed before
    failures = [] if status == "DELETED" else ["ERROR"]
    with _telling(command) as tell:
        seen = command.caas.settle_sets(
            asked, status, failures, args.timeout, tell
        )
    errors = []
    for each in seen:
        try:
            waiting.check(each, status, failures)
        except sdk_exceptions.SDKException as e:
            errors.append(str(e))
    return seen, errors


def wait_for_change(
    command: base.Command, asked: sets.Set, args: argparse.Namespace
) -> sets.Set:
    """If the options say so, wait until a set is made of something else.

    :param asked: as the method that asked for the change returned it.
    :raises SDKException: it was taken back, or is not done in time.
    """
    if not args.wait:
        return asked
    with _telling(command) as tell:
        return command.caas.wait_for_change(asked, args.timeout, tell)


@contextlib.contextmanager
def _telling(command: base.Command) -> Iterator[Callable[[sets.Set], None]]:
    """What is called with each set that has changed."""
    stderr = command.app.stderr

    def tell(each: sets.Set) -> None:
        reason = f": {each.reason}" if each.reason else ""
        stderr.write(f"{each.name} {each.status}{reason}\n")
        stderr.flush()

    try:
        yield tell
    except KeyboardInterrupt:
        stderr.write("\nNo longer waiting; what was asked for goes on.\n")
        raise

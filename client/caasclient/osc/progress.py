"""--wait: say what happens until it has happened."""

import argparse
from collections.abc import Sequence

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
    stderr = command.app.stderr

    def tell(each: sets.Set) -> None:
        reason = f": {each.reason}" if each.reason else ""
        stderr.write(f"{each.name} {each.status}{reason}\n")
        stderr.flush()

    try:
        seen = command.caas.settle_sets(
            asked, status, failures, args.timeout, tell
        )
    except KeyboardInterrupt:
        stderr.write("\nNo longer waiting; what was asked for goes on.\n")
        raise
    errors = []
    for each in seen:
        try:
            waiting.check(each, status, failures)
        except sdk_exceptions.SDKException as e:
            errors.append(str(e))
    return seen, errors

"""openstack caas service ..."""

import argparse
from collections.abc import Sequence
from typing import Any

from caasclient.osc import base, columns

LIST: list[columns.Column] = [
    ("Binary", "binary", columns.Plain),
    ("Host", "host", columns.Plain),
    ("Status", "status", columns.Plain),
    ("Last Seen", "last_seen", columns.Time),
    ("Version", "version", columns.Plain),
]


class ListService(base.Lister):
    """List the processes of caas (administrators)."""

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Any]:
        return columns.table(LIST, self.caas.services())

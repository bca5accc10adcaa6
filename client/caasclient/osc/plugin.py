"""Ties the commands to the openstack client; see its "Plugins" guide."""

import argparse
from typing import Any

from osc_lib import utils

from caasclient import sdk
from caasclient.sdk import _proxy

API_NAME = "caas"
API_VERSION_OPTION = "os_caas_api_version"
API_VERSIONS = ("1",)
DEFAULT_API_VERSION = "1"


def make_client(instance: Any) -> _proxy.Proxy:
    """What ``instance.caas`` is; ``instance`` is a ClientManager."""
    sdk.register(instance.sdk_connection)
    return sdk.proxy(instance.sdk_connection)


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    parser.add_argument(
        "--os-caas-api-version",
        metavar="<caas-api-version>",
        default=utils.env("OS_CAAS_API_VERSION"),
        help=(
            "Version of the caas API, default="
            f"{DEFAULT_API_VERSION} (Env: OS_CAAS_API_VERSION)"
        ),
    )
    return parser

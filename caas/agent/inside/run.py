"""One request, from its order to its end."""

import importlib

from caas.agent.inside import outside
from caas.agent.inside.enter import enter
from caas.agent.inside.outside import NOBODY, Problem

#: What is imported for each verb, before the container is entered.
MODULES = {
    "files": "listing",
    "tail": "tail",
    "sftp": "sftp",
    "download": "pack",
    "upload": "unpack",
}


def main() -> None:
    """Never returns."""
    try:
        order = outside.order()
        module = importlib.import_module(
            f"caas.agent.inside.{MODULES[order['verb']]}"
        )
        work = module.prepare(order["arguments"])
        enter(order["pid"], order["pidfd"], order["runtime_id"])
        work()
    except Problem as e:
        outside.say("error", {"code": e.code, "message": e.message})
    except BaseException as e:
        # the interpreter would look for the source, in the container
        outside.write(outside.STDERR, f"{type(e).__name__}: {e}\n".encode())
        outside.end(NOBODY)
    outside.end(0)

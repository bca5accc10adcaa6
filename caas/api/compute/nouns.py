"""All modules with routes."""

import importlib
import pkgutil

import caas.api.compute
from caas.api.operation import Registry

_OWN = {
    *(
        "app",
        "expected",
        "faults",
        "filters",
        "lists",
        "nouns",
        "operation",
        "reference",
        "version",
    ),
    *("wanted", "words"),
}


def load(registry: Registry) -> frozenset[str]:
    """Import what registers routes.

    :returns: first parts of their paths.
    """
    for each in pkgutil.iter_modules(caas.api.compute.__path__):
        if not each.ispkg and each.name not in _OWN:
            importlib.import_module(f"caas.api.compute.{each.name}")
    return frozenset(
        part
        for each in registry.operations
        if (part := each.path.split("/")[1]) and not part.startswith("{")
    )

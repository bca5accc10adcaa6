# Chooses threads, which must come before oslo.messaging is imported.
import caas.cmd  # noqa: F401

pytest_plugins = [
    "tests.fixtures",
    "tests.glance_server",
    "tests.swift_server",
]

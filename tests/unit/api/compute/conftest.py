import types
from collections.abc import Callable
from typing import Any

import pytest
from microversion_parse import parse_version_string

from caas.api.compute.operation import Call
from caas.api.operation import Settings
from caas.context import RequestContext


@pytest.fixture
def call() -> Callable[..., Call]:
    """Makes a call; ``may`` are the rules that allow it."""

    def make(
        version: str = "2.96",
        query: dict[str, Any] | None = None,
        body: Any = None,
        may: tuple[str, ...] = (),
    ) -> Call:
        policy: Any = types.SimpleNamespace(
            allows=lambda ctx, rule, target: rule in may
        )
        seen = types.SimpleNamespace(properties=lambda ctx, ident: {})
        deps: Any = types.SimpleNamespace(
            heartbeat_timeout=60, kept=types.SimpleNamespace(seen=seen)
        )
        return Call(
            deps=deps,
            policy=policy,
            settings=Settings(),
            ctx=RequestContext(user_id="u1", project_id="p1", overwrite=False),
            version=parse_version_string(version),
            url="http://c/compute/v2.1",
            args={},
            query={
                key: value if isinstance(value, list) else [value]
                for key, value in (query or {}).items()
            },
            body=body,
        )

    return make

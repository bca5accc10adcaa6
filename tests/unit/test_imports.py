"""Who may import whom: the layout stays what the documentation says."""

import ast
import pathlib
from collections.abc import Iterator

import pytest

import caas

ROOT = pathlib.Path(caas.__file__).parent

#: Modules next to the layers, which know of nothing but the model.
LEAVES = frozenset(
    {
        "model",
        "exception",
        "context",
        "conf",
        "memo",
        "policies",
        "pull",
        "rpc",
    }
)

#: What each layer may import of caas, besides itself.
ALLOWED: dict[str, frozenset[str]] = {
    "model": frozenset({"exception"}),
    "exception": frozenset(),
    "conf": frozenset(),
    "context": frozenset({"model", "exception"}),
    "policies": frozenset({"model"}),
    "policy": frozenset({"policies", "context"}),
    "pull": frozenset({"model", "exception"}),
    "certificates": frozenset({"exception"}),
    "memo": frozenset(),
    "outbox": frozenset(),
    "rpc": frozenset({"model", "exception", "context", "outbox"}),
    "kept": frozenset({"clients", "core"}),
    "audit": frozenset({"model"}),
    "notifications": frozenset({"audit", "context", "outbox", "rpc", "store"}),
    "scheduler": frozenset({"model"}),
    "store": frozenset({"model", "exception"}),
    "layers": frozenset({"model"}),
    "drivers": frozenset({"model", "exception", "layers"}),
    "clients": frozenset({"model", "exception", "context", "memo"}),
    "agent": LEAVES | {"drivers"},
    "host": LEAVES | {"drivers", "agent"},
    "core": LEAVES | {"store", "layers"},
    "conductor": LEAVES | {"store", "core", "scheduler", "layers"},
    "console": LEAVES | {"store", "core", "clients", "policy"},
    "api": LEAVES | {"store", "core", "clients", "policy", "layers"},
}

#: These wire the others together.
WIRING = frozenset({"cmd", "wsgi"})

FILES = sorted(ROOT.rglob("*.py"))


def _layer(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imports(path: pathlib.Path, tree: ast.AST) -> Iterator[str]:
    """Full names of all modules (and names in them) a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(ROOT.parent).parts[:-1]
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module", params=FILES, ids=str)
def source(
    request: pytest.FixtureRequest,
) -> tuple[pathlib.Path, ast.Module]:
    return request.param, ast.parse(request.param.read_text())


def test_every_layer_is_known() -> None:
    layers = {_layer(path) for path in FILES} - {"__init__"} - WIRING
    assert layers <= set(ALLOWED)


def test_direction(source: tuple[pathlib.Path, ast.Module]) -> None:
    path, tree = source
    layer = _layer(path)
    if layer in WIRING:
        return
    mine = {
        name.split(".")[1]
        for name in _imports(path, tree)
        if name.startswith("caas.")
    }
    assert mine <= ALLOWED.get(layer, frozenset()) | {layer}


def test_no_eventlet(source: tuple[pathlib.Path, ast.Module]) -> None:
    path, tree = source
    roots = {name.split(".")[0] for name in _imports(path, tree)}
    assert not roots & {"eventlet", "greenlet"}


def test_only_the_wiring_touches_global_configuration(
    source: tuple[pathlib.Path, ast.Module],
) -> None:
    path, tree = source
    if _layer(path) in WIRING:
        return
    names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    names |= {name.split(".")[-1] for name in _imports(path, tree)}
    assert "CONF" not in names


def test_the_backend_is_chosen_before_any_other_oslo_import() -> None:
    """Importing oslo.messaging first would pin eventlet."""
    for layer in sorted(WIRING):
        path = ROOT / layer / "__init__.py"
        tree = ast.parse(path.read_text())
        imported = [
            name
            for name in _imports(path, tree)
            if name.startswith(("oslo", "caas"))
        ]
        assert imported
        assert all(n.startswith("oslo_service.backend") for n in imported)
        assert "init_backend(" in path.read_text()


def test_no_path_of_somebody_s_machine(
    source: tuple[pathlib.Path, ast.Module],
) -> None:
    _path, tree = source
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    homes = ("/home/", "/root/", "/Users/", "/tmp/")
    assert not [text for text in texts if text.startswith(homes)]

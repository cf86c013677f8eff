"""Who may import whom, and that the packages listed are the packages there are."""

import ast
import importlib
import pkgutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for folder in ("streamlearn", "strategies", "simulators")
    for path in (ROOT / folder).rglob("*.py")
    if not path.is_relative_to(ROOT / "streamlearn" / "strategies")
    and not path.is_relative_to(ROOT / "streamlearn" / "simulators")
)


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts if parts[0] == "streamlearn" else ("streamlearn", *parts))
    return name.removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


IMPORTS = {module(path): imports(path) for path in FILES}
CORE = {"arrays", "data", "errors", "keyed"}  # what everything may import

# package or module: what of ours it may import, besides CORE and itself
ALLOWED = {
    "errors": set(),
    "keyed": {"errors", "arrays"},
    "arrays": {"errors"},
    "data": {"errors", "arrays"},
    "protocols": {"data"},
    "loop": {
        "protocols", "asking", "doubts", "history", "journal", "known", "ledger", "memory",
        "metrics", "sources", "stopping", "learners.wrap",
    },
    "influence": set(),
    "surrogate": {"protocols", "memory", "influence"},
    "trimming": {"protocols", "memory", "influence", "surrogate", "learners.seeds"},
    "learners": {"protocols", "influence"},
    "valuation": {"influence"},
    "selection": {"influence", "valuation"},
    "report": {
        "benchmark", "explanation", "data", "journal", "loop", "protocols", "statistics",
    },
    "statistics": {"benchmark.results", "benchmark.storage"},
    "strategies": {"protocols", "memory", "influence", "selection", "surrogate"},
    "simulators": {"protocols"},
    "datasets": {"plugins"},
    "checks": {"protocols", "memory"},
}  # fmt: skip


def test_every_file_is_seen() -> None:
    assert {"streamlearn.loop", "streamlearn.strategies.margin"} <= IMPORTS.keys()


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_keep_to_the_rules(part: str) -> None:
    own = f"streamlearn.{part}"
    allowed = [own, *(f"streamlearn.{name}" for name in ALLOWED[part] | CORE)]
    wrong = {
        (name, target)
        for name, targets in IMPORTS.items()
        if name == own or name.startswith(own + ".")
        for target in targets
        if target.split(".")[0] == "streamlearn"
        and not any(target == a or target.startswith(a + ".") for a in allowed)
    }
    assert not wrong


def test_the_engine_reaches_strategies_and_simulators_through_plugins_only() -> None:
    leaves = ("streamlearn.strategies", "streamlearn.simulators")
    wrong = {
        (name, target)
        for name, targets in IMPORTS.items()
        if not name.startswith(leaves) and not name.startswith("streamlearn.checks")
        for target in targets
        if target.startswith(leaves)
    }
    assert not wrong


@pytest.mark.parametrize("library", ["modAL", "skactiveml", "cleanlab", "dask", "ray", "river"])
def test_a_heavy_library_is_imported_in_one_file_a_package(library: str) -> None:
    users = [
        n for n, targets in IMPORTS.items() if any(t.split(".")[0] == library for t in targets)
    ]
    packages = [name.rsplit(".", 1)[0] for name in users]
    assert len(packages) == len(set(packages)), users


def test_torch_is_nowhere() -> None:
    assert not [
        n for n, targets in IMPORTS.items() if any(t.split(".")[0] == "torch" for t in targets)
    ]


def test_the_packages_listed_are_the_packages_there_are() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(module(p) for p in FILES if p.name == "__init__.py")


def test_public_names_exist_and_are_given_once() -> None:
    found = pkgutil.walk_packages(importlib.import_module("streamlearn").__path__, "streamlearn.")
    for name in ["streamlearn", *(info.name for info in found if info.ispkg)]:
        package = importlib.import_module(name)
        assert len(package.__all__) == len(set(package.__all__)), name
        assert all(hasattr(package, public) for public in package.__all__), name
        assert package.__doc__, name


def test_every_file_says_what_it_is_about() -> None:
    assert not [p for p in FILES if not ast.get_docstring(ast.parse(p.read_text()))]

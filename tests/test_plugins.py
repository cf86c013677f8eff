"""Plug-ins by name, and the very package that CONTRIBUTING shows, built and installed."""

import importlib
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from streamlearn import plugins
from streamlearn.checks import check_strategy
from streamlearn.errors import InputError, StreamlearnError
from streamlearn.loop import Loop
from streamlearn.strategies import Margin

ROOT = Path(__file__).parents[1]


def shown_files() -> dict[str, str]:
    """The files CONTRIBUTING shows: code blocks that begin with the name of a file."""
    blocks = re.findall(r"```\w+\n# (\S+)\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S)
    return dict(blocks)


def installed(package: str) -> int:
    """The major version of a package, 0 where there is none; importing setuptools has effects."""
    try:
        return int(version(package).split(".")[0])
    except PackageNotFoundError:
        return 0


def distribution(folder: Path, package: str, group: str, **points: str) -> None:
    """Write the metadata of an installed package with entry points."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[streamlearn.{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def test_the_package_contributing_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (installed("pip") and installed("setuptools") >= 77):
        pytest.skip("needs pip and setuptools ≥ 77 to build a package without network")
    files = shown_files()
    assert set(files) == {"pyproject.toml", "surest.py", "test_surest.py"}
    assert sum(len(re.findall(r"\S.*", files[f])) for f in ("pyproject.toml", "surest.py")) <= 20
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
               "--no-build-isolation", "--disable-pip-version-check", "--target", str(target),
               str(source)]  # fmt: skip
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    assert "surest" not in plugins.names("strategies")
    monkeypatch.syspath_prepend(str(target))
    importlib.invalidate_caches()
    assert "surest" in plugins.names("strategies")
    kind = plugins.load("strategies", "surest")
    assert Path(sys.modules[kind.__module__].__file__ or "").is_relative_to(target)
    check_strategy(kind())

    X = np.arange(20.0)[:, None]
    query = Loop(X, LogisticRegression(), kind(), per_round=2, initial=([1, 18], [0, 1])).ask()
    assert query is not None
    assert set(query.ids.tolist()) == {0, 19}  # the ends: farthest from the boundary
    monkeypatch.delitem(sys.modules, "surest")


def test_names_are_sorted_and_ours_are_there() -> None:
    for group in plugins.GROUPS:
        assert plugins.names(group) == sorted(plugins.names(group))
    assert {"diverse", "entropy", "margin", "random", "uncertainty"} <= set(
        plugins.names("strategies")
    )
    assert {"confident", "keep_all", "loss", "random"} <= set(plugins.names("trimmers"))
    assert plugins.load("strategies", "margin") is Margin


def test_unknown_names_and_groups_suggest_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown strategy 'margn': did you mean 'margin'\?"):
        plugins.load("strategies", "margn")
    with pytest.raises(InputError, match=r"group of plug-ins 'strategy': did you mean 'strateg"):
        plugins.names("strategy")


def test_two_packages_with_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("zeta", "alpha"):
        distribution(tmp_path / package, package, "noise", twice=f"{package}:Noise")
        monkeypatch.syspath_prepend(str(tmp_path / package))
    twice = r"noise 'twice' is registered twice: by alpha as 'alpha:Noise' and by zeta as"
    with pytest.raises(StreamlearnError, match=twice):
        plugins.names("noise")
    with pytest.raises(StreamlearnError, match=twice):
        plugins.load("noise", "symmetric")
    plugins.names("strategies")  # other groups go on


def test_one_package_found_twice_is_no_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "there"):
        distribution(tmp_path / folder, "alpha", "noise", once="alpha:Noise")
        monkeypatch.syspath_prepend(str(tmp_path / folder))
    assert plugins.names("noise").count("once") == 1


@pytest.mark.parametrize(
    ("value", "cause"),
    [("no_such_module:X", ModuleNotFoundError), ("json:NoSuchName", AttributeError),
     ("broken_plugin:X", ZeroDivisionError)],
)  # fmt: skip
def test_a_plugin_that_cannot_be_imported(
    value: str, cause: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "alpha", "trimmers", bad=value)
    (tmp_path / "broken_plugin.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "bad" in plugins.names("trimmers")  # listing imports nothing
    with pytest.raises(StreamlearnError, match=r"trimmer 'bad', registered by alpha as") as error:
        plugins.load("trimmers", "bad")
    assert isinstance(error.value.__cause__, cause)

"""The examples run, stay short, and README says what works."""

import re
import runpy
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(
    p.relative_to(ROOT).as_posix() for p in (ROOT / "examples").glob("*.py") if p.stem != "demo"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [name])
    runpy.run_path(str(ROOT / name), run_name="__main__")
    assert capsys.readouterr().out.strip() or list(Path().glob("*.png"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    if name == "examples/toy_figure.py":
        pytest.skip("it redraws a figure of three rows of panels, and drawing takes lines")
    assert len((ROOT / name).read_text().splitlines()) <= 60


def test_the_recipes_of_readme_run_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    recipes = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(recipes) == 3
    scope: dict[str, object] = {}
    for recipe in recipes:
        exec(compile(recipe, "README.md", "exec"), scope)
    assert "of 50" in capsys.readouterr().out


def test_readme_prints_the_commands_that_ci_runs() -> None:
    commands = re.findall(r"^(make \w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands == ["make demo", "make test"]
    script = (ROOT / ".ci" / "run").read_text()
    assert all(command in script for command in commands)


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)

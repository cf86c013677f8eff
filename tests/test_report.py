"""Reports: what the page shows is what the results hold; nothing is fetched, nothing runs."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from streamlearn import InputError, Loop
from streamlearn.benchmark import FACTORS, Results
from streamlearn.cli import app
from streamlearn.report import (
    digest,
    plot_critical_difference,
    plot_curves,
    plot_times,
    plot_trimming,
    report,
    save_figures,
)
from streamlearn.report.arms import layout_of
from streamlearn.report.averages import bands
from streamlearn.report.diagrams import rank_diagram
from streamlearn.report.geometry import Scale
from streamlearn.simulators import SimulatedAnnotator
from streamlearn.statistics import summarise
from streamlearn.statistics.ranks import rank, rankings
from streamlearn.strategies import Random

TRACEBACK = "Traceback (most recent call last):\n  File …\nValueError: no <rows> & nothing\n"
LABELS = np.arange(20, 70, 10)


def made(
    datasets: Sequence[str] = ("one", "two"),
    strategies: Sequence[str] = ("random", "margin"),
    trimmers: Sequence[str] = ("keep_all",),
    noise: Sequence[str] = ("none",),
    metrics: Sequence[str] = ("accuracy",),
    seeds: int = 3,
    labels: Any = LABELS,
    failed: Sequence[str] = (),
) -> Results:
    """A table of results as ``compare`` would leave it, quick to make."""
    rng = np.random.default_rng(0)
    cells: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    names = ["dataset", "learner", "noise", "strategy", "trimmer"]
    grid = [
        (d, "svm", n, s, t) for d in datasets for n in noise for s in strategies for t in trimmers
    ]
    for factors in grid:
        for seed in range(seeds):
            key, lost = dict(zip(names, factors, strict=True)), factors[3] in failed
            judged = factors[4] != "keep_all" and not lost
            cells.append(
                {
                    "cell": str(len(cells)),
                    **key,
                    "seed": seed,
                    "status": "failed" if lost else "done",
                    "error": TRACEBACK if lost else "",
                    "seconds": rng.gamma(2.0),
                    "query_seconds": rng.gamma(2.0) / 100,
                    "trim_seconds": rng.gamma(2.0) / 100 if judged else 0.0,
                    "labels": 50,
                    "precision": rng.beta(5, 2) if judged else np.nan,
                    "recall": rng.beta(2, 5) if judged else np.nan,
                    "stopped": "budget spent",
                }
            )
            for metric in metrics if not lost else ():
                value = np.sort(rng.uniform(0.5, 1.0, len(labels)))
                point = {**key, "seed": seed, "labels": labels, "metric": metric, "value": value}
                curves.append(pd.DataFrame(point))
    columns = [*FACTORS, "seed", "labels", "metric", "value"]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    meta = {"date": "2026-01-01", "versions": {"numpy": "2"}, "configuration": {"rounds": 5}}
    found = pd.concat(curves, ignore_index=True) if curves else empty
    return Results(pd.DataFrame(cells), found, meta)


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, tables, text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def all(self, tag: str, name: str) -> list[str]:
        return [str(attrs[name]) for t, attrs in self.elements if t == tag and name in attrs]

    def arms(self) -> list[dict[str, Any]]:
        """Every line drawn: its panel's setting, and the values it carries."""
        found, panel, line = [], {}, {}
        for tag, attrs in self.elements:
            if tag == "figure" and "data-metric" in attrs:
                panel = {k.removeprefix("data-"): v for k, v in attrs.items() if k != "class"}
            elif tag == "g" and "data-arm" in attrs:
                line = {**panel, **{k.removeprefix("data-"): v for k, v in attrs.items()}}
                found.append(line)
            elif tag == "path" and str(attrs.get("class")) in ("line", "band") and line:
                line.setdefault(str(attrs["class"]), attrs["d"])
        return found


def numbers(text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([float(word) for word in re.findall(r"-?\d+(?:\.\d+)?", text)])


def page(results: Any, folder: Path, **options: Any) -> Page:
    return Page(report(results, folder / "page.html", **options))


def test_curves_of_the_page_are_the_means_of_the_results(tmp_path: Path) -> None:
    results = made(metrics=("accuracy", "auc"), noise=("none", "flips"), trimmers=("a", "b"))
    arms = page(results, tmp_path).arms()
    assert len(arms) == 2 * 2 * 2 * 2 * 2
    for arm in arms:
        strategy, trimmer = str(arm["name"]).split(" + ")
        said = {**arm, "strategy": strategy, "trimmer": trimmer}
        part = results.curves
        for name in ("dataset", "noise", "strategy", "trimmer", "metric"):
            part = part[part[name] == said[name]]
        wide = part.pivot(index="labels", columns="seed", values="value").to_numpy()
        mean, error = wide.mean(axis=1), wide.std(axis=1, ddof=1) / wide.shape[1] ** 0.5
        np.testing.assert_array_equal(numbers(arm["x"]), LABELS)
        np.testing.assert_allclose(numbers(arm["y"]), mean, rtol=1e-3)
        np.testing.assert_allclose(numbers(arm["e"]), error, rtol=1e-3)
        # What is drawn lies on a straight scale of what is said, to the tenth of a unit.
        x, y = numbers(arm["line"]).reshape(-1, 2).T
        scale = np.polynomial.Polynomial.fit(mean, y, 1)
        assert np.abs(scale(mean) - y).max() < 0.06
        assert scale.deriv()(0.0) < 0  # upwards on the screen
        edges = numbers(arm["band"]).reshape(-1, 2)
        np.testing.assert_allclose(edges[: len(y), 1], scale(mean + error), atol=0.11)
        np.testing.assert_allclose(edges[::-1][: len(y), 1], scale(mean - error), atol=0.11)
        assert np.abs(np.diff(x, n=2)).max() < 0.21


def test_the_table_of_the_page_holds_areas_and_finals(tmp_path: Path) -> None:
    results = made(failed=("entropy",), strategies=("random", "margin", "entropy"))
    rows = page(results, tmp_path).rows
    head = next(row for row in rows if row and row[0] == "dataset")
    table = pd.DataFrame([row for row in rows if len(row) == len(head) and row != head])
    table.columns = pd.Index(head)
    assert len(table) == 4
    for line in table.to_dict("records"):
        part = results.curves[
            (results.curves["dataset"] == line["dataset"])
            & (results.curves["strategy"] == line["strategy"])
        ]
        wide = part.pivot(index="labels", columns="seed", values="value").to_numpy()
        area = np.trapezoid(wide, LABELS, axis=0) / 40
        assert numbers(line["area"])[0] == pytest.approx(area.mean(), abs=6e-5)
        assert numbers(line["final"])[0] == pytest.approx(wide[-1].mean(), abs=6e-5)
        assert line["verdict"] == (
            "baseline" if line["strategy"] == "random" else "exploratory: 3 seeds"
        )


def test_nothing_is_fetched_and_only_the_pages_own_script_may_run(tmp_path: Path) -> None:
    found = page(made(), tmp_path)
    assert "://" not in found.html
    assert all(link.startswith(("#", "data:")) for link in found.all("a", "href"))
    assert not found.all("script", "src")
    assert not found.all("img", "src")
    [policy] = [v for v in found.all("meta", "content") if "default-src" in v]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not [attrs for _, attrs in found.elements if "style" in attrs or "onclick" in attrs]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=a()>', "{{7*7}}"]
)
def test_names_are_text_whatever_they_are(name: str, tmp_path: Path) -> None:
    results = made([name, "plain"], ["random", name], ["keep_all", name], [name, "x"], [name])
    results.meta["configuration"] = {name: name}
    found = page(results, tmp_path, title=name)
    tags = [tag for tag, _ in found.elements]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert found.text.count(name) > 10
    assert "49" not in found.text.split("Learning", 1)[0]


def test_every_element_has_an_id_of_its_own_and_links_lead_somewhere(tmp_path: Path) -> None:
    found = page(made(trimmers=("keep_all", "loss")), tmp_path)
    ids = [str(attrs["id"]) for _, attrs in found.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in found.all("a", "href")} <= set(ids)
    labelled = " ".join(found.all("svg", "aria-labelledby")).split()
    assert len(labelled) == 2 * found.html.count("</desc>")
    assert set(labelled) <= set(ids)


def test_failures_are_told_with_their_traceback(tmp_path: Path) -> None:
    found = page(made(failed=("margin",)), tmp_path)
    assert (
        "margin + keep_all + svm, 6 runs on one, two: ValueError: no <rows> & nothing" in found.text
    )
    assert TRACEBACK in found.text
    assert len(found.arms()) == 2


def test_a_comparison_without_a_single_curve_has_a_page(tmp_path: Path) -> None:
    results = made(failed=("random", "margin"))
    missing = results.cells.assign(status="missing", error="")
    found = page(results, tmp_path)
    assert "no run of this comparison is done" in found.text
    assert TRACEBACK in found.text
    cut = page(Results(missing, results.curves, {}), tmp_path)
    assert "12 runs are missing" in cut.text


def test_one_seed_one_point_and_missing_values_are_drawn(tmp_path: Path) -> None:
    assert len(page(made(seeds=1), tmp_path).arms()) == 4
    assert len(page(made(labels=LABELS[:1]), tmp_path).arms()) == 4
    results = made()
    results.curves.loc[results.curves["dataset"] == "one", "value"] = np.nan
    assert {arm["dataset"] for arm in page(results, tmp_path).arms()} == {"two"}


def test_curves_on_unequal_grids_are_averaged_between_their_points() -> None:
    results = made(["one"], ["random"], seeds=2)
    first = results.curves[results.curves["seed"] == 0].assign(value=lambda f: f["labels"] / 100)
    second = first.assign(seed=1, labels=first["labels"] + 5, value=first["value"] + 0.05)
    found = bands(pd.concat([first, second]))
    np.testing.assert_allclose(found["value"], found["labels"] / 100)
    assert found["seeds"].tolist() == [1, *[2] * 8, 1]


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    results = made()
    shuffled = results.curves.sample(frac=1.0, random_state=0)
    both = (results, Results(results.cells, shuffled, results.meta))
    pages = [sorted(map(str, page(r, tmp_path).arms())) for r in both]
    assert pages[0] == pages[1]


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    results = made(trimmers=("keep_all", "loss"))
    assert page(results, tmp_path).html == page(results, tmp_path).html


def test_twenty_data_sets_with_ten_arms_stay_small(tmp_path: Path) -> None:
    sets, arms = [f"set {k}" for k in range(20)], ["random", *(f"arm {k}" for k in range(9))]
    found = page(made(sets, arms, seeds=2, labels=np.arange(20, 320, 10)), tmp_path)
    assert len(found.arms()) == 200
    assert len(found.html.encode()) < 3_000_000


def test_trimmers_learners_and_noises_can_be_compared(tmp_path: Path) -> None:
    results = made(strategies=["all"], trimmers=["keep_all", "loss", "auto"], noise=["x", "y"])
    assert layout_of(results.cells).between == "trimmer"
    assert {arm["name"] for arm in page(results, tmp_path).arms()} == {"keep_all", "loss", "auto"}
    other = page(results, tmp_path, between="noise", baseline="x")
    assert len(other.arms()) == 12
    assert "x + keep_all" in other.text


def test_a_misspelt_name_is_named(tmp_path: Path) -> None:
    results, path = made(), tmp_path / "page.html"
    with pytest.raises(InputError, match="did you mean 'margin'"):
        report(results, path, baseline="margim")
    with pytest.raises(InputError, match="did you mean 'strategy'"):
        report(results, path, between="strateg")
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        report(results, path, metric="acuracy")
    with pytest.raises(InputError, match="there is no folder"):
        report(results, tmp_path / "nowhere" / "page.html")
    assert not path.exists()


def test_arms_are_told_apart_without_colour() -> None:
    names = [f"arm {k}" for k in range(25)]
    frame = pd.DataFrame({"strategy": ["random", *names], "trimmer": "none"})
    arms = layout_of(frame.assign(dataset="d", learner="l", noise="n")).arms(frame)
    assert arms[0].baseline
    assert len({arm.label for arm in arms}) == 26
    assert len({(arm.colour, arm.marker) for arm in arms[:25]}) == 25
    assert len({(arm.dash, arm.marker) for arm in arms[:25]}) == 25


def test_a_diagram_of_ranks_keeps_order_and_distances() -> None:
    ranks = {"c": 2.5, "a": 1.2, "d": 3.9, "b": 2.4}
    drawn = rank_diagram(ranks, 1.0, [("a", "b"), ("b", "c")])
    at = {label.name: label.x for label in drawn.labels}
    gaps = np.diff([at[name] for name in "abcd"])
    np.testing.assert_allclose(gaps / gaps.sum(), np.diff(sorted(ranks.values())) / 2.7)
    assert drawn.distance == pytest.approx((at["d"] - at["a"]) / 2.7)
    assert [label.name for label in drawn.labels if label.left] == ["a", "b"]
    assert drawn.bars[0][:2] == (at["a"] - 3, at["b"] + 3)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.874, 0.991), (-3.0, 17.0), (0.5, 0.5001)])
def test_ticks_are_round_distinct_and_inside(low: float, high: float) -> None:
    scale = Scale(low, high, 100.0, 0.0)
    places, texts = zip(*scale.ticks(5), strict=True)
    values = [float(text.replace("−", "-")) for text in texts]
    assert 2 <= len(set(texts)) == len(texts) <= 7
    assert low <= min(values)
    assert max(values) <= high
    np.testing.assert_allclose(scale(np.array(values)), places, atol=1e-6)


def test_figures_on_axes_hold_the_same_numbers() -> None:
    results = made(["one"], trimmers=("keep_all", "loss"), seeds=4)
    figure, axes = plt.subplots(2, 2)
    curves = plot_curves(results.curves, axes[0, 0])
    assert curves is axes[0, 0]
    for line in curves.get_lines():
        name = results.curves["strategy"] + " + " + results.curves["trimmer"]
        part = results.curves[name == line.get_label()]
        means = part.groupby("labels")["value"].mean()
        np.testing.assert_allclose(line.get_ydata(), means)
    times = plot_times(results.cells, axes[0, 1]).get_lines()[0].get_xdata()
    by_strategy = results.cells.groupby("strategy")["query_seconds"].median()
    np.testing.assert_allclose(times, by_strategy.sort_values())
    precision, recall = plot_trimming(results.cells, axes[1, 0]).get_lines()
    assert precision.get_xdata()[0] == pytest.approx(results.cells["precision"].mean())
    assert recall.get_xdata()[0] == pytest.approx(results.cells["recall"].mean())
    table = pd.DataFrame({"a": [3.0, 3.0, 2.0], "b": [2.0, 2.0, 3.0], "c": [1.0, 1.0, 1.0]})
    texts = [t.get_text() for t in plot_critical_difference(rank(table), axes[1, 1]).texts]
    assert {"a  1.33", "b  1.67", "c  3.00"} <= set(texts)
    plt.close(figure)
    with pytest.raises(InputError, match="2 settings"):
        plot_curves(made().curves)
    with pytest.raises(InputError, match="nothing to draw"):
        plot_trimming(made().cells)


def test_figures_are_saved_once_a_format(tmp_path: Path) -> None:
    results = made(trimmers=("keep_all", "loss"))
    paths = save_figures(results, tmp_path / "figures", formats=["svg"])
    stems = {path.stem for path in paths}
    assert stems >= {"curves-1", "wins", "time-strategy", "time-trimmer", "trimming"}
    before = {path.name: path.read_bytes() for path in paths}
    again = save_figures(results, tmp_path / "figures", formats=["svg"])
    assert {path.name: path.read_bytes() for path in again} == before
    assert not plt.get_fignums()
    with pytest.raises(InputError, match="did you mean 'png'"):
        save_figures(results, tmp_path, formats=["pngs"])


def test_the_digest_holds_the_figures_of_the_rankings() -> None:
    sets = [f"set {n}" for n in range(7)]
    results = made(sets, ["random", "margin", "a|b"], noise=["x", "y"], seeds=20)
    text = digest(results)
    figures = summarise(results.curves, baseline="random")
    found = rankings(figures)
    blocks = text.split("Over 7 data sets")[1:]
    assert len(blocks) == len(found) == 2
    for block, ranking in zip(blocks, found, strict=True):
        assert f"with noise {ranking.where['noise']}, 20 seeds; critical difference" in block
        rows = [re.split(r" (?<!\\)\| ", line) for line in block.splitlines() if line[:2] == "| "]
        arms = [row[0].removeprefix("| ").replace("\\|", "|") for row in rows[2:]]
        assert arms == list(ranking.ranks.index)
        np.testing.assert_allclose([float(row[1]) for row in rows[2:]], ranking.ranks, atol=0.005)
        for arm, row in zip(arms, rows[2:], strict=True):
            if arm == "random":
                continue
            gap = 100 * (ranking.table[arm] - ranking.table["random"]).mean()
            assert abs(numbers(row[2])[0] - gap) <= 0.5
            assert numbers(row[4]).sum() == 7
    few = digest(made(seeds=2))
    assert "exploratory" in few
    assert "better" not in few


def test_a_loop_has_a_page_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = (X[:, 0] > 0).astype(int)
    loop = Loop(
        X[:60], LogisticRegression(), Random(), per_round=5, budget=30, test=(X[60:], y[60:])
    )
    empty = page(loop, tmp_path)
    assert "Nothing was labelled yet" in empty.text
    assert not empty.arms()
    for _ in loop.run(SimulatedAnnotator(y[:60], cost=2.0)):
        pass
    found, frame = page(loop, tmp_path), loop.to_frame()
    accuracy, cost = found.arms()
    np.testing.assert_allclose(numbers(accuracy["y"]), frame["accuracy"], rtol=1e-3)
    np.testing.assert_allclose(numbers(cost["y"]), frame["cost"])
    assert len(found.rows) == 1 + len(frame)
    assert "30 labels in 6 rounds, at a cost of 60; stopped: budget spent." in found.text
    with pytest.raises(InputError, match="are for a comparison"):
        report(loop, tmp_path / "page.html", baseline="random")


def test_the_command_reports_runs_and_comparisons(tmp_path: Path) -> None:
    def cli(*words: object) -> Any:
        return CliRunner().invoke(app, [str(word) for word in words])

    config = tmp_path / "campaign.toml"
    config.write_text('budget = 20\nper_round = 10\n[data]\nname = "iris"\n', encoding="utf-8")
    assert cli("run", config, "--out", tmp_path / "run", "-q").exit_code == 0
    assert cli("report", tmp_path / "run").exit_code == 0
    found = Page(tmp_path / "run" / "report.html")
    assert "20 labels in 2 rounds" in found.text
    assert 'name = "iris"' in found.text

    config.write_text(
        'strategies = ["random", "margin"]\ndatasets = ["iris"]\nseeds = 2\nrounds = 2\n',
        encoding="utf-8",
    )
    made = cli("compare", config, "--folder", tmp_path / "grid", "--jobs", 1)
    assert made.exit_code == 0, made.output
    out = tmp_path / "page.html"
    said = cli("report", tmp_path / "grid", "--out", out, "--figures", tmp_path / "figures",
               "--table", tmp_path / "table.md")  # fmt: skip
    assert said.exit_code == 0, said.output
    results = Results.load(tmp_path / "grid")
    for arm in Page(out).arms():
        part = results.curves[results.curves["strategy"] == arm["name"]]
        means = part.groupby("labels")["value"].mean()
        np.testing.assert_allclose(numbers(arm["y"]), means, rtol=1e-3)
    assert (tmp_path / "figures" / "curves-1.png").is_file()
    assert "too few for a claim about margin" in (tmp_path / "table.md").read_text()
    wrong = cli("report", tmp_path / "nothing")
    assert wrong.exit_code == 2
    assert "there is no folder" in wrong.output

"""The page in headless Chromium: opens without error, sorts, filters, switches its theme."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from streamlearn.benchmark import Results, compare
from streamlearn.report import report

pytestmark = pytest.mark.extra
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1280,900"
)
RIGHT, ESCAPE, ENTER = "\ue014", "\ue00c", "\ue007"  # as WebDriver spells them
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A real comparison, read back from its Parquet files; one strategy is named to do harm."""
    folder = tmp_path_factory.mktemp("grid")
    compare(
        {"random": "random", "margin": "margin", "<script>x</script>": "entropy"},
        ["iris", "wine"],
        trimmers={"keep_all": None, "loss": "loss"},
        noise=0.2,
        seeds=3,
        rounds=4,
        metrics=["accuracy", "macro_f1"],
        folder=folder,
        n_jobs=1,
        progress=False,
    )
    return Results.load(folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no chromium with chromedriver was found on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.fixture
def opened(browser: Any, results: Results, tmp_path: Path) -> Any:
    """The page, freshly loaded."""
    browser.get_log("browser"), browser.get_log("performance")  # forget what came before
    browser.get(report(results, tmp_path / "page.html", baseline="margin").as_uri())
    return browser


def texts(browser: Any, selector: str) -> list[str]:
    """Text of the elements that a reader sees."""
    script = """return [...document.querySelectorAll(arguments[0])]
        .filter(e => e.checkVisibility() && getComputedStyle(e).display != 'none')
        .map(e => e.textContent.trim())"""
    found: list[str] = browser.execute_script(script, selector)
    return found


def find(browser: Any, selector: str) -> Any:
    return browser.find_element("css selector", selector)


def test_it_opens_without_a_word_on_the_console_or_the_network(opened: Any) -> None:
    assert opened.get_log("browser") == []
    events = [json.loads(line["message"])["message"] for line in opened.get_log("performance")]
    sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    here = [e["request"]["url"] for e in sent if e["documentURL"] == opened.current_url]
    assert opened.current_url in here
    assert all(url == opened.current_url or url.startswith("data:") for url in here)
    assert texts(opened, "h1") == ["Comparison"]
    assert len(opened.find_elements("css selector", "script")) == 1


def test_the_charts_on_the_screen_match_the_parquet(opened: Any, results: Results) -> None:
    script = """return [...document.querySelectorAll('.panel:not([hidden]) .arm')].map(arm => {
        const line = arm.querySelector('.line'), chart = arm.closest('svg');
        const n = arm.dataset.x.split(' ').length, end = line.getPointAtLength(1e9);
        const start = line.getPointAtLength(0);
        return [arm.closest('.panel').dataset.dataset, arm.dataset.name, arm.dataset.y,
                start.y, end.y, getComputedStyle(line).stroke]; })"""
    drawn = pd.DataFrame(opened.execute_script(script))
    assert len(drawn) == 2 * 3 * 2
    curves = results.curves[results.curves["metric"] == "accuracy"]
    means = curves.groupby(["dataset", "strategy", "trimmer", "labels"])["value"].mean()
    for dataset, part in drawn.groupby(0):
        first, last, low, high = [], [], [], []
        for _, name, values, start, end, stroke in part.itertuples(index=False):
            expected = means.loc[(dataset, *name.split(" + "))].to_numpy()
            np.testing.assert_allclose(list(map(float, values.split())), expected, rtol=1e-3)
            assert stroke.startswith("rgb")
            first.append(expected[0])
            last.append(expected[-1])
            low.append(start)
            high.append(end)
        # Heights on the screen are one straight scale of the means.
        scale = np.polynomial.Polynomial.fit(first + last, low + high, 1)
        np.testing.assert_allclose(scale(np.array(first + last)), low + high, atol=0.12)


def test_the_table_sorts_both_ways_by_number(opened: Any, results: Results) -> None:
    head = texts(opened, "#arms th")
    area = head.index("area")
    cells = f"#arms tbody td:nth-child({area + 1})"
    before = [float(text.split()[0]) for text in texts(opened, cells)]
    button = find(opened, f"#arms th:nth-child({area + 1}) button")
    button.click()
    assert [float(text.split()[0]) for text in texts(opened, cells)] == sorted(before)
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    button.send_keys(ENTER)  # by the keyboard as well
    assert [float(text.split()[0]) for text in texts(opened, cells)] == sorted(before)[::-1]
    difference = head.index("area against margin") + 1
    find(opened, f"#arms th:nth-child({difference}) button").click()
    values = texts(opened, f"#arms tbody td:nth-child({difference})")
    known = [float(v.split()[0].replace("−", "-")) for v in values if v != "–"]
    assert known == sorted(known)
    assert values[len(known) :] == ["–"] * (len(values) - len(known))
    assert min(known) < 0


def test_the_table_filters_by_words(opened: Any) -> None:
    box = find(opened, "[data-table=arms]")
    box.send_keys("wine margin accuracy")
    rows = texts(opened, "#arms tbody tr")
    assert len(rows) == 2
    assert all("wine" in row and "margin" in row for row in rows)
    assert texts(opened, "[data-count=arms]") == ["2 of 24 rows"]
    box.clear()
    box.send_keys("no such thing")
    assert texts(opened, "#arms tbody tr") == []


def test_the_theme_follows_the_system_until_a_reader_chooses(opened: Any) -> None:
    def paper(system: str) -> int:
        media = [{"name": "prefers-color-scheme", "value": system}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        colour = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
        return int(colour.split("(")[1].split(",")[0])

    assert paper("light") > 200 > 60 > paper("dark")
    find(opened, "#theme option[value=light]").click()
    assert paper("dark") > 200
    find(opened, "#theme option[value=dark]").click()
    assert paper("light") < 60


def test_arms_and_panels_can_be_chosen(opened: Any) -> None:
    assert len(texts(opened, ".panel")) == 2
    assert len(texts(opened, ".arm")) == 12
    find(opened, ".key[data-arm='1']").click()
    assert len(texts(opened, ".arm")) == 10
    find(opened, "[data-arms=none]").click()
    assert texts(opened, ".arm") == []
    find(opened, "[data-arms=all]").click()
    assert len(texts(opened, ".arm")) == 12
    for name, value in (("dataset", "wine"), ("metric", "macro_f1")):
        find(opened, f"[data-panels={name}] option:last-child").click()
        assert (
            opened.execute_script(f"return document.querySelector('[data-panels={name}]').value")
            == value
        )
    [shown] = texts(opened, ".panel figcaption")
    assert "wine" in shown
    assert "macro_f1" in shown


def test_a_chart_is_read_by_the_arrow_keys(opened: Any, results: Results) -> None:
    chart = find(opened, ".chart")
    opened.execute_script("arguments[0].focus()", chart)
    chart.send_keys(RIGHT)
    assert texts(opened, "#tip tr")[0] == "20 labels"
    chart.send_keys(RIGHT)
    head, *rows = texts(opened, "#tip tr")
    assert head == "30 labels"
    curves = results.curves.query("dataset == 'iris' and metric == 'accuracy' and labels == 30")
    means = curves.groupby(["strategy", "trimmer"])["value"].mean().sort_values(ascending=False)
    assert len(rows) == len(means)
    np.testing.assert_allclose([float(row.split(" ±")[0][-6:]) for row in rows], means, atol=1.1e-4)
    chart.send_keys(ESCAPE)
    assert texts(opened, "#tip") == []


def test_a_phone_has_no_sideways_scroll(opened: Any) -> None:
    size = {"width": 360, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wide = opened.execute_script("return document.documentElement.scrollWidth")
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 360


def test_a_printed_page_is_on_white_with_everything_open(opened: Any) -> None:
    find(opened, "#theme option[value=dark]").click()
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    opened.execute_script("dispatchEvent(new Event('beforeprint'))")
    colour = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    hidden = "return [...document.querySelectorAll('details')].filter(d => !d.open).length"
    closed = opened.execute_script(hidden)
    nav = texts(opened, "nav")
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert colour == "rgb(255, 255, 255)"
    assert closed == 0
    assert nav == []

"""The page of a report in a real browser: it works alone, on a phone, in the dark and on paper."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurodeploy.data.dataset import Signal
from neurodeploy.hw_sim.chips import CHIPS, choose
from neurodeploy.models.network import CubaLif, DenseLayer, QuantizedNetwork, TaskDescription
from neurodeploy.report import notebook
from neurodeploy.report.evaluate import evaluate
from neurodeploy.report.figures.drawing import FIGURES
from neurodeploy.report.report import Report
from neurodeploy.train.training import Epoch

EVIL = "<script>alert(1)</script>"
CLASSES = (EVIL, '<b class="evil">&amp;', "$x^2$ \N{ZERO WIDTH SPACE}\N{GRINNING FACE}")
PHONE, DESK = 380, 1280

CONTRAST = """
function channel(c) { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4 }
const sheet = getComputedStyle(document.body).backgroundColor;
const pixel = new OffscreenCanvas(1, 1).getContext('2d');
function light(text) {  // of a colour, which may let the paper through
  for (const each of [sheet, text]) { pixel.fillStyle = each; pixel.fillRect(0, 0, 1, 1) }
  const [r, g, b] = pixel.getImageData(0, 0, 1, 1).data;
  return .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
}
const paper = light(sheet);
const found = {};
for (const each of document.querySelectorAll('h1, h2, p, td, th, caption, dt, dd, li, svg text')) {
  const style = getComputedStyle(each), ink = light(each.closest('svg') ? style.fill : style.color);
  const ratio = (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
  found[each.tagName] = Math.min(found[each.tagName] ?? 99, ratio);
}
return found;
"""


def more_chips(folder: Path, count: int) -> list[Path]:
    """Write cost files of chips that differ in their names alone."""
    text = resources.files("neurodeploy.hw_sim.chips").joinpath("costs/loihi1.json").read_text()
    paths = [folder / f"chip{number}.json" for number in range(count)]
    for path in paths:
        named = {"name": path.stem, "title": f"Another chip {path.stem}"}
        path.write_text(json.dumps(json.loads(text) | named))
    return paths


def run(folder: Path, *, chips: int = 2) -> Report:
    """Run a network of 4-12-3 with labels and odd class names, and return what a page shows."""
    rng = np.random.default_rng(3)
    neuron = CubaLif(np.array([1024]), np.array([512]), 90)
    layers = tuple(DenseLayer(rng.integers(-60, 120, s), neuron) for s in ((12, 4), (3, 12)))
    described = TaskDescription(f"a task {EVIL}", class_names=CLASSES, dt_ms=20.0)
    spikes = (rng.random((9, 4, 40)) < 0.4).astype(np.uint8)
    onto = choose(("loihi1", "loihi2"), more_chips(folder, chips - 2))
    trained = {"options": {"recipe": {"epochs": 3, "hidden": [12]}, "seed": 4}}
    network = QuantizedNetwork.chain(layers, described, trained)
    made = evaluate(network, spikes, labels=np.arange(9) % 3, chips=onto)
    assert made.sample is not None
    values = rng.normal(size=(3, 50)).astype(np.float32)
    signal = Signal(values, ("acc-x (g)", "acc-y (g)", f"{EVIL} (V)"))
    return replace(made, sample=replace(made.sample, signal=signal))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    run(folder).save(folder / "page.html")
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Chromium, as Debian's packages chromium and chromium-driver bring it."""
    selenium = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or program is None:
        reason = "the page is looked at in Debian's chromium with chromium-driver; install both"
        assert not os.environ.get("NEURODEPLOY_NEEDS_BROWSER"), reason
        pytest.skip(reason)
    options = selenium.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    folder = tmp_path_factory.mktemp("chromium")
    for word in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync",
        "disable-background-networking", "disable-component-update", f"user-data-dir={folder}",
        "disable-dev-shm-usage",
    ):  # fmt: skip
        options.add_argument(f"--{word}")
    started = selenium.Chrome(options=options, service=Service(executable_path=driver))
    yield started
    started.quit()


def show(
    browser: Any, page: Path, *, width: int = DESK, dark: bool = False, media: str = ""
) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})
    browser.get(page.as_uri())


WIDER = """
const s = document.scrollingElement, cut = s.scrollWidth > s.clientWidth ? ['page'] : [];
for (const table of document.querySelectorAll('.scroll'))  // they scroll on a desk
  if (innerWidth < 400 && table.scrollWidth > table.clientWidth)
    cut.push(table.getAttribute('aria-label'));
for (const cell of document.querySelectorAll('section :is(td, th)'))
  if (cell.checkVisibility() && cell.getBoundingClientRect().right > innerWidth + 1)
    cut.push(cell.textContent);
for (const each of document.querySelectorAll('section .scroll tbody th.words')) {
  const range = document.createRange(), text = each.firstChild;
  for (const word of text.textContent.matchAll(/[a-z]{3,}/g)) {
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) cut.push(word[0]);
  }
}
return cut"""
"""What is wider than the screen, and names of rows that are broken within a word."""


@pytest.mark.parametrize("chips", [2, 4])
def test_nothing_is_wrong_cut_or_wider_than_the_screen(browser, tmp_path, chips):
    run(tmp_path, chips=chips).save(tmp_path / "page.html")
    for width in (PHONE, DESK):
        show(browser, tmp_path / "page.html", width=width)
        assert browser.execute_script(WIDER) == []
        assert browser.get_log("browser") == []


def test_the_page_says_when_with_what_and_how_it_came_about(browser, page):
    show(browser, page)
    why, names, values = browser.execute_script(
        "return [document.querySelector('header .why').textContent, ...['dt', 'dd'].map("
        "t => [...document.querySelectorAll('.origin ' + t)].map(e => e.textContent))]"
    )
    assert all(chip.costs["static_power"].source in why for chip in CHIPS.values())
    found = dict(zip(names, values))
    assert (date.today() - date.fromisoformat(found["date"])).days in (0, 1)
    assert found["numpy"] == np.__version__
    assert found["recipe"] == "epochs 3, hidden 12"


def test_every_figure_is_there_and_its_ids_are_its_own(browser, page):
    show(browser, page, width=PHONE)
    for name in FIGURES:
        box, marks, texts, label = browser.execute_script(
            f"""
            const svg = document.querySelector('figure#{name} svg'), box = svg.getBBox();
            const seen = [...svg.querySelectorAll('path, use, rect, line')].filter(
              each => each.getBoundingClientRect().width + each.getBoundingClientRect().height > 0);
            return [[box.width, box.height], seen.length, svg.querySelectorAll('text').length,
                    svg.parentElement.getAttribute('aria-label')]
            """
        )
        assert min(box) > 50, name
        assert marks > 5, name
        assert texts > 3, name
        assert len(label) > 20, name
    missing, ids, named = browser.execute_script(
        """return [document.querySelectorAll('.missing').length,
        [...document.querySelectorAll('[id]')].map(e => e.id),
        [...document.querySelectorAll('use')].map(e => e.getAttribute('href').slice(1))]"""
    )
    assert missing == 0
    assert len(ids) == len(set(ids))
    assert named
    assert set(named) <= set(ids)


@pytest.fixture(scope="module")
def notebook_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write what a notebook shows of a network, a report and a training, as a page."""
    path = tmp_path_factory.mktemp("notebook") / "notebook.html"
    report = run(path.parent)
    shown = (
        notebook.network_html(report.network),
        notebook.report_html(report),
        notebook.history_html([Epoch(1, 1.0, 0.5, 0.5, (0.1, 0.2), (1.0, 2.0))]),
    )
    style = "<style>:root{color-scheme:light dark} body{background:Canvas;color:CanvasText}</style>"
    path.write_text(f"<!doctype html>{style}{''.join(shown)}")
    return path


@pytest.mark.parametrize("what", ["page", "notebook_page"])
def test_text_is_readable_in_light_and_in_dark(browser, request, what):
    papers = set()
    for dark in (False, True):
        show(browser, request.getfixturevalue(what), dark=dark)
        papers.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
        found = browser.execute_script(CONTRAST)
        assert {"P", "TD", "TH", "text"} <= set(found)
        assert min(found.values()) >= 4.5, found
    assert len(papers) == 2


def test_the_page_needs_no_other_file(browser, page):
    show(browser, page)
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    text = page.read_text(encoding="utf-8")
    assert not re.search(
        r"""\b(src|xlink:href|action)=|@import|<(link|script|img)[^>]*http""", text
    )
    assert all(u.startswith(("#", "data:,")) for u in re.findall(r'\bhref="([^"]*)"', text))
    assert all(u.startswith("#") for u in re.findall(r"url\(([^)]*)\)", text))


def test_markup_in_names_is_text(browser, page):
    show(browser, page)
    scripts, evil, heading, shown = browser.execute_script(
        """return [document.scripts.length, document.querySelectorAll('.evil, svg b').length,
        document.querySelector('h1').textContent, document.body.textContent]"""
    )
    assert (scripts, evil) == (0, 0)
    assert heading == f"a task {EVIL}"
    assert all(name in shown for name in CLASSES)


def test_a_reader_hears_of_what_is_there(browser, page):
    show(browser, page)
    language, title, levels, headers = browser.execute_script(
        """return [document.documentElement.lang, document.title,
        [...document.querySelectorAll('h1, h2, h3')].map(e => Number(e.tagName[1])),
        [...document.querySelectorAll('th')].map(e => e.getAttribute('scope'))]"""
    )
    assert language == "en"
    assert title
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert set(headers) == {"row", "rowgroup", "col"}
    assert browser.execute_script(
        "return [...document.querySelectorAll('table')].every(e => e.caption?.textContent.trim())"
    )


def test_details_are_open_on_paper(browser, page):
    height = """const box = document.querySelector('table.sources tbody').getBoundingClientRect();
    return document.querySelector('table.sources').checkVisibility() ? box.height : 0"""
    show(browser, page)
    assert browser.execute_script(height) == 0
    show(browser, page, media="print")
    assert browser.execute_script(height) > 500


def test_every_cost_row_stands_with_value_source_and_grade(browser, page):
    show(browser, page)
    shown = browser.execute_script(
        "return [...document.querySelectorAll('table.sources')].map(e => e.textContent)"
    )
    for text, chip in zip(shown, CHIPS.values(), strict=True):
        for name, row in chip.rows().items():
            assert name.replace("_", " ") in text
            assert all(r.source in text and r.grade in text for r in row.readings), name

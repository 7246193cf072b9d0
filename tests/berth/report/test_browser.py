"""The report in headless Chromium: no console error, no request, the curves drawn, readable light, dark and narrow.

Needs the Debian packages chromium and chromium-driver.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from berth.report.page import render
from berth.report.run import FinishedStage, Run
from berth.stage.manifest import Manifest
from support.report_run import EXAMPLES, Made, record

pytestmark = pytest.mark.browser

WIDTHS = {"wide": 1280, "narrow": 400}
SCHEMES = ("light", "dark")
HOSTILE = "<img/src=x:y/onerror=window.hacked=1>"

# Texts whose contrast with their background is below 4.5:1 (WCAG AA).
FAINT = """
function channels(color) { return color.match(/[\\d.]+/g).map(Number); }
function luminance(color) {
  const [r, g, b] = channels(color).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function background(element) {
  for (let e = element; e; e = e.parentElement) {
    const color = getComputedStyle(e).backgroundColor;
    if (channels(color)[3] !== 0) return color;
  }
}
const faint = [];
for (const element of document.querySelectorAll("body *:not(script):not(svg *)")) {
  const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join("");
  if (!text || !element.checkVisibility()) continue;
  const [a, b] = [getComputedStyle(element).color, background(element)].map(luminance);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) faint.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
}
return faint;
"""
# Kinds of pixels on the canvases below the element of the curves: with curves drawn there are many.
COLOURS = """
const found = new Set();
function search(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.shadowRoot) search(element.shadowRoot);
    if (element.tagName !== "CANVAS" || !element.width) continue;
    const data = element.getContext("2d").getImageData(0, 0, element.width, element.height).data;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] === 255) found.add([data[i], data[i + 1], data[i + 2]].join());
  }
}
search(document.getElementById(arguments[0]));
return [...found];
"""
# The figures in the tooltips that are shown.
TOOLTIP = """
function texts(root) {
  return [...root.querySelectorAll("*")].flatMap(element => [
    ...(element.shadowRoot ? texts(element.shadowRoot) : []),
    ...(element.matches(".bk-tooltip-row-value") ? [element.innerText] : []),
  ]);
}
return texts(document);
"""


class Browser:
    """Headless Chromium, with all that a page says on its console and all that it asks the network for."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        program = shutil.which("chromedriver")
        assert program, "the tests marked browser need chromium and chromium-driver (apt-get install)"
        options = webdriver.ChromeOptions()
        for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-background-networking", "hide-scrollbars"):
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(program))

    def open(self, page: Path, width: int = 1280, scheme: str = "light") -> None:
        """Open a page and wait until its curves, if it has any, are drawn."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.resize(width, 900)
        self.messages(), self.requests()  # those of the page before
        self.driver.get(page.as_uri())
        if count := self.script("return document.querySelectorAll('.curves').length"):
            drawn = "return (window.Bokeh?.documents ?? []).filter(document => document.is_idle).length"
            from selenium.webdriver.support.wait import WebDriverWait

            WebDriverWait(self.driver, 30).until(lambda _: self.script(drawn) == count)

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def wait(self, text: str) -> Any:
        """The result of a script as soon as it is true or not empty."""
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, 30).until(lambda _: self.script(text))

    def messages(self) -> list[str]:
        """Errors and warnings on the console, those of refused requests and policies included."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path: Path) -> None:
        """The whole page, however long."""
        width, height = self.script("return [innerWidth, document.documentElement.scrollHeight]")
        self.resize(width, height)
        shot = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture(scope="module")
def report(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every section, and with texts that try to become more than text."""
    hostile = record(f"{HOSTILE} שלום", f"עולם {HOSTILE}", {1: "[MASK]", 4: HOSTILE})
    stages = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in made.stages.items()]
    path = tmp_path_factory.mktemp("browser") / "report.html"
    path.write_text(render(Run(made.recipe, stages, {"records short": EXAMPLES, HOSTILE: [hostile]})))
    return path


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_it_opens_without_errors_and_fetches_nothing(
    browser: Browser, report: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    browser.open(report, width, scheme)
    browser.screenshot(tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 50_000
    assert browser.messages() == []
    assert browser.requests() == [report.as_uri()]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_curves_are_drawn(browser: Browser, report: Path, width: int, scheme: str) -> None:
    from berth.report.charts import MASKED_LM, NEXT_SENTENCE, RATE, TOTAL

    browser.open(report, width, scheme)
    curves = {"curves": (MASKED_LM, NEXT_SENTENCE, RATE, TOTAL), "evaluation-curve": (RATE, MASKED_LM, NEXT_SENTENCE)}
    for chart, colors in curves.items():
        seen = set(browser.script(COLOURS, chart))
        for color in colors:
            assert ",".join(str(int(color[start : start + 2], 16)) for start in (1, 3, 5)) in seen


def test_pointing_at_a_curve_tells_its_figures(browser: Browser, report: Path) -> None:
    browser.open(report)
    x, y = browser.script(
        "const e = document.getElementById('curves'); e.scrollIntoView();"
        "const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + 150]"
    )
    browser.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    tooltip = browser.wait(TOOLTIP)
    assert tooltip[0].endswith("(short)")
    assert len(tooltip) == 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_has_contrast(browser: Browser, report: Path, scheme: str) -> None:
    browser.open(report, scheme=scheme)
    browser.script("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.script(FAINT) == []


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
def test_the_page_is_never_wider_than_the_window(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width)
    browser.script("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert browser.script("return document.documentElement.scrollWidth") <= width


def test_hostile_text_does_nothing(browser: Browser, report: Path) -> None:
    browser.open(report)
    assert browser.script("return [window.hacked, document.images.length]") == [None, 0]
    assert HOSTILE in browser.script("return document.body.innerText")


def test_scripts_of_others_are_refused(browser: Browser, report: Path, tmp_path: Path) -> None:
    """The second wall, and the proof that these tests see errors: a script that did get into the page."""
    broken = tmp_path / "broken.html"
    text = report.read_text(encoding="utf-8").replace("<main>", "<main><script>window.hacked = 1</script>", 1)
    broken.write_text(text, encoding="utf-8")
    browser.open(broken)
    assert browser.script("return window.hacked") is None
    assert any("Content Security Policy" in message for message in browser.messages())


def test_requests_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><img src='other.png' alt=''>")
    browser.open(tmp_path / "page.html")
    assert (tmp_path / "other.png").as_uri() in browser.requests()
    assert browser.messages() != []

"""The documentation site builds without a warning, holds what the code says, and loads nothing from elsewhere."""

import html.parser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from berth.app.cli import app
from berth.recipe import Recipe

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions"


class Page(html.parser.HTMLParser):
    """A page's identifiers, and the addresses that a browser loads by itself."""

    def __init__(self, path):
        super().__init__()
        self.identifiers, self.loaded = set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.identifiers.add(values.get("id"))
        if tag in ("script", "img", "iframe", "source"):
            self.loaded.append(values.get("src") or "")
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(values.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(directory)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    return directory


@pytest.mark.docs
@pytest.mark.timeout(600)
def test_the_references_hold_every_command_key_and_public_name(site):
    commands = Page(site / "reference" / "commands.html").identifiers
    assert {f"berth-{name}" for name in typer.main.get_command(app).commands} <= commands
    assert set(Recipe.model_fields) <= Page(site / "reference" / "recipe.html").identifiers
    assert "berth.recipe.Corpus" in Page(site / "reference" / "python-recipe.html").identifiers
    for name, package in (("formats", "berth/formats"), ("trainer", "trainer")):
        identifiers = Page(site / "reference" / f"python-{name}.html").identifiers
        files = [path for path in (ROOT / package).rglob("*.py") if path.stem[0] != "_"]
        # A package that says what is public is described by that, not module by module.
        whole = {path.parent for path in (ROOT / package).rglob("__init__.py") if "__all__" in path.read_text()}
        named = [path.with_suffix("") for path in files if not whole & set(path.parents)] + sorted(whole)
        assert {".".join(path.relative_to(ROOT).parts) for path in named} <= identifiers


@pytest.mark.docs
@pytest.mark.timeout(600)
def test_no_page_loads_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for path in pages:
        assert [address for address in Page(path).loaded if "//" in address] == [], path.name


def test_the_index_of_decisions_lists_all_of_them():
    index = (DECISIONS / "README.md").read_text()
    for path in DECISIONS.glob("[0-9]*.md"):
        number, title = re.match(r"# (\d+)[:.] (.*)", path.read_text()).groups()
        assert path.name.startswith(f"{int(number):03}-")
        assert f"| [{int(number):03}]({path.name}) | {title} |" in index


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_three_parts_on_one_screen(path):
    parts = re.findall(r"^## (\w+)$", path.read_text(), re.MULTILINE)
    assert [part.removesuffix("s") for part in parts] == ["Context", "Decision", "Consequence"]
    assert path.read_text().count("\n") <= 60

"""The pages of docs/recipes: their recipes and commands exist, and what is under "Try it" runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from berth.recipe import file as recipe_file
from berth.recipe import scale as recipe_scale
from support import doc_pages

ROOT = Path(__file__).parents[1]
DIRECTORY = ROOT / "docs" / "recipes"
PAGES = sorted(path.stem for path in DIRECTORY.glob("*.md") if path.name != "README.md")
RECIPES = sorted(set(recipe_file.installed()) - {"quickstart"})
# The variables of the pages' commands, as a shell would fill them in.
VARIABLES = {
    "BUCKET": "my-bucket",
    "KUBEFLOW": "https://kubeflow.example.org",
    "IMAGE": "registry/berth@sha256:" + 64 * "0",
}


def text(page):
    return (DIRECTORY / f"{page}.md").read_text()


def commands(page, section=""):
    """The page's commands of Berth, or those of one section, word by word, with the shell's variables filled in."""
    content = text(page)
    if section:
        content = content.split(f"## {section}\n")[1].split("\n## ")[0]
    script = "".join(block.content for block in doc_pages.blocks(content) if block.language == "sh")
    return doc_pages.shell_commands(script, VARIABLES)


def row(*cells):
    return f"| {' | '.join(map(str, cells))} |"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_one_that_berth_has(page):
    for words in commands(page):
        parameters = doc_pages.parse(words)
        if recipe := parameters.get("recipe"):
            assert recipe_file.load(recipe, parameters["set_"]).name == recipe, words


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_planned_run_and_compiled_on_one_page(recipe):
    tried = [words for page in PAGES for words in commands(page, "Try it") if recipe in words]
    assert [words[0] for words in tried] == ["plan", "run", "compile"]
    assert tried[1] == ["run", recipe, "--scale", "tiny"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_a_reader_wants_to_know(page):
    titles = re.findall(r"^## (.*)", text(page), re.MULTILINE)
    for title in (
        "What the source published",
        "What differs and why",
        "What is checked here and what is not",
        "Try it",
        "At full scale",
    ):
        assert title in titles
    assert "https://github.com/" in text(page)
    assert "**Where the source contradicts itself" in text(page)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_extends_a_base_and_names_its_page(recipe):
    lines = (ROOT / "recipes" / f"{recipe}.yaml").read_text().splitlines()
    assert any(line.startswith("extends: ") for line in lines)
    (row,) = [line for line in text("README").splitlines() if f"`{recipe}`" in line and line.startswith("| [")]
    page = re.search(r"\((\w+)\.md\)", row).group(1)
    assert f"`{recipe}`" in text(page)


def test_the_factors_of_the_small_scale_are_those_of_the_code():
    lines = []
    for name in RECIPES:
        recipe = recipe_file.load(name)
        changes = recipe_scale.changes(recipe, recipe_scale.scaled(recipe, "tiny"))
        if not lines:
            lines = [row("recipe", *(change.name for change in changes)), "|" + "---|" * (len(changes) + 1)]
        lines.append(row(f"`{name}`", *changes))
    table = "\n".join(lines)
    assert table in text("README"), table


def test_the_project_page_lists_the_pages():
    assert set(re.findall(r"docs/recipes/(\w+)\.md", (ROOT / "README.md").read_text())) == {*PAGES, "README"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Where the pages' commands run: one workspace, so that what several recipes share is made once."""
    return tmp_path_factory.mktemp("recipes")


@pytest.mark.recipes
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", PAGES)
def test_what_is_under_try_it_runs(page, directory):
    (script,) = re.findall(r"```sh\n(.*?)```", text(page).split("## Try it\n")[1].split("\n## ")[0], re.DOTALL)
    environment = {**os.environ, **VARIABLES, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=directory, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    reports = [path.read_text() for path in (directory / "workspace").glob("report/*/report.html")]
    for words in commands(page, "Try it"):
        if words[0] == "run":
            assert any(f"{words[1]}_tiny" in report for report in reports), words
        elif words[0] in ("compile", "report"):
            assert (directory / words[-1]).stat().st_size > 0

"""The documentation: its recipes load, its commands exist, its tree is the tree, and what it runs works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from berth.recipe import file as recipe_file
from support import doc_pages

ROOT = Path(__file__).parents[1]
PAGES = doc_pages.pages()
# The bash blocks of these pages run one after the other, in one directory.
EXECUTED = ("local", "corpora", "sentences", "vocabulary", "training", "finetuning", "planning")
FRAGMENTS = [
    block.content
    for block in doc_pages.blocks((ROOT / "docs" / "corpora.md").read_text())
    if block.language == "yaml" and not block.title
]
REST = """
name: fragment
records: {short: {max_seq_length: 64, max_predictions: 10}}
training: {phases: [{name: first, records: short, steps: 1, batch_size: 1, learning_rate: 1.0e-3}]}
evaluation: {records: short}
"""


def text(page):
    return (ROOT / page).read_text()


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_every_recipe_of_a_corpus_loads(tmp_path, fragment):
    text = fragment if "extends:" in fragment else fragment + REST
    if "sources:" in fragment and "prepared:" not in fragment:
        text += "segmentation: {eval_documents: 10}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = recipe_file.load(str(tmp_path / "recipe.yaml"))
    corpus = YAML(typ="safe", pure=True).load(fragment)["corpus"]
    assert [source.format for source in recipe.corpus.sources] == [
        source["format"] for source in corpus.get("sources", ())
    ]
    assert (recipe.corpus.prepared is None) == ("prepared" not in corpus)


def test_there_is_one_for_each_format():
    text = "\n".join(FRAGMENTS)
    for kind in ("wikipedia", "sentences", "documents", "jsonl", "parquet"):
        assert f"format: {kind}\n" in text
    assert "prepared:" in text


@pytest.mark.parametrize("page", PAGES)
def test_every_block_names_its_language(page):
    assert all(block.language for block in doc_pages.blocks(text(page)))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_one_that_berth_has(page):
    for block in doc_pages.blocks(text(page)):
        if block.language in doc_pages.SHELL:
            for words in doc_pages.shell_commands(block.content):
                # A script that passes its own arguments on leaves what is required to whoever starts it.
                doc_pages.parse([word for word in words if word != "$@"], complete="$@" not in words)
    for words in doc_pages.inline_commands(text(page)):
        doc_pages.parse(words, complete=False)


def test_a_command_that_berth_does_not_have_is_found():
    script = "for job in 1 2; do\n  X=1 berth plan quickstart --workspace $DIR \\\n    --nothing 'a | b' | cat\ndone\n"
    (words,) = doc_pages.shell_commands(script)
    assert words == ["plan", "quickstart", "--workspace", "dir", "--nothing", "a | b"]
    with pytest.raises(Exception, match="No such option: --nothing"):
        doc_pages.parse(words)
    assert doc_pages.inline_commands("Try `berth plan\nRECIPE --json`.") == [["plan", "RECIPE", "--json"]]


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_of_the_project_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text(page)):
        if "://" not in target and not target.startswith("mailto:"):
            assert ((ROOT / page).parent / target).exists(), target


def printed_tree():
    """The directories that the picture of the tree in ARCHITECTURE.md names, with those above them."""
    (tree,) = [block for block in doc_pages.blocks(text("ARCHITECTURE.md")) if block.title == "tree"]
    path, found = [], set()
    for line in tree.content.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        for name in re.findall(r"(?:^|(?<=\s))([\w.]+(?:/[\w.]+)*)/(?=\s|$)", line.split("  #")[0]):
            found.add("/".join([*path[:depth], name]))
            last = name
        path[depth:] = [last]
    return {"/".join(one.split("/")[:end]) for one in found for end in range(1, one.count("/") + 2)}


def test_the_tree_in_the_architecture_is_the_tree():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    directories = {str(Path(path).parent) for path in files if "/" in path and not path.startswith(".")}
    directories |= {str(above) for one in directories for above in Path(one).parents} - {"."}
    # What is below these holds no source code; the tests mirror the source.
    leaves = ("tests/", "docs/", "k8s/", "recipes/", "benchmarks/")
    assert printed_tree() == {one for one in directories if not one.startswith(leaves)}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("docs")


@pytest.mark.docs
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", EXECUTED)
def test_the_bash_blocks_of_a_page_run(page, directory):
    """In page order: a later page uses what an earlier one made, as a reader does."""
    found = doc_pages.blocks(text(f"docs/{page}.md"))
    for block in found:
        if block.title:
            (directory / block.title).parent.mkdir(parents=True, exist_ok=True)
            (directory / block.title).write_text(block.content)
    script = "\n".join(block.content for block in found if block.language == "bash")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert shutil.which("berth", path=environment["PATH"])
    ran = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script], cwd=directory, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-5000:]

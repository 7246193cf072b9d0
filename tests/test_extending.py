"""The examples of docs/extending.md, each applied to a copy of the tree and run there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import doc_pages

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "extending.md"
# Packages that have another name than their folder: pyproject.toml's package-dir.
FOLDERS = {"berth_dags": "kfp", "berth_recipes": "recipes", "berth_k8s": "k8s"}
LINES_ELSEWHERE = 2  # how many lines outside the new file an extension may change

EXAMPLE = '''# A page

## A greeting

A new file:

```python title="berth/greeting.py"
"""A greeting."""

TEXT = "hello"
```

and a changed line:

```diff
--- a/berth/__init__.py
+++ b/berth/__init__.py
@@ -7,2 +7,2 @@
 # before
-VERSION = 1
+VERSION = 2
@@ -90,2 +90,3 @@

 # after
+# the end
```

```text title="data/expected.txt"
hello 2
```

```bash
python -c "from berth import VERSION, greeting; print(greeting.TEXT, VERSION)" > said.txt
cmp said.txt data/expected.txt
```
'''


def sections(text):
    """The sections of the page by title: their blocks."""
    titles = re.split(r"^## (.*)$", text, flags=re.MULTILINE)[1:]
    return {title: doc_pages.blocks(body) for title, body in zip(titles[::2], titles[1::2], strict=True)}


def copy(directory):
    """A copy of what git tracks, with the folders' names as packages."""
    tree = directory / "tree"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for path in filter(None, listed.split("\0")):
        if (ROOT / path).exists():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, tree / path)
    return tree


def changed(text, diff):
    """A file's text after a diff in the unified format, and how many of its lines changed.

    Hunks are found by their lines, not by their numbers: these lines must occur once.
    """
    lines, count = text.splitlines(), 0
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        hunk = [line or " " for line in hunk.splitlines() if not line.startswith(("--- ", "+++ "))]
        if not hunk:
            continue
        old = [line[1:] for line in hunk if line[0] in " -"]
        new = [line[1:] for line in hunk if line[0] in " +"]
        found = [start for start in range(len(lines)) if lines[start : start + len(old)] == old]
        assert len(found) == 1, f"these lines occur {len(found)} times: {old}"
        lines[found[0] : found[0] + len(old)] = new
        count += max(sum(line.startswith(sign) for line in hunk) for sign in "-+")
    return "\n".join(lines) + "\n", count


def changed_file(diff):
    """The path of the file that a diff changes."""
    return re.match(r"--- (?:a/)?(\S+)", diff).group(1)


def apply(blocks, tree):
    """Make a section's files and changes; the number of lines that change outside new files."""
    elsewhere = 0
    for block in blocks:
        if block.language == "diff":
            name = changed_file(block.content)
            text, lines = changed((tree / name).read_text(), block.content)
            (tree / name).write_text(text)
            elsewhere += lines
        elif block.title:
            path = tree / block.title
            assert not path.exists(), f"{block.title} is no new file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.content)
    return elsewhere


def run(script, tree, directory):
    """Run a script in the root of a tree, with its packages instead of the installed ones.

    What is on PYTHONPATH comes before what is installed, and before the finder of an editable installation.
    """
    packages = directory / "packages"
    packages.mkdir()
    for name in ("berth", "components", "pipelines", "trainer", *FOLDERS):
        (packages / name).symlink_to(tree / FOLDERS.get(name, name))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(packages),
        "PYTHONSAFEPATH": "1",
    }
    return subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_a_section_is_applied_and_run(tmp_path):
    (blocks,) = sections(EXAMPLE).values()
    tree = tmp_path / "tree"
    (tree / "berth").mkdir(parents=True)
    (tree / "berth" / "__init__.py").write_text("# before\nVERSION = 1\n\n# after\n")
    assert apply(blocks, tree) == 2
    assert (tree / "berth" / "__init__.py").read_text() == "# before\nVERSION = 2\n\n# after\n# the end\n"
    ran = run("".join(block.content for block in blocks if block.language == "bash"), tree, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tree / "said.txt").read_text() == "hello 2\n"


def test_a_change_that_does_not_fit_is_found():
    with pytest.raises(AssertionError, match="occur 0 times"):
        changed("a\nb\n", "--- a/file\n a\n-c\n+d\n")
    with pytest.raises(AssertionError, match="occur 2 times"):
        changed("a\na\n", "--- a/file\n a\n+b\n")
    assert changed("a\n\nb\n", "--- file\n a\n\n+x\n b\n") == ("a\n\nx\nb\n", 1)
    assert changed("a\nb\n", "--- file\n+++ file\n-a\n+x\n+y\n b\n") == ("x\ny\nb\n", 2)


def test_a_file_that_exists_is_not_new(tmp_path):
    (tmp_path / "berth").mkdir()
    (tmp_path / "berth" / "greeting.py").touch()
    with pytest.raises(AssertionError, match=r"berth/greeting\.py is no new file"):
        apply(sections(EXAMPLE)["A greeting"], tmp_path)


@pytest.mark.docs
@pytest.mark.timeout(900)
def test_the_copy_is_what_runs(tmp_path):
    tree = copy(tmp_path)
    (tree / "berth" / "__init__.py").write_text('"""A copy."""\n\n__version__ = "9.9.9"\n')
    script = (
        "berth --version; for name in berth_dags berth_recipes berth_k8s pipelines.corpora trainer components; do\n"
        "python -c \"import importlib, os; print(os.path.realpath(importlib.import_module('$name').__path__[0]))\"\n"
        "done"
    )
    ran = run(script, tree, tmp_path)
    assert ran.returncode == 0, ran.stderr
    version, *paths = ran.stdout.splitlines()
    assert version == "berth 9.9.9"
    assert [str(Path(path).relative_to(tree)) for path in paths] == [
        *("kfp", "recipes", "k8s", "pipelines/corpora", "trainer", "components")
    ]


@pytest.fixture
def directory(tmp_path_factory):
    """One path for all sections: numba keeps compiled kernels by the path of their sources."""
    path = tmp_path_factory.getbasetemp() / "extending"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


@pytest.mark.parametrize("title", sections(PAGE.read_text()))
def test_an_extension_changes_at_most_two_lines_elsewhere(title):
    lines = 0
    for block in sections(PAGE.read_text())[title]:
        if block.language == "diff":
            lines += changed((ROOT / changed_file(block.content)).read_text(), block.content)[1]
    assert 1 <= lines <= LINES_ELSEWHERE


@pytest.mark.docs
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("title", sections(PAGE.read_text()))
def test_an_extension_is_one_file_and_at_most_two_lines(title, directory):
    blocks = sections(PAGE.read_text())[title]
    tree = copy(directory)
    assert len([block for block in blocks if block.language == "python" and block.title]) == 1
    assert apply(blocks, tree) <= LINES_ELSEWHERE
    ran = run("\n".join(block.content for block in blocks if block.language == "bash"), tree, directory)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-5000:]

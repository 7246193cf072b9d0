"""What mkdocs builds besides the files in docs/: the pages of the project's root, and references made from the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from berth.app.cli import app
from berth.recipe.help import describe

ROOT = Path(__file__).parents[1]
# The pages of the root, by their names on the site. Links between them and to docs/ are adapted.
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
PYTHON = {
    "recipe": ("Python: recipes", ["berth.recipe", "berth.recipe.file"]),
    "formats": ("Python: formats", ["berth.formats"]),
    "transforms": ("Python: Beam transforms", ["pipelines.transforms"]),
    "trainer": ("Python: training", ["trainer"]),
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the decisions in the navigation."""
    decisions = [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    decisions.sort(key=lambda path: not path.endswith("README.md"))
    for group in config.nav or ():
        for pages in group.values():
            for entry in pages if isinstance(pages, list) else ():
                if isinstance(entry, dict) and "Decisions" in entry:
                    entry["Decisions"] = decisions
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of docs/."""
    generated = {target: _on_site((ROOT / source).read_text()) for source, target in ROOT_PAGES.items()}
    generated["reference/commands.md"] = commands()
    generated["reference/recipe.md"] = recipe_keys()
    for name, (title, modules) in PYTHON.items():
        generated[f"reference/python-{name}.md"] = f"# {title}\n\n" + "".join(
            f"::: {module}\n\n" for package in modules for module in _modules(package)
        )
    for path, content in generated.items():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links from docs/ to the pages of the root lead to their names on the site."""
    for source, target in ROOT_PAGES.items():
        markdown = re.sub(rf"\]\(((?:\.\./)*)\.\./{re.escape(source)}", rf"](\1{target}", markdown)
    return markdown


def _on_site(text: str) -> str:
    """A root page's links as links of the site; what is not on the site is named without a link."""

    def link(match: re.Match[str]) -> str:
        title, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        if "://" in target:
            return match.group(0)
        page = ROOT_PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else "")
        if (ROOT / target).is_dir():
            page = ""
        return f"[{title}]({page}{anchor})" if page else title

    return LINK.sub(link, text)


def _modules(name: str) -> list[str]:
    """A package and all public modules in it, or the module itself."""
    directory = ROOT / name.replace(".", "/")
    if not directory.is_dir():
        return [name]
    if "__all__" in (directory / "__init__.py").read_text():
        return [name]  # the package says what is public
    below = [path for path in sorted(directory.iterdir()) if path.suffix == ".py" or (path / "__init__.py").exists()]
    return [name, *(m for path in below if path.stem[0] != "_" for m in _modules(f"{name}.{path.stem}"))]


def commands() -> str:
    """The reference of the command line, from the command line itself."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    top = group.make_context("berth", ["--help"], resilient_parsing=True)
    parts = ["# Commands\n", group.help or "", "\n\n", group.epilog or "", "\n"]
    for name, command in group.commands.items():
        context = command.make_context(name, [], parent=top, resilient_parsing=True)
        usage = command.get_usage(context).removeprefix("Usage: ")
        parts.append(f"\n## berth {name}\n\n{_escaped(command.help or '')}\n\n```text\n{usage}\n```\n\n")
        records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
        parts.append("| | |\n|---|---|\n")
        parts += [f"| {_code(names)} | {_escaped(' '.join(text.split()))} |\n" for names, text in records]
        if command.epilog:
            parts.append(f"\n{command.epilog}\n")
    return "".join(parts)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "&#124;") if "|" not in text else f"<code>{_escaped(text)}</code>"


def _escaped(text: str) -> str:
    """Text of which nothing is mark-up in a cell of a table."""
    return re.sub(r"[|<>*_\[\]]", lambda sign: f"&#{ord(sign[0])};", text)


def recipe_keys() -> str:
    """The reference of the recipe's keys: what `berth schema` prints, a section for each key at the top."""
    parts = ["# Recipe keys\n\nWhat `berth schema` prints: type, default and meaning of every key.\n"]
    for entry in re.split(r"^(?=\w)", describe(), flags=re.MULTILINE):
        if entry:
            parts.append(f"\n## {entry.partition(':')[0]}\n\n```yaml\n{entry.rstrip()}\n```\n")
    return "".join(parts)

"""The documentation's pages: their code blocks, and the commands of Berth in blocks and in the text."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import typer

from berth.app.cli import app

ROOT = Path(__file__).parents[2]
# Fenced blocks in these languages are shell commands: `bash` runs as it is, `sh` needs what a reader has.
SHELL = {"bash", "sh"}
OPERATORS = set("|&;<>")


class Block(NamedTuple):
    """A fenced code block: its language, its title (the path of a file) or "", and its content."""

    language: str
    title: str
    content: str


def pages() -> list[str]:
    """Paths of all pages, relative to the root of the project."""
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a page, also those that are indented as part of a list."""
    found = []
    for match in re.finditer(r"^( *)```([^\n]*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        indent, info, content = match.groups()
        language, _, rest = info.partition(" ")
        title = re.search(r'title="([^"]*)"', rest)
        found.append(Block(language, title.group(1) if title else "", re.sub(rf"^{indent}", "", content, flags=re.M)))
    return found


def shell_commands(script: str, variables: dict[str, str] | None = None) -> list[list[str]]:
    """The words of each command of Berth in a shell script.

    Variables have the value that the script exports or ``variables`` gives, otherwise their lower-case name.
    """
    values = dict(variables or {})
    found = []
    script = re.sub(r"\\\n", " ", script)
    script = re.sub(r"\$\([^()]*\)", "substituted", script)
    for line in script.splitlines():
        for name, value in re.findall(r"(?:export )?\b([A-Z]+)=\"([^\"]*)\"", line):
            values[name] = re.sub(r"\$\{?(\w+)\}?", lambda v: values.get(v.group(1), v.group(1).lower()), value)
        line = re.sub(r"\$\{?(\w+)\}?", lambda name: values.get(name.group(1), name.group(1).lower()), line)
        if "berth " in line:
            found += [words[words.index("berth") + 1 :] for words in _simple_commands(line) if _runs_berth(words)]
    return found


def _simple_commands(line: str) -> list[list[str]]:
    """A line divided at `|`, `&&`, `;` and redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= OPERATORS:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _runs_berth(words: list[str]) -> bool:
    """Whether the program of a simple command is `berth`, after assignments and the shell's own words."""
    for word in words:
        if word == "berth":
            return True
        if word not in ("do", "then", "exec", "!") and not re.fullmatch(r"\w+=.*", word):
            return False
    return False


def inline_commands(text: str) -> list[list[str]]:
    """The words of each `berth …` in the running text of a page."""
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = []
    for code in re.findall(r"`(berth [^`]+)`", text):
        words = shlex.split(re.sub(r"\$(\w+)", r"\1", " ".join(code.split())))[1:]
        # `RUN...` and `…` stand for more of the same, `[OPTIONS]` for options.
        words = [word.removesuffix("...") for word in words if word not in ("…", "[OPTIONS]")]
        found.append(words)
    return found


def parse(words: list[str], complete: bool = True) -> dict[str, object]:
    """The parameters of a command as the command line reads them.

    Args:
        words: The command and its arguments, without `berth`.
        complete: Whether a required parameter that is missing is an error.
    """
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("--help", "--version"):
        return {}
    name, *arguments = words
    assert name in group.commands, f"berth has no command {name}"
    if "--help" in arguments:
        return {}
    try:
        return group.commands[name].make_context(name, arguments).params
    except typer.BadParameter as error:
        if not complete and type(error).__name__ == "MissingParameter":
            return {}
        raise

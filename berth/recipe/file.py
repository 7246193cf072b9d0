"""Load a recipe: a file or an installed name, `extends`, `--set`, `--scale`; errors that name file, line and key."""

from __future__ import annotations

import difflib
import errno
import io
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from berth import storage
from berth.errors import BerthError, UsageError, summary
from berth.recipe import Recipe
from berth.recipe import scale as recipe_scale
from berth.recipe.keys import expectation, section_at

log = logging.getLogger("berth.recipe")

INSTALLED = "package://berth_recipes"
EXTENDS = "extends"
# Far beyond any sensible recipe. Linux takes 131,072 bytes as one argument of a command, and Kubeflow writes a recipe's
# JSON into JSON again, which doubles each quotation mark.
LARGEST_FILE, LARGEST_RECIPE = 1 << 20, 64_000
MOST_VALUES, DEEPEST = 50_000, 50
LONGEST_SHOWN, MOST_PROBLEMS, LONGEST_INDEX = 200, 20, 9


def load(name: str, overrides: Sequence[str] = (), scale: str = "") -> Recipe:
    """Load and check a recipe.

    Args:
        name: Path or gs:// URI of a YAML file, or the name of a recipe that is installed with Berth (``quickstart``).
        overrides: ``key.path=VALUE`` texts. VALUE is read as YAML; items of lists are named by their index.
        scale: A smaller scale, ``tiny``, applied to the file's recipe before the overrides, which have the last word.

    Raises:
        UsageError: for a missing file, wrong YAML, an unknown key, a wrong type, an impossible combination or an
            unknown scale.
    """
    uri = _find(name)
    document = _with_base(uri, [])
    if scale:
        document = _scaled(document, uri, scale)
    for override in overrides:
        _apply(document, override)
    recipe = check(document, uri)
    _check_transport(recipe, uri)
    return recipe


def _scaled(document: CommentedMap, uri: str, scale: str) -> CommentedMap:
    """The document of the recipe at a scale, without defaults, as a file would have it."""
    recipe = check(document, uri)
    small = recipe_scale.scaled(recipe, scale)
    log.info(recipe_scale.describe(recipe, small, scale))
    content = CommentedMap(small.identity(exclude={"cluster"}))
    if "cluster" in document:  # as it is in the file: its stages inherit from its defaults, also from overridden ones
        content["cluster"] = document["cluster"]
    return content


def check(document: Mapping[str, Any], where: str) -> Recipe:
    """Turn a parsed document into a recipe. Raises UsageError that names the wrong keys."""
    _check_extent(document, where)
    try:
        return Recipe.model_validate(_plain(document))
    except ValidationError as error:
        problems = [_explain(problem, document) for problem in error.errors(include_url=False)]
        shown = " ".join(f"({number}) {text}" for number, text in enumerate(problems[:MOST_PROBLEMS], 1))
        many = len(problems) > 1
        raise UsageError(
            f"the recipe has {len(problems)} errors. {shown}" if many else problems[0],
            where=where,
            fix="`berth schema` prints every key with its type, default and meaning.",
        ) from error


def installed() -> list[str]:
    """Names of the recipes that are installed with Berth."""
    return [storage.basename(uri).removesuffix(".yaml") for uri in storage.glob(storage.Pattern(INSTALLED, "*.yaml"))]


def _find(name: str) -> str:
    if name in installed():
        return str(storage.local_path(f"{INSTALLED}/{name}.yaml"))
    if not _exists(name):
        raise UsageError(
            "no such recipe",
            where=_short(name),
            expected=f"a YAML file, or the name of an installed recipe ({', '.join(installed())})",
        )
    return name


def _exists(name: str) -> bool:
    try:
        return storage.exists(name)
    except ValueError:  # a name that no file can have: with a NUL
        return False
    except BerthError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENAMETOOLONG:
            return False
        raise


def _parse(uri: str) -> CommentedMap:
    if (size := storage.size(uri)) > LARGEST_FILE:
        raise _too_large(uri, f"{size:,} bytes", f"at most {LARGEST_FILE:,}")
    text = storage.read_text(uri)
    try:
        document = YAML(typ="rt", pure=True).load(io.StringIO(text))
    except MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = (error.problem or str(error)).split("\n")[0]
        raise UsageError("the recipe is not valid YAML", where=f"{uri}{line}", found=_short(problem)) from error
    except Exception as error:  # control characters, numbers of thousands of digits, deep nesting, strange keys …
        raise UsageError("the recipe cannot be read as YAML", where=uri, found=summary(error)) from error
    if not isinstance(document, CommentedMap):
        raise UsageError(
            "the recipe holds no keys",
            where=uri,
            found="an empty file" if document is None else type(document).__name__,
            expected="a YAML mapping, such as recipes/quickstart.yaml",
        )
    _check_extent(document, uri)
    return document


def _check_extent(document: Any, where: str) -> None:
    """Refuse documents that aliases make deep, endless or huge, before they are walked."""
    left = MOST_VALUES
    stack = [(document, 0)]
    while stack:
        value, depth = stack.pop()
        left -= 1
        if left < 0 or depth > DEEPEST:
            raise _too_large(where, "nesting or aliases without end" if depth > DEEPEST else "too many values")
        if isinstance(value, dict | list):
            stack += [(item, depth + 1) for item in (value.values() if isinstance(value, dict) else value)]


def _check_transport(recipe: Recipe, where: str) -> None:
    """A recipe travels as an argument of a command, in which Kubeflow replaces texts that begin with ``{{$``."""
    text = recipe.model_dump_json()
    if (size := len(text.encode())) > LARGEST_RECIPE:
        raise _too_large(where, f"{size:,} bytes as JSON", f"at most {LARGEST_RECIPE:,}")
    if "{{$" in text:
        raise UsageError("the recipe has a text with {{$, which Kubeflow Pipelines would replace", where=where)


def _too_large(where: str, found: str, expected: str = "") -> UsageError:
    return UsageError(
        "the recipe is too large",
        where=where,
        found=found,
        expected=expected,
        fix="Name many files by a pattern, and keep the recipe to its keys.",
    )


def _with_base(uri: str, seen: list[str]) -> CommentedMap:
    """Parse a recipe and merge it into the one it extends: mappings are merged, everything else is replaced."""
    place = uri if storage.is_cloud(uri) else os.path.realpath(storage.local_path(uri))  # whatever way leads there
    if place in seen:
        raise UsageError("recipes extend each other in a circle", where=uri, found=" → ".join([*seen, place]))
    document = _parse(uri)
    base = document.pop(EXTENDS, None)
    if base is None:
        return document
    return _merge(_with_base(_find_base(str(base), uri), [*seen, place]), document)


def _find_base(base: str, uri: str) -> str:
    beside = storage.join(storage.parent(uri), base)
    return beside if _exists(beside) else _find(base)


def _merge(base: CommentedMap, over: CommentedMap) -> CommentedMap:
    for key, value in over.items():
        if isinstance(value, CommentedMap) and isinstance(base.get(key), CommentedMap):
            _merge(base[key], value)
        else:
            base[key] = value
    return base


def _apply(document: CommentedMap, override: str) -> None:
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise UsageError("this is not an override", where=f"--set {_short(override)}", expected="--set key.path=VALUE")
    try:
        value = YAML(typ="safe", pure=True).load(text) if text else None
    except Exception as error:  # as in a file
        raise UsageError(
            "the value of this override is not YAML",
            where=f"--set {_short(override)}",
            found=summary(error),
            fix=f"Put a text with special characters into quotes of its own: --set '{_short(path)}=\"TEXT\"'.",
        ) from error
    *parents, last = path.split(".")
    parent: Any = document
    for part in parents:
        parent = _step(parent, part, override)
    if isinstance(parent, list):
        parent[_index(parent, last, override)] = value
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _no_such_key(override, last)


def _step(parent: Any, part: str, override: str) -> Any:
    if isinstance(parent, list):
        return parent[_index(parent, part, override)]
    if isinstance(parent, dict):
        if parent.get(part) is None:
            parent[part] = CommentedMap()
        return parent[part]
    raise _no_such_key(override, part)


def _index(items: list[Any], part: str, override: str) -> int:
    if not part.isdecimal() or len(part) > LONGEST_INDEX or int(part) >= len(items):
        raise UsageError(
            "this override names no item of the list",
            where=f"--set {_short(override)}",
            found=_short(part),
            expected=f"an index from 0 to {len(items) - 1}",
        )
    return int(part)


def _no_such_key(override: str, part: str) -> UsageError:
    return UsageError(
        "this override names a key below a plain value",
        where=f"--set {_short(override)}",
        found=f"the key {_short(part)}",
    )


def _plain(value: Any) -> Any:
    """The document without ruamel's types, which pydantic's strict mode does not accept as numbers and strings."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _explain(problem: Any, document: Mapping[str, Any]) -> str:
    """One problem as text: line, key path, what was found and what was expected."""
    path = [str(part) for part in problem["loc"] if part != "[key]"]
    where = _short(".".join(path)) or "the recipe as a whole"
    line = _line(document, path)
    where = f"line {line}, {where}" if line else where
    found = problem.get("input")
    match problem["type"]:
        case "extra_forbidden":
            close = difflib.get_close_matches(_short(path[-1]), _known_keys(path[:-1]), 1)
            return f"{where}: unknown key" + (f"; did you mean {close[0]!r}?" if close else ".")
        case "missing":
            return f"{where}: this key is missing."
        case "value_error":
            return f"{where}: {problem['ctx']['error']}."
        case _:
            return f"{where}: found {_short(repr(found))}, expected {expectation(problem)}."


def _short(text: str) -> str:
    """The text, cut off where a message would be unreadable."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _known_keys(path: Sequence[str]) -> list[str]:
    """The keys allowed at a key path, for suggestions."""
    section = section_at(path)
    return list(section.model_fields) if section is not None else []


def _line(document: Any, path: Sequence[str]) -> int | None:
    """The line of a key in its file; None if unknown (an override, a missing key)."""
    line: int | None = None
    for part in path:
        try:
            if isinstance(document, CommentedMap):
                line = cast(int, document.lc.key(part)[0]) + 1
                document = document[part]
            elif isinstance(document, CommentedSeq):
                line = cast(int, document.lc.item(int(part))[0]) + 1
                document = document[int(part)]
            else:
                break
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line

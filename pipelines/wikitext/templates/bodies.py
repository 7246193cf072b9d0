"""Bodies of simple templates, which show their arguments: parsed from a template's page, expanded for a call.

A body is JSON data: a list of texts and mappings. A mapping is a parameter (``{"parameter": name,
"default": body}``), a call of another template (``{"template": name, "arguments": [[key, body], ...]}``, the key "" for
arguments without a name) or a condition (``{"if": body, "then": body, "else": body}``).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Body = list[Any]
Expand = Callable[[str, Mapping[str, str]], str | None]

# A simple body has hardly any text of its own. Boxes, notes and headings have more.
MAX_OWN_TEXT = 12
MAX_SOURCE = 4000
MAX_DEPTH = 20
MAX_PARAMETERS = 16
# The text may be at most this many times as long as the arguments, plus a constant: bodies that double their arguments
# would grow exponentially over several templates.
MAX_GROWTH, MAX_CONSTANT = 4, 1000

# Attributes have a limit: of many tags without an end, each would be searched to the end of the page.
_ATTRIBUTES = "[^>]{0,1000}"
_NOT_INCLUDED = re.compile(
    rf"<!--.*?-->|<noinclude\b{_ATTRIBUTES}>.*?(?:</noinclude\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_ONLY_INCLUDED = re.compile(rf"<onlyinclude\b{_ATTRIBUTES}>(.*?)</onlyinclude\s*+>", re.DOTALL | re.IGNORECASE)
_ONLY_INCLUDED_END = re.compile(r"</onlyinclude\s*+>", re.IGNORECASE)
_INCLUDE_TAG = re.compile(
    rf"</?includeonly\b{_ATTRIBUTES}>|<nowiki\s*/>|<templatestyles\b{_ATTRIBUTES}/>", re.IGNORECASE
)
_COMMENT, _COMMENT_END = "<!--", "-->"
_HIDDEN = re.compile(
    r"<(span|small|i|b)\b[^<>]*display\s*:\s*none[^<>]*>[^<>]*</\1\s*>"  # keys for sorting
    r"|<ref\b[^<>]*/>|<ref\b[^<>]*>[^<>]*</ref\s*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?([a-z]+)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_INLINE_TAGS = """
    span small big i b em strong font u s del ins abbr code tt kbd samp var sub sup cite q bdi bdo mark time data
"""
_INLINE = frozenset(_INLINE_TAGS.split())
# Pronunciation is dropped, and so is what is not printed or not part of the text.
_DROPPED_CLASSES = re.compile(r"\b(?:IPA|API|noprint|hatnote|navigation|error|mw-editsection)\b")
_TOKEN = re.compile(r"\{\{\{+|\{\{|\}\}|\||=")
_NOT_INLINE = re.compile(r"[\[\]\n<>]|^[*#:;]|__")
_QUOTES = re.compile(r"'{2,}|\s+")
_KEY = re.compile(r"([^={}|]*)=")
_CONDITION = "#if:"


class _NotSimpleError(Exception):
    """The body is not simple."""


def included(source: str) -> str:
    """The part of a template's page that replaces a call."""
    # What begins after the last end has none: it would be searched to the end of the page, from each beginning.
    ends = [found.end() for found in _ONLY_INCLUDED_END.finditer(source)]
    if ends and (only := _ONLY_INCLUDED.findall(source, 0, ends[-1])):
        source = "".join(only)
    last = max(source.rfind(_COMMENT_END), 0)
    source = source[:last] + source[last:].replace(_COMMENT, "\0")
    return _INCLUDE_TAG.sub("", _NOT_INCLUDED.sub("", source)).replace("\0", _COMMENT).strip()


def read_body(source: str) -> Body | None:
    """The body on a template's page, or None if it is not simple: if it does more than show its arguments in a line.

    Args:
        source: Wikitext of the page.
    """
    text = included(source)
    if not text or "{{{" not in text or len(text) > MAX_SOURCE:
        return None
    text = _HIDDEN.sub("", text)
    if _DROPPED_CLASSES.search(text) or any(tag.lower() not in _INLINE for tag in _TAG.findall(text)):
        return None
    text = _TAG.sub("", text).strip()
    decoded = html.unescape(text)
    if any(decoded.count(sign) > text.count(sign) for sign in "{}[]|<>=&'"):
        return None  # escaped characters, which are not mark-up
    text = decoded
    try:
        body, end = _parse(text, 0, (), 0)
    except _NotSimpleError:
        return None
    if end < len(text) or not 0 < _parameters(body) <= MAX_PARAMETERS or len(_own_text(body)) > MAX_OWN_TEXT:
        return None
    return body


def calls(body: Body) -> Iterator[str]:
    """Names of the templates that a body calls."""
    for node in body:
        if isinstance(node, dict):
            if "template" in node:
                yield node["template"]
            for part in _parts(node):
                yield from calls(part)


def show(body: Body, arguments: Mapping[str, str], *, expand: Expand) -> str | None:
    """The text of a call, or None if it is empty or too long.

    Args:
        body: The template's body.
        arguments: Arguments of the call by name.
        expand: Gives the text of the templates that the body calls.
    """
    text = _shown(body, arguments, expand).strip()
    is_too_long = len(text) > MAX_CONSTANT + MAX_GROWTH * sum(map(len, arguments.values()))
    return None if is_too_long else text or None


def _shown(body: Body, arguments: Mapping[str, str], expand: Expand) -> str:
    return "".join(node if isinstance(node, str) else _node_shown(node, arguments, expand) for node in body)


def _node_shown(node: Mapping[str, Any], arguments: Mapping[str, str], expand: Expand) -> str:
    if "parameter" in node:
        value = arguments.get(node["parameter"])
        return _shown(node["default"], arguments, expand) if value is None else value
    if "if" in node:
        is_given = _shown(node["if"], arguments, expand).strip()
        return _shown(node["then"] if is_given else node["else"], arguments, expand).strip()
    passed: dict[str, str] = {}
    position = 0
    for key, value in node["arguments"]:
        text = _shown(value, arguments, expand)
        if key:
            passed[key] = text.strip()
        else:
            position += 1
            passed[str(position)] = text
    return expand(node["template"], passed) or ""


def _parse(text: str, at: int, closers: tuple[str, ...], depth: int) -> tuple[Body, int]:
    """The body from ``at`` to one of ``closers``, or to the end of the text; and the position of that end."""
    if depth > MAX_DEPTH:
        raise _NotSimpleError
    body: Body = []
    while True:
        found = _TOKEN.search(text, at)
        literal = text[at : found.start() if found else len(text)]
        if _NOT_INLINE.search(literal):
            # In a call there may be line feeds around arguments.
            if not closers or _NOT_INLINE.search(literal.strip()):
                raise _NotSimpleError
            literal = literal.strip()
        if literal:
            body.append(literal)
        if found is None:
            if closers:
                raise _NotSimpleError
            return body, len(text)
        token, at = found[0], found.start()
        if any(text.startswith(closer, at) for closer in closers):
            return body, at
        if token == "{{{":
            node, at = _parse_parameter(text, at + 3, depth)
        elif token == "{{":
            node, at = _parse_call(text, at + 2, depth)
        elif token == "=" and closers:
            body.append(token)
            at += 1
            continue
        else:
            raise _NotSimpleError
        body.append(node)


def _parse_parameter(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    name, at = _parse(text, at, ("|", "}}}"), depth + 1)
    default: Body = []
    if text.startswith("|", at):
        default, at = _parse(text, at + 1, ("|", "}}}"), depth + 1)
    if not text.startswith("}}}", at) or len(name) != 1 or not isinstance(name[0], str):
        raise _NotSimpleError
    return {"parameter": name[0].strip().lower(), "default": default}, at + 3


def _parse_call(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    parts: list[tuple[str, Body]] = []
    is_condition = text.startswith(_CONDITION, at)
    at += len(_CONDITION) if is_condition else 0
    while True:
        key = ""
        if parts and not is_condition and (named := _KEY.match(text, at)):
            key, at = named[1].strip().lower(), named.end()
        value, at = _parse(text, at, ("|", "}}"), depth + 1)
        parts.append((key, value))
        if text.startswith("}}", at):
            break
        at += 1
    at += 2
    if is_condition:
        if len(parts) not in (2, 3):
            raise _NotSimpleError
        bodies = [part for _, part in parts] + [[]]
        return {"if": bodies[0], "then": bodies[1], "else": bodies[2]}, at
    name = parts[0][1]
    if len(name) != 1 or not isinstance(name[0], str) or "#" in name[0]:
        raise _NotSimpleError
    return {"template": name[0].strip(), "arguments": [[key, value] for key, value in parts[1:]]}, at


def _parts(node: Mapping[str, Any]) -> list[Body]:
    if "parameter" in node:
        return [node["default"]]
    if "if" in node:
        return [node["if"], node["then"], node["else"]]
    return [value for _, value in node["arguments"]]


def _parameters(body: Body) -> int:
    """The number of parameters in a body."""
    nodes = [node for node in body if isinstance(node, dict)]
    return sum(("parameter" in node) + sum(map(_parameters, _parts(node))) for node in nodes)


def _own_text(body: Body) -> str:
    """Text that is shown whatever the arguments, without spaces and mark-up; calls have theirs."""
    pieces = []
    for node in body:
        if isinstance(node, str):
            pieces.append(_QUOTES.sub("", node))
        elif "if" in node:
            pieces += [_own_text(node["then"]), _own_text(node["else"])]
    return "".join(pieces)

"""Bodies of templates: which are read, and what they show."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.templates import bodies
from pipelines.wikitext.templates.bodies import MAX_CONSTANT, MAX_GROWTH, calls, included, read_body, show

ARGUMENTS = {"1": "one", "2": "two", "name": "N"}


def expand(name: str, arguments: dict[str, str]) -> str | None:
    return None if name == "silent" else f"<{name} {' '.join(f'{key}={value}' for key, value in arguments.items())}>"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{{1}}}", "one"),
        ("{{{1|}}}", "one"),
        ("{{{ 1 | default }}}", "one"),
        ("{{{9|default}}}", "default"),
        ("{{{Name}}}", "N"),
        ("'''{{{1}}}'''", "'''one'''"),
        ('<span class="nowrap" style="color:{{{2}}}">{{{1}}}</span>', "one"),
        ("<small><b>{{{1}}}</b></small>", "one"),
        ("{{{9|{{{2|{{{1}}}}}}}}}", "two"),
        ("{{{1}}}&nbsp;km", "one\u00a0km"),
        ("<includeonly>{{{1}}}</includeonly><noinclude>How to use it: {{{2}}} [[x]]</noinclude>", "one"),
        ("A page about it. <onlyinclude>{{{1}}}</onlyinclude> And more.", "one"),
        ("<!-- a [[comment]] -->{{{1}}}<noinclude>\n{{documentation}}", "one"),
        ('<span style="display:none">{{{2}}}</span>{{{1}}}', "one"),
        ('<templatestyles src="x"/>{{{1}}}<ref name="a" />', "one"),
        ("{{#if:{{{9|}}}|{{{9}}}|{{{2}}}}}", "two"),
        ("{{#if: {{{1|}}} | {{{1}}} }}", "one"),
        ("{{nowrap|{{{1}}} kr}}", "<nowrap 1=one kr>"),
        ("{{convert\n|{{{1}}}\n|km\n| abbr = {{{abbr|on}}}\n}}", "<convert 1=one 2=km abbr=on>"),
        ("{{nowrap|a={{{1}}}}}", "<nowrap a=one>"),
        ("{{silent|{{{1}}}}}", None),
        ("{{{9|}}}", None),
    ],
)
def test_what_a_body_shows(source, shown):
    body = read_body(source)
    assert body is not None
    assert show(body, ARGUMENTS, expand=expand) == shown


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no argument",
        "See the main article: {{{1}}}",
        "''Other meanings of {{{1}}} are listed elsewhere''",
        "[[{{{1}}}]]",
        "[http://x.org/{{{1}}} {{{1}}}]",
        "{|\n| {{{1}}}\n|}",
        "<div>{{{1}}}</div>",
        "{{{1}}}<br>{{{2}}}",
        "* {{{1}}}",
        "{{{1}}}\n{{{2}}}",
        '<span id="{{{1}}}"></span>',
        '<span class="IPA">{{{1}}}</span>',
        '<span class="noprint">{{{1}}}</span>',
        "{{#switch:{{{1}}}|a=b}}",
        "{{#invoke:Convert|convert|{{{1}}}}}",
        "{{{{{1}}}|x}}",
        "{{{{{1}}}}}",
        "{{{{{{1}}}}}}",
        "{{{1",
        "{{nowrap|{{{1}}}",
        "{{{1}}} }}",
        "&lt;b&gt;{{{1}}}",
        "{{{1}}}&#124;",
        "{{{1}}}" * 17,
        "{{{1}}}" + "<i></i>" * 1000,
    ],
)
def test_what_is_no_such_body(source):
    assert read_body(source) is None


def test_calls_are_named():
    body = read_body("{{#if:{{{1|}}}|{{a|{{b|{{{1}}}}}}}|{{c|{{{2|{{d}}}}}}}}}")
    assert body is not None
    assert set(calls(body)) == {"a", "b", "c", "d"}


def test_what_is_shown_does_not_grow_without_end():
    body = read_body("{{{1}}}" * 16)
    assert body is not None

    def again(name: str, arguments: dict[str, str]) -> str | None:
        return show(body, arguments, expand=again)

    assert show(body, {"1": "x" * 10}, expand=again) == "x" * 160
    assert show(body, {"1": "x" * (MAX_CONSTANT * MAX_GROWTH)}, expand=again) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["{{{", "}}}", "{{", "}}", "|", "=", "1", "#if:", "a", "\n", "'''", "<b>", "[["])))
def test_what_is_read_of_any_text_shows_no_markup_of_its_own(tokens):
    body = read_body("".join(tokens))
    if body is None:
        return
    names = set(calls(body))
    called = []

    def record(name: str, arguments: dict[str, str]) -> str:
        called.append(name)
        return "called"

    shown = show(body, ARGUMENTS, expand=record)
    assert set(called) <= names
    assert shown is None or not re.search(r"[\[\]{}<>|\n]", shown)
    assert json.loads(json.dumps(body)) == body


@pytest.mark.parametrize("piece", ["{{{", "{{", "{{#if:", "{{a|b=", "{{{1|", "{{a|{{{1}}}", "<b>", "<!--", "{"])
def test_the_work_grows_as_the_text_does(piece, monkeypatch):
    monkeypatch.setattr(bodies, "MAX_SOURCE", 100_000)

    def parsed(count: int) -> int:
        calls = 0
        parse = bodies._parse

        def counted(*arguments):
            nonlocal calls
            calls += 1
            return parse(*arguments)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bodies, "_parse", counted)
            assert read_body("{{{1}}}" + piece * count) is None or piece == "<b>"
        return calls

    assert parsed(4000) <= 8 * max(parsed(1000), bodies.MAX_DEPTH)


@pytest.mark.parametrize(
    "begin", ["<!--", "<noinclude ", "<onlyinclude>", "<onlyinclude ", "<includeonly ", "<templatestyles "]
)
def test_beginnings_without_an_end_take_no_more_time_than_the_page_is_long(begin):
    assert included(f"a<!-- b -->{begin * 50_000}") == f"a{begin * 50_000}".strip()


def test_what_begins_after_the_last_end_is_kept():
    assert included("<onlyinclude>a</onlyinclude> b <onlyinclude>c") == "a"
    assert included("a <!-- b --> c <!-- d <noinclude>e") == "a  c <!-- d"

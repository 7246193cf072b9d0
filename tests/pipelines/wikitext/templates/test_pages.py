"""Template tables of other wikis: names in their languages, and what follows from a dump's own template pages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from berth.errors import BerthError
from berth.recipe import ExtractOptions
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.extract import extract
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.dump import parts as dump_module
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.bodies import read_body
from pipelines.wikitext.templates.definitions import derive
from pipelines.wikitext.templates.pages import TemplateTask, template_name
from pipelines.wikitext.templates.table import TemplateDefinitions, TemplateTable
from support.dump_samples import page

NORWEGIAN = {6: "Fil", 10: "Mal", 14: "Kategori"}


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("nb", "{{konverter|5|km|mi}} og {{språk|en|ship}}", "5 km og ship"),
        ("nn", "{{Konverter|5|km|mi}}", "5 km"),
        ("de", '{{enS|ship}} und {{"|Wort}} und {{Bruch|1|2}}', "ship und „Wort“ und 1/2"),
        ("fr", "Au {{s-|XIX|e}}, {{unité|5,2|km}} avec {{Mme|Curie}}", "Au XIXe siècle, 5,2 km avec Mme Curie"),
        ("es", "En el {{siglo|V|a|s}}, {{unidad|5|km}}", "En el siglo V a. C., 5 km"),
        ("fi", "Laiva ({{k-en|ship}}) on", "Laiva (ship) on"),
        ("ru", "Э{{'}}то {{нп5|Корабль|корабля|en|Ship}}", "Э\u0301то корабля"),
        ("ru", "{{Цитата|Слова.}}", "Слова."),
        ("ar", "سفينة ({{إنج|ship}}) و {{وصلة إنترويكي|عر=ميناء|تر=Port|لغ=en}}", "سفينة (ship) و ميناء"),
        ("ja", "{{読み仮名|港|みなと}}", "港（みなと）"),
        ("zh", "{{le|港口|Port|港}}和{{tsl|en|Ship|船}}", "港和船"),
        ("en", "{{konverter|5|km|mi}} and {{le|a|b}}", "and"),
    ],
)
def test_names_of_templates_in_other_languages(language, source, text):
    assert Cleaner(Wiki(language=language)).clean(source.encode()).decode() == text


def redirect(name: str, target: str) -> dict[str, object]:
    return {"name": template_name(name), "redirect": template_name(target)}


def body(name: str, source: str) -> dict[str, object]:
    return {"name": template_name(name), "body": read_body(source)}


def show(entries: list[dict[str, object]], source: str, language: str = "nb") -> str:
    table = TemplateTable(language, derive(entries, language))
    return Cleaner(Wiki(language=language), table).clean(source.encode()).decode()


@pytest.mark.parametrize(
    ("entries", "source", "text"),
    [
        ([redirect("Km2mi", "Convert")], "{{km2mi|5|km|mi}}", "5 km"),
        ([redirect("A", "B"), redirect("B", "Mal:Konverter")], "{{a|5|km|mi}}", "5 km"),
        ([body("Liten", "<small>{{{1}}}</small>")], "Et {{liten|skip}}", "Et skip"),
        ([body("Liten", "{{{1}}}"), redirect("Små", "liten")], "Et {{Små|skip}} {{små|til}}", "Et skip til"),
        ([body("Øre", "{{{1}}}&nbsp;øre")], "{{øre|5}}", "5 øre"),
        ([body("Km til mi", "{{convert|{{{1}}}|km|mi}}")], "{{km til_mi|5}}", "5 km"),
        ([body("A", "{{b|{{{1}}}}}"), redirect("B", "C"), body("C", "''{{{1}}}''")], "{{a|x}}", "x"),
        ([body("Valg", "{{#if:{{{2|}}}|{{{2}}}|{{{1}}}}}")], "{{valg|a}} {{valg|a|b}}", "a b"),
        # The wiki's own template comes before the built-in one of the same name.
        ([body("Sc", "{{{2}}}")], "{{sc|a|b}}", "b"),
        ([redirect("Dot", "Liten"), body("Liten", "{{{1}}}")], "{{dot|a}}", "a"),
        # What shows nothing shows nothing under another name.
        ([redirect("A", "Infoboks")], "a {{a|x}}", "a"),
        ([body("A", "{{ukjent|{{{1}}}}}")], "a {{a|x}}", "a"),
        ([body("Q", "{{q|{{{1}}}}}")], "a {{q|x}}", "a"),
        ([body("Q", "{{w|{{{1}}}}}"), body("W", "{{q|{{{1}}}}}")], "a {{q|x}}", "a"),
        ([redirect("Q", "W"), redirect("W", "Q")], "a {{q|x}}", "a"),
        (
            [body("IPA", "<span>{{{1}}}</span>"), redirect("Lydskrift", "IPA")],
            "a ({{lydskrift|x}}, {{ipa|x}}) b",
            "a b",
        ),
    ],
)
def test_what_follows_from_template_pages(entries, source, text):
    assert show(entries, source) == text


def test_of_two_pages_of_one_name_the_first_counts():
    assert show([body("A", "{{{1}}}"), body("A", "{{{2}}}")], "{{a|x|y}}") == "x"


def test_templates_of_disambiguations_are_found():
    entries = [{"name": "mitt", "is_disambiguation": True}, redirect("Ditt", "mitt"), redirect("Sitt", "Peker")]
    assert derive(entries, "nb").disambiguations == {"mitt", "ditt", "sitt"}


TEMPLATES = [
    page(100, "<small>{{{1}}}</small><noinclude>{{dok}}</noinclude>", title="Mal:Liten", namespace=10),
    page(101, "#OMDIRIGERING [[Mal:Konverter]]", title="Mal:Km2mi", namespace=10),
    page(102, "", title="Mal:Gammel", namespace=10, extra='    <redirect title="Mal:Liten" />\n'),
    page(103, "{{#invoke:Convert|convert}}", title="Mal:Konverter", namespace=10),
    page(104, "Siden er en __DISAMBIG__-side.", title="Mal:Flertydighet", namespace=10),
    page(105, "* [[Mal:Liste over skip]]", title="MediaWiki:Disambiguationspage", namespace=8),
]
ARTICLES = [
    page(1, "Et {{liten|lite}} skip, {{km2mi|5|km|mi}} {{gammel|unna}}. {{Infoboks|a=b c d}}"),
    page(2, "Skip kan være:\n* [[Båt]]\n{{Flertydighet}}"),
    page(3, "{{liste over skip}}"),
]


def rows(uri: str) -> list[dict]:
    return [row for path in sorted(Path(uri).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def run(path: str, output: Path, **options):
    return extract(dumps=Inputs.of(path), options=ExtractOptions(**options), destination=Directory(str(output)))


def test_a_norwegian_dump_works_unchanged(write_dump, tmp_path):
    path = write_dump([*ARTICLES, *TEMPLATES], "multistream", "nb", namespaces=NORWEGIAN)
    result = run(path, tmp_path / "out", disambiguations="drop")
    assert [row["text"] for row in rows(result.uri)] == ["Et lite skip, 5 km unna."]
    counters = result.manifest.counters
    assert (counters["pages"], counters["articles"], counters["disambiguations"]) == (9, 1, 2)
    assert counters["other_namespaces"] == 6
    table = json.loads((tmp_path / "out/templates.json").read_text())["nbwiki"]
    assert table["aliases"] == {"gammel": "liten", "km2mi": "konverter"}
    assert table["bodies"] == {"liten": [{"default": [], "parameter": "1"}]}
    assert {"flertydighet", "liste over skip"} <= set(table["disambiguations"])


def test_the_template_pages_are_read_where_the_built_in_table_is_not_the_wikis(write_dump, tmp_path):
    english = write_dump([page(1, "A {{tiny|b}}"), page(2, "{{{1}}}", title="Template:Tiny", namespace=10)], name="en")
    norwegian = write_dump([*ARTICLES, *TEMPLATES], "xml", "nb", name="nb", namespaces=NORWEGIAN)
    for name, path, options, is_read in [
        ("a", english, {}, False),
        ("b", english, {"templates": "dump"}, True),
        ("c", norwegian, {}, True),
        ("d", norwegian, {"templates": "builtin"}, False),
    ]:
        result = run(path, tmp_path / name, **options)
        assert any(file.path == "templates.json" for file in result.manifest.files) == is_read
    assert [rows(str(tmp_path / name))[0]["text"] for name in "abd"] == ["A", "A b", "Et skip."]


def test_wikis_of_one_corpus_have_tables_of_their_own(write_dump, tmp_path):
    for language, text in [("nb", "{{{1}}}"), ("sv", "{{{2}}}")]:
        template = page(9, text, title="Template:X", namespace=10)
        write_dump([page(1, "{{x|one|two}}"), template], "xml", language, name=language)
    result = run(str(tmp_path / "*.xml"), tmp_path / "out")
    assert [row["text"] for row in rows(result.uri)] == ["one", "two"]


@pytest.mark.reproducibility
def test_a_killed_reading_of_the_templates_goes_on(write_dump, monkeypatch, tmp_path):
    monkeypatch.setattr(dump_module, "PART_BYTES", 900)
    path = write_dump([*ARTICLES, *TEMPLATES], "xml", "nb", namespaces=NORWEGIAN)
    whole, done = TemplateTask.run, []

    def stops_after_two(task):
        if len(done) == 2:
            raise BerthError("stopped")
        done.append(tmp_path / "out" / whole(task))

    (tmp_path / "out").mkdir()  # or an error would remove what is not visible yet
    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(TemplateTask, "run", stops_after_two)
        run(path, tmp_path / "out")
    again: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(TemplateTask, "run", lambda task: again.append(task.name) or whole(task))
        resumed = run(path, tmp_path / "out")
    assert len(done) == 2
    assert again
    assert not {str(file.relative_to(tmp_path / "out")) for file in done} & set(again)
    assert resumed.manifest.files == run(path, tmp_path / "whole").manifest.files
    assert not [name for name in (tmp_path / "out").iterdir() if re.match(r"\.(?!revisions)", name.name)]


def test_nothing_follows_from_no_page():
    assert derive([], "nb") == TemplateDefinitions()

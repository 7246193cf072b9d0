"""The report as a whole: a page with a section for everything that was done, loading nothing, the same twice."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from berth.errors import BerthError, UsageError
from berth.formats.record_tokens import Record
from berth.recipe import Recipe
from berth.report.build import build_report
from berth.report.page import render
from berth.report.run import FinishedStage, Run
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest
from support.report_page import Page
from support.report_run import EVALUATION, LOSSES, RECIPE, Made, filled, make_run, record

SECTIONS = ["flow", "corpus", "omissions", "dataset", "records", "training", "evaluation", "time", "provenance"]
HOSTILE = (
    "<script>alert(1)</script>",
    "</p></section></script>",
    "\" onload='x' `",
    "&amp;&#60;b&#62;",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}{% raw %}",
    "שלום",
    "\u202eevil",
    "\u0301",
    "a\x00b\x1b",
    "\ud800",
)


def build(made: Made, directory: Path) -> str:
    """The page of a run's report."""
    result = build_report(recipe=made.recipe, stages=made.stages, planned={}, destination=Directory(str(directory)))
    return (Path(result.uri) / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report of a whole run."""
    return Page(build(made, tmp_path_factory.mktemp("whole") / "report"))


def rendered(made: Made, examples: Mapping[str, Sequence[Record]]) -> str:
    """The page of a run, with records that no stage made."""
    stages = [FinishedStage(title, uri, Manifest.read(uri)) for title, uri in made.stages.items()]
    return render(Run(made.recipe, stages, examples))


def section_ids(page: Page) -> list[str]:
    return [element.attributes["id"] for element in page.all("section")]


def test_every_section_is_there_in_order_and_linked(whole: Page) -> None:
    assert section_ids(whole) == SECTIONS
    assert [link.attributes["href"] for link in whole.all("a")] == [f"#{name}" for name in SECTIONS]
    assert len(whole.ids) == len(set(whole.ids))


def test_it_loads_nothing_and_forbids_all_loading(whole: Page) -> None:
    assert whole.loads() == []
    (policy,) = [meta.attributes["content"] for meta in whole.all("meta") if "http-equiv" in meta.attributes]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src 'sha256-")


def test_its_only_scripts_are_bokeh_and_the_embedding_of_the_curves(whole: Page) -> None:
    scripts = whole.all("script")
    assert [script.attributes for script in scripts] == [{}, {}, {}]
    assert "Bokeh" in scripts[0].text[:300]
    items = [
        json.loads(script.text.removeprefix("Bokeh.embed.embed_item(").removesuffix(")")) for script in scripts[1:]
    ]
    assert [item["target_id"] for item in items] == ["curves", "evaluation-curve"]
    assert {"curves", "evaluation-curve"} <= set(whole.ids)


def test_it_is_made_for_reading_aloud_and_for_tabbing(whole: Page) -> None:
    (html,) = whole.all("html")
    assert html.attributes["lang"] == "en"
    assert [element.tag for element in whole.elements if element.tag in ("h1", "h2")] == ["h1"] + ["h2"] * len(SECTIONS)
    assert all(cell.attributes["scope"] in ("row", "rowgroup", "col") for cell in whole.all("th"))
    assert all(drawing.attributes["aria-label"] for drawing in whole.all("svg"))
    assert all(box.attributes["tabindex"] == "0" for box in whole.all("div", "scroll"))


def test_the_head_compares_the_accuracies_with_the_constant_guess(whole: Page) -> None:
    assert whole.text("h1") == ["harbour"]
    assert whole.text("div", "verdict") == [
        "25.4% accuracy at corrupted positions on held-out text "
        "this model 25.4% guessing from the left neighbour 12.5% always predicting “the” 6.0%",
        "71.0% next-sentence accuracy on held-out text this model 71.0% always the same answer 52.0%",
    ]
    figures = dict(zip(whole.text("dt")[4:], whole.text("dd")[4:], strict=True))
    assert figures.pop("total time").endswith("s")
    assert figures == {
        "articles": "106",
        "sentences": "18,544",
        "tokens": "401,222",
        "records": "35,954",
        "parameters": "1.22 million",
    }


def test_the_pages_of_the_dump_add_up(whole: Page) -> None:
    (table,) = [text for text in whole.text("table") if text.startswith("Pages of the dump")]
    assert table.endswith(
        "articles 106 51.5% redirects 95 46.1% other namespaces 4 1.9% rejected malformed 1 0.5% pages read 206"
    )


def test_record_sets_are_compared_by_shares(whole: Page) -> None:
    (table,) = [text for text in whole.text("table") if text.startswith("Record sets")]
    assert "records short 64 23,440 50.0% 13.3% 1.0% 6.2% 882 B" in table
    assert "evaluation set – 500 – – – – 500 B" in table


def test_what_the_stages_counted_is_there_in_full(whole: Page) -> None:
    segment = "Segment counter number documents 98 evaluation documents 8 rejected duplicate id 2 sentences 18,544"
    assert segment in whole.text("table")
    (table,) = [text for text in whole.text("table") if text.startswith("stage counter number")]
    assert "extract articles 106 other_namespaces 4 pages 206" in table


def test_records_are_shown_as_text_with_originals_and_replacements(whole: Page) -> None:
    assert whole.text("p", "segment")[:2] == [
        "[CLS] the harbour → [MASK] was built in 1887 by the → [MASK] railway company ; → it it has two berths [SEP]",
        "since then ships of → river any size → [MASK] can land there at low tide [SEP]",
    ]
    assert [segment.classes[1] for segment in whole.all("p", "segment")[:4]] == ["a", "b", "a", "b"]
    assert "32 tokens, 5 of them masked; 32 padding; next sentence: actual" in whole.text("header")


def test_masked_tokens_are_shown_with_the_models_guesses(whole: Page) -> None:
    assert whole.text("figure", "guess") == [
        "ships of any size of 50.0% and 25.0% in 12.5% the 6.2% , 3.1% The right word has rank 1.",
        "the species is found in dry forests the 50.0% many 25.0% a 12.5% old 6.2% small 3.1% "
        "The right word has rank 1,234, with 0.1%.",
    ]
    assert whole.text("h4") == ["The 1 best", "The 1 worst"]
    assert whole.text("li", "chosen") == ["of 50.0%"]


def test_the_scores_are_next_to_those_of_simple_guesses(whole: Page) -> None:
    (table,) = [text for text in whole.text("table") if text.startswith("Held-out set")]
    assert "metric this model bigram table best constant guess" in table
    assert "Accuracy at corrupted positions 25.4% 12.5% 6.0% Masked-token accuracy 31.2% 12.7% 6.1%" in table
    section = " ".join(whole.all("section")[SECTIONS.index("evaluation")].text.split())
    assert "only this model is right at 16.2%, and only the bigram table at 3.3%" in section
    assert "the 8,211 masked ones where the model does not see" in section and "in 401,000 pairs" in section


def test_markdown_has_the_scores_and_the_guesses_too(made: Made, tmp_path: Path) -> None:
    result = build_report(
        recipe=made.recipe, stages=made.stages, planned={}, destination=Directory(str(tmp_path / "report"))
    )
    text = Path(result.uri, "report.md").read_text(encoding="utf-8")
    assert "| Accuracy at corrupted positions | 25.4% | 12.5% | 6.0% |" in text
    assert "only the model is right at 16.2%, only the table at 3.3%." in text
    assert "| best | 1 | ships \\[of\\] any size | of 50.0%, and 25.0%, in 12.5%, the 6.2%, , 3.1% |" in text
    assert "| worst | 1,234 | the species is found in \\[dry\\] forests |" in text


def test_the_flow_is_drawn_from_what_the_stages_read(whole: Page) -> None:
    across, down = whole.text("svg")
    for title in ("dump.xml", "extract", "held-out records", "evaluation set", "export"):
        assert title in across
        assert title in down
    for made in ("106 articles", "18,544 sentences", "6,000 entries", "23,440 records", "500 steps"):
        assert made in across


def test_configuration_lineage_and_tools_are_there(whole: Page) -> None:
    recipe, lineage = (element.text for element in whole.all("pre"))
    assert "name: harbour\n" in recipe
    assert "optimizer:\n  kind: lamb\n" in recipe
    assert re.search(r"dumps: .*dump.xml\n.*sha256 [0-9a-f]{64}", lineage)
    assert any(text.startswith("package version") and "berth" in text for text in whole.text("table"))


def test_templates_are_ranked_by_omitted_words(whole: Page) -> None:
    (table,) = [text for text in whole.text("table") if text.startswith("Templates by omitted words")]
    rows = [" ".join(row.split()) for row in re.findall(r"(?:infobox ship|navbox|box 4|\d+ others).*", table)]
    assert "infobox ship" in rows[0]
    assert "24,000 40.0% 90" in rows[0]
    assert "12,000 20.0% 89" in " ".join(rows)
    assert "21 others" in " ".join(rows)
    assert "60,000 words in the arguments of templates are omitted, 15.0% of all words; 340,000 words" in " ".join(
        next(text for text in whole.text("section") if "Words omitted by extraction" in text).split()
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_template_may_have_any_name(tmp_path: Path, name: str) -> None:
    made = Made(tmp_path / "workspace", Recipe.model_validate(RECIPE))
    templates = [{"name": name, "uses": 1, "words": 0}]
    made.add("extract", "extract", {}, {"losses.json": json.dumps({**LOSSES, "templates": templates})})
    page = Page(build(made, tmp_path / "report"))
    assert page.all("script") == []
    (section,) = [element for element in page.all("section") if element.attributes["id"] == "omissions"]
    assert re.sub("[\x00\x1b\ud800]", "\N{REPLACEMENT CHARACTER}", name).strip() in section.text


def test_the_same_inputs_give_the_same_bytes(made: Made, whole: Page, tmp_path: Path) -> None:
    assert build(made, tmp_path / "again") == whole.html


def test_it_is_up_to_date_until_an_input_changes(made: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    build(made, tmp_path / "report")
    with caplog.at_level(logging.INFO, logger="berth"):
        build(made, tmp_path / "report")
        assert caplog.messages[-1].startswith("up to date")
        (tmp_path / "other").mkdir()
        other = make_run(tmp_path / "other", description="Another")
        with pytest.raises(UsageError, match=r"recipe\.description = "):
            build(other, tmp_path / "report")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(tmp_path: Path, text: str) -> None:
    """Examples, guesses and the baseline contain text from a corpus; a user writes the description of the recipe."""
    made = Made(tmp_path / "workspace", Recipe.model_validate({**RECIPE, "description": text.replace("\ud800", "?")}))
    word = text.replace(" ", "")
    made.add(
        text.replace("\ud800", "?"),
        "evaluate",
        {},
        {
            "evaluation.json": json.dumps({**EVALUATION, "baseline": {"token": text, "masked_lm_accuracy": 0.1}}),
            "fill_mask.json": json.dumps([filled("best", f"{word} [MASK] {word}", 1, word, [word, text])]),
        },
    )
    page = Page(rendered(made, {text: [record(f"{word} x", f"y {word}", {1: word, 5: text})]}))
    assert page.all("script") == []
    assert {element.tag for element in page.elements if any(name.startswith("on") for name in element.attributes)} == (
        set()
    )
    shown = re.sub("[\x00\x1b\ud800]", "\N{REPLACEMENT CHARACTER}", word)
    circle = "\N{DOTTED CIRCLE}" if shown == "\u0301" else ""
    assert f"{circle}{shown}" in page.all("bdi")[0].text + page.all("p", "segment")[0].text
    assert all(element.attributes["dir"] == "auto" for element in page.all("p", "segment"))
    assert page.all("section")


def test_right_to_left_text_is_isolated(made: Made) -> None:
    page = Page(rendered(made, {"אב": [record("שלום עולם", "מה שלומך", {1: "[MASK]"})]}))
    assert page.text("p", "segment")[0] == "[CLS] שלום → [MASK] עולם [SEP]"
    assert page.all("p", "segment")[0].attributes["dir"] == "auto"
    assert page.all("span", "mask")[1].attributes["dir"] == "ltr"


def test_without_any_stage_there_is_still_a_page(tmp_path: Path) -> None:
    page = Page(build(Made(tmp_path / "workspace", Recipe.model_validate(RECIPE)), tmp_path / "report"))
    assert section_ids(page) == ["training", "provenance"]


@pytest.mark.parametrize(
    ("stage", "files", "sections"),
    [
        ("extract", {"a.parquet": ""}, ["corpus", "training"]),
        ("records", {"a.tfrecord": ""}, ["records", "training"]),
        ("train", {"metrics.jsonl": ""}, ["training"]),
        ("train", {"training.json": "{}"}, ["training"]),
        ("evaluate", {"evaluation.json": "{}"}, ["training", "evaluation"]),
        ("evaluate", {"evaluation.json": '{"baseline": null}', "fill_mask.json": "[]"}, ["training", "evaluation"]),
    ],
)
def test_what_a_run_has_not_is_left_out(tmp_path: Path, stage: str, files: dict[str, str], sections: list[str]) -> None:
    made = Made(tmp_path / "workspace", Recipe.model_validate(RECIPE))
    made.add("it", stage, {}, files)
    page = Page(build(made, tmp_path / "report"))
    assert section_ids(page) == ["flow", *sections, "time", "provenance"]
    assert page.all("script") == []


def test_a_model_without_next_sentences_has_no_figure_for_them(tmp_path: Path) -> None:
    made = Made(tmp_path / "workspace", Recipe.model_validate(RECIPE))
    line = {"step": 1, "phase": "short", "loss": 9.0, "masked_lm_loss": 9.0, "masked_lm_accuracy": 0.0}
    made.add("train", "train", {}, {"metrics.jsonl": json.dumps({**line, "learning_rate": 0.1}) + "\n"})
    figures = {name: value for name, value in EVALUATION.items() if "next_sentence" not in name}
    made.add("evaluate", "evaluate", {}, {"evaluation.json": json.dumps(figures)})
    page = Page(rendered(made, {"x": [Record((), ())]}))
    assert len(page.all("div", "verdict")) == 1
    assert "next_sentence" not in page.all("script")[1].text


def test_prepared_text_from_outside_is_part_of_the_flow(tmp_path: Path) -> None:
    prepared = tmp_path / "prepared.txt"
    prepared.write_text("x")
    made = Made(tmp_path / "workspace", Recipe.model_validate(RECIPE))
    made.add("records", "records", {"text": Inputs.of(str(prepared))}, {"x.tfrecord": "y"}, records=3)
    assert "prepared.txt" in Page(rendered(made, {})).text("svg")[0]


def test_a_file_that_is_not_json_is_one_clear_error(tmp_path: Path) -> None:
    made = Made(tmp_path / "workspace", Recipe.model_validate(RECIPE))
    made.add("train", "train", {}, {"metrics.jsonl": '{"step": 1}\n{"step": \n'})
    with pytest.raises(BerthError, match=r"metrics.jsonl, line 2: this is not JSON"):
        build(made, tmp_path / "report")

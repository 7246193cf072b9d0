"""`berth schema`: every key with its type, default and meaning."""

from berth.recipe import Recipe
from berth.recipe.help import WIDTH, describe

LINES = describe().split("\n")


def after(line):
    return LINES[LINES.index(line) + 1].strip()


def test_types_ranges_choices_and_defaults_are_shown():
    assert "  size: integer (at least 100), default 30522" in LINES
    assert '  kind: wordpiece | sentencepiece, default "wordpiece"' in LINES
    assert "    masked_lm_prob: number (more than 0, less than 1), default 0.15" in LINES
    assert "  sample_sentences: integer (more than 0) | null, default null" in LINES


def test_sections_are_indented_and_explain_themselves():
    assert after("segmentation: section").startswith("# How articles are split")
    assert after("  extract: section").startswith("# How articles are extracted")
    assert LINES[LINES.index("records: sections by name") + 2] == "  NAME:"


def test_every_section_of_the_recipe_is_there_and_lines_are_short():
    tops = [line.partition(":")[0] for line in LINES if not line.startswith((" ", "#"))]
    assert tops == list(Recipe.model_fields)
    assert all(len(line) <= WIDTH for line in LINES if line.lstrip().startswith("#"))

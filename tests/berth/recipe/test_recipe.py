"""Recipes: what is right loads, what is wrong is named by file, line and key."""

import pytest

from berth.errors import UsageError
from berth.recipe import Initialization, Recipe
from berth.recipe import file as recipe_file

MINIMAL = """\
name: small
corpus:
  sources:
    - path: dump.xml
segmentation:
  eval_documents: 3
records:
  short:
    max_seq_length: 64
    max_predictions: 10
training:
  phases:
    - name: first
      records: short
      steps: 100
      batch_size: 8
      learning_rate: 1e-3
evaluation:
  records: short
"""


def load(tmp_path, text=MINIMAL, overrides=(), name="small.yaml"):
    (tmp_path / name).write_text(text)
    return recipe_file.load(str(tmp_path / name), overrides)


def test_a_minimal_recipe_gets_documented_defaults(tmp_path):
    recipe = load(tmp_path)
    assert recipe.training.phases[0].learning_rate == 1e-3
    assert (recipe.seed, recipe.records["short"].dupe_factor, recipe.optimizer.kind) == (12345, 10, "lamb")


def test_every_installed_recipe_is_valid():
    for name in recipe_file.installed():
        assert recipe_file.load(name).name == name


def test_a_recipe_survives_json(tmp_path):
    recipe = load(tmp_path)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_overrides_reach_into_lists_and_replace_values(tmp_path):
    recipe = load(tmp_path, overrides=["corpus.sources.0.path=other.xml", "training.phases.0.steps=7", "seed=1"])
    assert (recipe.corpus.sources[0].path, recipe.training.phases[0].steps, recipe.seed) == ("other.xml", 7, 1)


def test_extends_merges_sections_and_replaces_lists(tmp_path):
    load(tmp_path)
    child = "extends: small.yaml\nname: child\nrecords:\n  long: {max_seq_length: 128}\nseed: 5\n"
    recipe = load(tmp_path, child, name="child.yaml")
    assert (recipe.name, recipe.seed, sorted(recipe.records)) == ("child", 5, ["long", "short"])


def test_a_circle_of_extends_is_an_error(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    with pytest.raises(UsageError, match="in a circle"):
        load(tmp_path, "extends: a.yaml", name="b.yaml")


def test_an_inherited_checkpoint_is_taken_back_with_what_is_said_of_it(tmp_path):
    load(tmp_path, MINIMAL + "initial_checkpoint: model.ckpt-1\ninitialization: {heads: required}\n")
    child = "extends: small.yaml\nname: child\ninitial_checkpoint: null\ninitialization: null\n"
    assert load(tmp_path, child, name="child.yaml").initialization == Initialization()


def test_prepared_text_takes_the_place_of_inherited_sources(tmp_path):
    load(tmp_path)
    child = (
        "extends: small.yaml\nname: child\nsegmentation: null\n"
        "corpus: {sources: [], extract: null, prepared: {text: results/part-*, evaluation: results/eval.txt}}\n"
    )
    recipe = load(tmp_path, child, name="child.yaml")
    assert recipe.corpus.prepared.text == "results/part-*"
    assert recipe.corpus.patterns == ["results/part-*", "results/eval.txt"]
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_sources_of_several_formats(tmp_path):
    sources = "sources: [{path: dump.xml}, {path: '*.jsonl', format: jsonl, text_field: body, language_field: lang}]"
    recipe = load(tmp_path, MINIMAL.replace("sources:\n    - path: dump.xml", sources))
    assert [source.format for source in recipe.corpus.sources] == ["wikipedia", "jsonl"]
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


WRONG = {
    "unknown key": ("sed: 3\n" + MINIMAL, r"line 1, sed: unknown key; did you mean 'seed'\?"),
    "unknown key deep down": (
        MINIMAL.replace("max_predictions: 10", "max_prediction: 10"),
        r"line 10, records\.short\.max_prediction: unknown key; did you mean 'max_predictions'\?",
    ),
    "wrong type": (
        MINIMAL.replace("steps: 100", "steps: many"),
        r"line 15, training\.phases\.0\.steps: found 'many', expected a valid integer",
    ),
    "out of range": (
        MINIMAL.replace("steps: 100", "steps: 0"),
        r"training\.phases\.0\.steps: found 0, expected greater than 0",
    ),
    "missing": (MINIMAL.replace("name: small\n", ""), "name: this key is missing"),
    "too many predictions": (
        MINIMAL.replace("max_predictions: 10", "max_predictions: 70"),
        r"max_predictions \(70\) must be at most max_seq_length - 3 \(61\)",
    ),
    "unknown record set": (
        MINIMAL.replace("records: short\n      steps", "records: shrt\n      steps"),
        r"training\.phases\.0\.records names the record set 'shrt'; there are: short",
    ),
    "not YAML": ("name: [", "not valid YAML"),
    "twice": (MINIMAL + "name: again\n", "not valid YAML.*duplicate key"),
    "empty": ("", "holds no keys"),
    "warm-up longer than the phase": (
        MINIMAL.replace("steps: 100", "steps: 100\n      warmup_steps: 200"),
        r"warmup_steps \(200\) is more than the phase's steps \(100\)",
    ),
    "reference cannot pack": (
        MINIMAL.replace("max_predictions: 10", "max_predictions: 10\n    objective: mlm"),
        "need rng: keyed",
    ),
    "no corpus": (
        MINIMAL.replace("    - path: dump.xml\n", "").replace("sources:", "sources: []"),
        r"line 2, corpus: neither sources nor prepared is given",
    ),
    "fields of what has none": (
        MINIMAL.replace("- path: dump.xml", "- {path: x.txt, format: sentences, id_field: id}"),
        r"corpus\.sources\.0: id_field is for jsonl and parquet: a source of the format sentences has no fields",
    ),
    "wrapped sentences": (
        MINIMAL.replace("- path: dump.xml", "- {path: x.txt, format: sentences, wrapped: true}"),
        "wrapped is for documents, not for sentences",
    ),
    "an unknown format": (
        MINIMAL.replace("- path: dump.xml", "- {path: x.csv, format: csv}"),
        r"corpus\.sources\.0\.format: found 'csv', expected .*'sentences', 'documents', 'jsonl' or 'parquet'",
    ),
    "sources and prepared text": (
        MINIMAL.replace("  sources:", "  prepared: {text: part-*, evaluation: eval.txt}\n  sources:"),
        "sources and prepared are both given",
    ),
    "segmentation of prepared text": (
        MINIMAL.replace("sources:\n    - path: dump.xml", "prepared: {text: part-*, evaluation: eval.txt}"),
        r"segmentation is given, but corpus\.prepared is already split into sentences",
    ),
    "prepared text without held-out documents": (
        MINIMAL.replace("sources:\n    - path: dump.xml", "prepared: {text: part-*}"),
        r"corpus\.prepared\.evaluation: this key is missing",
    ),
    "extraction of prepared text": (
        MINIMAL.replace(
            "sources:\n    - path: dump.xml", "prepared: {text: p*, evaluation: e}\n  extract: {keep_headings: true}"
        ).replace("segmentation:\n  eval_documents: 3\n", ""),
        "extract is given, but nothing is extracted from prepared text",
    ),
    "filter of prepared text": (
        MINIMAL.replace(
            "sources:\n    - path: dump.xml", "prepared: {text: p*, evaluation: e}\n  filter: {min_words: 3}"
        ).replace("segmentation:\n  eval_documents: 3\n", ""),
        "filter is given, but prepared text is not filtered",
    ),
    "a name that no file may have": (
        MINIMAL.replace("records:\n  short:", f"records:\n  {'x' * 64}:"),
        r"found 'x{64}', expected at most 63 characters",
    ),
    "a token with white space": (
        MINIMAL.replace("  sources:", "  filter: {urls: 'two words'}\n  sources:"),
        r"corpus\.filter\.urls: found 'two words', expected",
    ),
    "no languages": (
        MINIMAL.replace("  sources:", "  filter: {languages: []}\n  sources:"),
        r"corpus\.filter\.languages: found \[\]",
    ),
    "a letter as sentence end": (
        MINIMAL.replace("eval_documents: 3", "eval_documents: 3\n  sentence_end_characters: [., a]"),
        r"segmentation\.sentence_end_characters\.1: found 'a', expected",
    ),
    "sentence ends for sentencex": (
        MINIMAL.replace(
            "eval_documents: 3", "eval_documents: 3\n  segmenter: sentencex\n  sentence_end_characters: [.]"
        ),
        "sentencex has rules of its own",
    ),
    "no held-out documents": (MINIMAL.replace("eval_documents: 3", "eval_documents: 0"), "needs held-out documents"),
    "fitting no checkpoint": (MINIMAL + "initialization: {vocabulary: by_token}\n", "initial_checkpoint names none"),
    "fused attention without JAX": (
        MINIMAL.replace("training:\n", "training:\n  attention: fused\n"),
        "attention: fused needs training.engine: jax",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    text, message = WRONG[name]
    with pytest.raises(UsageError, match=message) as caught:
        load(tmp_path, text)
    assert str(tmp_path / "small.yaml") in str(caught.value)


def test_all_errors_are_shown_at_once(tmp_path):
    text = MINIMAL.replace("steps: 100", "steps: no").replace("batch_size: 8", "batch_size: no")
    with pytest.raises(UsageError, match=r"the recipe has 2 errors\. \(1\) .*steps.* \(2\) .*batch_size"):
        load(tmp_path, text)


@pytest.mark.parametrize("override", ["seed", "corpus.sources.7.path=x", "seed.deeper=3", "=3"])
def test_an_override_that_makes_no_sense_is_refused(tmp_path, override):
    with pytest.raises(UsageError, match="override"):
        load(tmp_path, overrides=[override])


def test_an_unknown_recipe_names_the_installed_ones():
    with pytest.raises(UsageError, match="quickstart"):
        recipe_file.load("no-such-recipe")

"""Whatever text a recipe or an override holds: one short message with status 2, quickly, never a traceback."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from berth.errors import UsageError
from berth.recipe import file as recipe_file

BOMB = "a: &a0 [x, x]\n" + "".join(f"b{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
TEXTS = {
    "a number of thousands of digits": "seed: " + "9" * 5000,
    "itself as a base": "a: &self\n  <<: *self\n  b: 1\n",
    "a list that holds itself": "a: &self [*self]\n",
    "a mapping that holds itself": "records: &self {short: *self}\n",
    "aliases that grow": BOMB,
    "deep lists": "a: " + "[" * 1000,
    "deep mappings": "a: " + "{a: " * 200 + "1" + "}" * 200,
    "a mapping as a key": "{{a: 1}: 2}\n",
    "a list as a key": "? [a, b]\n: 1\n",
    "a control character": "name: \x07\n",
    "a NUL in the base": 'extends: "a\\0b"\n',
    "a long base": f"extends: {'a' * 5000}\n",
    "itself by another path": "extends: ../recipe/./recipe.yaml\n",
    "a tag": "name: !!python/object:os.system x\n",
    "a huge value": f"name: {'x' * 700_000}\n",
    "a huge key": f"{'x' * 700_000}: 1\n",
    "many unknown keys": "".join(f"key{n}: 1\n" for n in range(3000)),
    "a huge file": "# " + "x" * 2_000_000,
    "no mapping": "[1]",
    "an infinite rate": "training: {phases: [{name: a, records: s, steps: 1, batch_size: 1, learning_rate: .inf}]}\n",
    "a rate that is no number": "optimizer: {beta_1: .nan}\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_recipe_is_refused_in_few_words(tmp_path, name):
    path = tmp_path / "recipe" / "recipe.yaml"
    path.parent.mkdir()
    path.write_text(TEXTS[name])
    with pytest.raises(UsageError) as error:
        recipe_file.load(str(path))
    assert len(str(error.value)) < 12_000


def test_an_infinite_learning_rate_is_named():
    with pytest.raises(UsageError, match=r"learning_rate: found inf, expected .*finite"):
        recipe_file.load("quickstart", ["training.phases.0.learning_rate=.inf"])


@pytest.mark.parametrize(
    "override",
    [
        "corpus.sources.0.path=*.bz2",
        "name=@x",
        "name=a\x07b",
        "seed=" + "9" * 5000,
        "name=" + "[" * 1000,
        "name={a: b: c}",
        "corpus.sources." + "9" * 5000 + ".path=x",
        ".".join("a" * 2000) + "=1",
        "name=!!python/object:os.system x",
        "x" * 700_000 + "=1",
        "x" * 700_000,
        "name='unclosed",
    ],
    ids=range(12),
)
def test_an_override_is_refused_in_few_words(override):
    with pytest.raises(UsageError) as error:
        recipe_file.load("quickstart", [override])
    assert len(str(error.value)) < 2_000


def test_a_pattern_in_an_override_needs_quotes_which_the_message_says():
    with pytest.raises(UsageError, match=r"--set corpus\.sources\.0\.path=\*\.bz2: .*not YAML.*quotes of its own"):
        recipe_file.load("quickstart", ["corpus.sources.0.path=*.bz2"])
    found = recipe_file.load("quickstart", ['corpus.sources.0.path="*.bz2"'])
    assert found.corpus.sources[0].path == "*.bz2"


def test_a_recipe_that_no_command_could_take_is_refused():
    with pytest.raises(
        UsageError, match=r"the recipe is too large. Found 6\d,\d{3} bytes as JSON. Expected at most 64,000"
    ):
        recipe_file.load("quickstart", [f"description={'x' * 65_000}"])
    with pytest.raises(UsageError, match=r"which Kubeflow Pipelines would replace"):
        recipe_file.load("quickstart", ["description='{{$.inputs}}'"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("abc:-[]{},&*!|>'\"%@`#? \n\t\\09.<=~\x00\x85\ufeff"), max_size=40))
def test_any_text_is_a_recipe_or_refused(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_text(text)
    with pytest.raises(UsageError):
        recipe_file.load(str(path))
    try:
        recipe_file.load("quickstart", [f"description={text}"])
    except UsageError as error:
        assert len(str(error)) < 2_000


def test_a_number_beyond_64_bits_is_refused_by_its_key():
    with pytest.raises(UsageError, match=r"model: hidden_size is a number beyond 64 bits"):
        recipe_file.load("quickstart", [f"model.hidden_size=1{'0' * 400}"])

"""What a training begins with: a checkpoint that fits the recipe, or that the recipe says how to fit."""

import json

import numpy as np
import pytest

from berth.errors import BerthError
from support.trainer_files import changed
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.models.bert.configuration import BertConfig

WORDS, BIAS = "bert/embeddings/word_embeddings", "cls/predictions/output_bias"
BEFORE = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "apple", "pear"]
SHUFFLED = ["[PAD]", "[MASK]", "plum", "pear", "[UNK]", "[CLS]", "[SEP]", "##s"]
TABLE = np.arange(7 * 4, dtype=np.float32).reshape(7, 4)
OFFSETS = np.arange(7, dtype=np.float32)


@pytest.fixture
def stored(tmp_path):
    """A checkpoint of a model with seven tokens and two layers, with its vocabulary and configuration."""
    arrays = {
        WORDS: TABLE,
        BIAS: OFFSETS,
        "bert/encoder/layer_0/output/dense/bias": np.ones(4, dtype=np.float32),
        "bert/encoder/layer_1/output/dense/bias": np.ones(4, dtype=np.float32),
        "bert/pooler/dense/bias": np.ones(4, dtype=np.float32),
        "cls/seq_relationship/output_weights": np.ones((2, 4), dtype=np.float32),
    }
    safetensors.write(str(tmp_path / checkpoint.name(4)), arrays, {"step": 4})
    (tmp_path / "vocab.txt").write_text("\n".join(BEFORE) + "\n")
    (tmp_path / "bert_config.json").write_text(json.dumps({"num_attention_heads": 2}))
    return tmp_path


@pytest.fixture
def start(stored, tiny_recipe):
    """The weights that a training with these tokens begins with."""

    def start(tokens, attention_heads=2, layers=2, relation=True, **how):
        recipe = changed(tiny_recipe, initial_checkpoint=str(stored), initialization=how)
        config = BertConfig(
            vocab_size=len(tokens),
            hidden_size=4,
            num_attention_heads=attention_heads,
            num_hidden_layers=layers,
            intermediate_size=8,
        )
        shapes = {WORDS: (len(tokens), 4), BIAS: (len(tokens),), "bert/pooler/dense/bias": (4,)}
        shapes |= {f"bert/encoder/layer_{layer}/output/dense/bias": (4,) for layer in range(layers)}
        shapes |= {"cls/seq_relationship/output_weights": (2, 4)} if relation else {}
        return weights.of_recipe(recipe, shapes, config, tokens)

    return start


def test_the_checkpoints_own_vocabulary_is_taken_as_it_is(start):
    np.testing.assert_array_equal(start(BEFORE)[WORDS], TABLE)


@pytest.mark.parametrize("tokens", [[*BEFORE, "plum"], BEFORE[:6]], ids=["larger", "smaller"])
def test_another_size_is_an_error(start, tokens):
    with pytest.raises(
        BerthError, match=rf"another vocabulary. Found 7 entries. Expected {len(tokens)}.*initialization"
    ):
        start(tokens)


def test_rows_of_padding_are_no_other_vocabulary(start, stored):
    """Seven tokens, and a table of eight rows."""
    path = str(stored / checkpoint.name(4))
    arrays, _ = safetensors.read(path)
    longer = {
        name: np.concatenate([array, array[:1]]) if name in (WORDS, BIAS) else array for name, array in arrays.items()
    }
    safetensors.write(path, longer, {"step": 4})
    found = start(BEFORE)
    np.testing.assert_array_equal(found[WORDS], TABLE)
    np.testing.assert_array_equal(found[BIAS], OFFSETS)
    by_token = start(SHUFFLED, vocabulary="by_token")
    np.testing.assert_array_equal(by_token[WORDS][SHUFFLED.index("pear")], TABLE[BEFORE.index("pear")])


def test_other_tokens_of_the_same_number_are_an_error(start):
    with pytest.raises(BerthError, match=r"vocab\.txt, line 6: .*another vocabulary.*'apple'.*0 lines.*'plum'"):
        start([*BEFORE[:5], "plum", "pear"])


def test_where_the_checkpoints_tokens_are_not_known_the_size_must_do(start, stored):
    (stored / "vocab.txt").unlink()
    np.testing.assert_array_equal(start([*BEFORE[:5], "plum", "pear"])[WORDS], TABLE)
    with pytest.raises(BerthError, match=r"tokens are not known.*vocab\.txt in this directory"):
        start(SHUFFLED, vocabulary="by_token")


def test_by_token_every_token_keeps_its_row_wherever_it_stands(start):
    found = start(SHUFFLED, vocabulary="by_token")
    rows = [BEFORE.index(token) if token in BEFORE else None for token in SHUFFLED]
    assert rows.count(None) == 2
    for place, row in enumerate(rows):
        if row is not None:
            np.testing.assert_array_equal(found[WORDS][place], TABLE[row])
            assert found[BIAS][place] == OFFSETS[row]


def test_new_tokens_begin_with_the_initializers_numbers_which_the_seed_fixes(start):
    found = start(SHUFFLED, vocabulary="by_token")
    new = found[WORDS][SHUFFLED.index("plum")]
    assert 0 < np.abs(new).max() <= 0.04 and found[BIAS][SHUFFLED.index("plum")] == 0
    fresh = weights.initial({WORDS: (8, 4)}, seed=7, stddev=0.02)[WORDS]
    np.testing.assert_array_equal(new, fresh[SHUFFLED.index("plum")])


def test_or_with_the_mean_of_all_tokens(start):
    found = start(SHUFFLED, vocabulary="by_token", new_tokens="mean")
    np.testing.assert_allclose(found[WORDS][SHUFFLED.index("##s")], TABLE.mean(axis=0))
    assert found[BIAS][SHUFFLED.index("##s")] == OFFSETS.mean()


def test_by_position_the_table_is_cut_off_or_lengthened(start):
    longer = start([*BEFORE, "plum"], vocabulary="by_position", new_tokens="mean")
    np.testing.assert_array_equal(longer[WORDS][:7], TABLE)
    np.testing.assert_allclose(longer[WORDS][7], TABLE.mean(axis=0))
    shorter = start(BEFORE[:6], vocabulary="by_position")
    np.testing.assert_array_equal(shorter[WORDS], TABLE[:6])
    np.testing.assert_array_equal(shorter[BIAS], OFFSETS[:6])


def test_vocabularies_without_a_common_token_are_refused(start):
    with pytest.raises(BerthError, match=r"no token in common"):
        start(["a", "b"], vocabulary="by_token")


def test_a_vocabulary_beside_the_checkpoint_that_is_not_its_own_is_refused(start, stored):
    (stored / "vocab.txt").write_text("\n".join(BEFORE[:6]) + "\n")
    with pytest.raises(BerthError, match=r"do not belong together.*6 tokens.*Expected 7"):
        start(SHUFFLED, vocabulary="by_token")


def test_missing_heads_are_an_error_where_the_recipe_asks_for_them(start, stored):
    path = str(stored / checkpoint.name(4))
    arrays, _ = safetensors.read(path, lambda name: name.startswith("bert/") and "pooler" not in name)
    safetensors.write(path, arrays, {"step": 4})
    assert start(BEFORE)["cls/seq_relationship/output_weights"].any()
    with pytest.raises(
        BerthError, match=f"no {BIAS}; no bert/pooler/dense/bias; no cls/seq_relationship/output_weights"
    ):
        start(BEFORE, heads="required")
    with pytest.raises(
        BerthError, match=f"Found no {BIAS}. Expected"
    ):  # without a next-sentence head, no pooler is needed
        start(BEFORE, heads="required", relation=False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"attention_heads": 4},
            r"bert_config\.json: .*belongs to another model. Found num_attention_heads 2. Expected .* 4",
        ),
        ({"layers": 3}, r"belongs to another model. Found no bert/encoder/layer_2/output/dense/bias"),
        ({"layers": 1}, r"belongs to another model. Found 2 layers. Expected num_hidden_layers 1"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(start, model, message):
    with pytest.raises(BerthError, match=message):
        start(BEFORE, **model)

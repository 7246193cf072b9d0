"""The tokenizer in a graph gives the ids that the records were made of, wherever it runs."""

import json
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given
from hypothesis import strategies as st

from berth.errors import BerthError
from berth.formats.vocabulary import Vocabulary, read_tokens
from berth.text.characters import UNIT_CODE_POINT, describe
from pipelines.mlm.tokenizer import Tokenizer
from support.trainer_files import GOLDEN, VOCABULARY
from trainer.serving.graph_tokenizer import GraphTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# What a tokenizer stumbles over: case, accents, marks whose order matters, Hangul, CJK, white space and controls of all
# kinds, the capital sigma, letters that become two, punctuation of other scripts, characters beyond the basic plane.
CHARACTERS = (
    "abAB Σσς.'-#\t\r\n\x0b\x1c\x85\xa0\u2028\u200b\xad\x00\ufffd\ufeff\u0301\u0315\u0327\u302e\u3099\u0345\u02b0"
    "éÉßŁİıÅ中豈가각ไท้ьЙً١״。¿ﬁ²€\U0001f600\U0001d15e\u1d16d\U00020000\U0002f800\u0958\u1fef\u037e\u0d4e\U0010ffff"
)
# Alone; inside a word; around sigmas, which look at their neighbours; among marks whose order is canonical.
CONTEXTS = ("{}", "a{}b", "Σ{}Σ b{}", "A{}Σ{}\u0315\u302e{}\u3099{}")


def letters_of(texts):
    """Every letter that texts can become, cased or not: with these in the vocabulary, [UNK] hides nothing."""
    units = {unit for c in set("".join(texts)) for low in (True, False) for unit in describe(ord(c), low)[1]}
    return [*sorted(chr(unit & UNIT_CODE_POINT) for unit in units), "ς"]


def vocabulary_of(texts):
    letters = letters_of(texts)
    return tuple(dict.fromkeys([*SPECIAL, *letters, *("##" + letter for letter in letters), "ab", "##ab", "##a'"]))


def kernel_ids(kernel, texts):
    """What the kernel that makes the records gives for each text."""
    return [kernel.encode(text.encode()).ids.tolist() for text in texts]


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def lower_case(request):
    return request.param


@pytest.fixture(scope="module")
def tokenizer(lower_case):
    return GraphTokenizer(vocabulary_of(CHARACTERS), lower_case=lower_case)


@pytest.fixture(scope="module")
def kernel(lower_case):
    return Tokenizer(Vocabulary(vocabulary_of(CHARACTERS)), lower_case)


texts = st.lists(st.text(st.sampled_from(CHARACTERS) | st.characters(exclude_categories=["Cs"])), max_size=5)


@given(texts)
@example(["ΑΣ", "ΑΣΑ", "ΑΣ.", "ΑΣ.Α", "Σ", "ΑΣ'Σ", "ΑΣ中Α", "ΑΣ\xa0Α", "ΑΣ\u200bΑ", "Α\u0301Σ\u0301", "AΣ" + "'" * 300])
@example(["Α", "Σ", "Α", "ΑΣ", "ΑΣ"]).via("sigmas beside other texts")
@example(["a\u0315\u0327", "a\u302e\u0315", "\u302e\u3099\u0327\u0345\u302e", "\U0001d15e\u1d16d\u302e"])
@example(["\u302e", "\u3099\u302e", "a\U0001d165", "\u302e"]).via("marks beside other texts")
@example(["a" * 200, "a" * 201, "é" * 200, "é" * 201, "a\u0301" * 200, "中" * 300, "b" * 200 + ".", "aa" * 150 + " a"])
@example(["", " ", "\u0301", "", "a", ""])
@example(["İstanbul", "각\u0301가", "\ufeffa", "a\x00b", "ab\nΑΣ\nab"])
def test_ids_are_those_of_the_records(tokenizer, kernel, texts):
    ids = tokenizer.tokenize(tf.constant(texts, tf.string))
    assert ids.dtype == tf.int32
    assert ids.to_list() == kernel_ids(kernel, texts)


def test_the_golden_text_is_tokenized_as_for_records(lower_case):
    entries = tuple(read_tokens(str(VOCABULARY)))
    lines = (GOLDEN / "records" / "input.txt").read_text(encoding="utf-8").split("\n")
    ids = GraphTokenizer(entries, lower_case=lower_case).tokenize(lines)
    assert ids.to_list() == kernel_ids(Tokenizer(Vocabulary(entries), lower_case), lines)


def test_a_vocabulary_file_means_the_same_to_both(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes("\r\n".join([*SPECIAL, "ab ", "\t##c", "\u2028", "d"]).encode())
    kernel = Tokenizer(Vocabulary.read(str(path)), lower_case=True)
    ids = GraphTokenizer(read_tokens(str(path)), lower_case=True).tokenize(["abc d ab"])
    assert ids.to_list() == kernel_ids(kernel, ["abc d ab"]) == [[5, 6, 8, 5]]


@given(st.lists(st.sampled_from(["a", "é", "中", "😀"]).map(str.encode) | st.binary(max_size=3)).map(b"".join))
@example(b"a\xc0\x80a").via("overlong")
@example(b"a\xed\xa0\x80a").via("surrogate")
@example(b"a\xf4\x90\x80\x80a").via("beyond Unicode")
@example(b"a\xe4\xb8 a\xe4\xb8").via("cut short")
def test_bytes_that_are_not_utf8_are_left_out(tokenizer, kernel, text):
    """Where records are made, they are an error; a server must answer."""
    ids = tokenizer.tokenize(tf.constant([text]))
    assert ids.to_list() == kernel_ids(kernel, [text.decode(errors="ignore")])


def truncated(first, second, room):
    """`_truncate_seq_pair` of google-research/bert's run_classifier.py."""
    first, second = list(first), list(second)
    while len(first) + len(second) > room:
        if len(first) > len(second):
            first.pop()
        else:
            second.pop()
    return first, second


def encoded(first, second, length):
    """One text or pair as run_classifier.py encodes it."""
    first, second = truncated(first, second, length - (3 if second else 2))
    classifier, separator = SPECIAL.index("[CLS]"), SPECIAL.index("[SEP]")
    ids = [classifier, *first, separator] + ([*second, separator] if second else [])
    padding = [0] * (length - len(ids))
    segments = [0] * (len(first) + 2) + [1] * (len(ids) - len(first) - 2)
    return ids + padding, [1] * len(ids) + padding, segments + padding


@given(st.lists(st.tuples(*[st.text("aé. ", max_size=12)] * 2), max_size=6), st.integers(5, 24), st.booleans())
def test_texts_are_encoded_as_by_run_classifier(tokenizer, pairs, length, is_pair):
    first, second = (tf.constant([pair[place] for pair in pairs], tf.string) for place in range(2))
    features = tokenizer.encode(first, second if is_pair else None, length)
    seconds = tokenizer.tokenize(second).to_list() if is_pair else [[]] * len(pairs)
    expected = [encoded(*ids, length) for ids in zip(tokenizer.tokenize(first).to_list(), seconds, strict=True)]
    for place, name in enumerate(("input_ids", "input_mask", "segment_ids")):
        assert features[name].dtype == tf.int32
        assert features[name].shape == (len(pairs), length)
        assert features[name].numpy().tolist() == [row[place] for row in expected]


def test_it_works_inside_a_function_and_a_dataset(tokenizer):
    lines = ["ΑΣ ab, é", "", "中a", "b"]
    directly = tokenizer.encode(lines, None, 16)
    dataset = tf.data.Dataset.from_tensor_slices(lines).batch(3).map(lambda line: tokenizer.encode(line, None, 16))
    assert dataset.element_spec["input_ids"].shape.as_list() == [None, 16]
    mapped = np.concatenate([features["input_ids"].numpy() for features in dataset])
    assert np.array_equal(mapped, directly["input_ids"])


LOAD_ELSEWHERE = """
import json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("berth", "pipelines", "trainer", "tensorflow_text"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts, others = json.load(sys.stdin)
features = serve(text=tf.constant(texts), text_b=tf.constant(others))
print(json.dumps({name: values.numpy().tolist() for name, values in features.items()}))
"""


def test_what_is_exported_works_without_this_project(tmp_path):
    tokenizer = GraphTokenizer(vocabulary_of(CHARACTERS), lower_case=True)
    module = tf.Module()
    module.tokenizer = tokenizer
    strings = tf.TensorSpec([None], tf.string)
    serve = tf.function(lambda text, text_b: tokenizer.encode(text, text_b, 64), autograph=False)
    tf.saved_model.save(module, str(tmp_path / "model"), serve.get_concrete_function(text=strings, text_b=strings))
    lines = [context.replace("{}", character) for character in CHARACTERS for context in CONTEXTS]
    answer = subprocess.run(
        [sys.executable, "-I", "-c", LOAD_ELSEWHERE, str(tmp_path / "model")],
        input=json.dumps([lines, lines[::-1]]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = tokenizer.encode(lines, lines[::-1], 64)
    assert json.loads(answer.stdout) == {name: values.numpy().tolist() for name, values in expected.items()}
    assert (tmp_path / "model" / "saved_model.pb").stat().st_size < 1_000_000


def test_a_vocabulary_without_special_tokens_is_an_error():
    with pytest.raises(BerthError, match=r"the vocabulary lacks \[CLS\], \[SEP\]. Found 3 tokens"):
        GraphTokenizer(["[PAD]", "[UNK]", "a"], lower_case=True)


def assert_treated_as_for_records(codes, lower_case):
    """All but surrogates, which UTF-8 has not, and the line feed, at which the kernel ends a line."""
    codes = [code for code in codes if not 0xD800 <= code <= 0xDFFF and code != 10]
    lines = [context.replace("{}", chr(code)) for code in codes for context in CONTEXTS]
    vocabulary = vocabulary_of(lines)
    tokens = Tokenizer(Vocabulary(vocabulary), lower_case).encode("\n".join(lines).encode())
    ids = GraphTokenizer(vocabulary, lower_case=lower_case).tokenize(lines)
    different = np.flatnonzero(ids.row_splits.numpy()[1:] != tokens.line_ends)
    assert not len(different), ascii(lines[different[0]])
    assert np.array_equal(ids.flat_values, tokens.ids)


def test_code_points_with_a_rule_of_their_own(lower_case):
    """Marks, white space, controls; those that change when lower-cased or decomposed, without most of the Hangul."""
    kinds = ("Mn", "Mc", "Me", "Zs", "Zl", "Zp", "Cc", "Cf", "Lm")
    special = [
        code
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in kinds
        or (unicodedata.normalize("NFD", chr(code).lower()) != chr(code) and not 0xAC80 <= code <= 0xD7FF)
    ]
    assert_treated_as_for_records(special, lower_case)


@pytest.mark.slow
@pytest.mark.parametrize("plane", range(17))
def test_every_code_point(lower_case, plane):
    assert_treated_as_for_records(range(plane << 16, (plane + 1) << 16), lower_case)

"""The tokenizer.json of an export gives the ids that the records were made of, in Hugging Face's `tokenizers`."""

import json

import pytest
from tokenizers import Tokenizer as HuggingFaceTokenizer

from berth.formats.vocabulary import Vocabulary, read_tokens
from pipelines.mlm.tokenizer import Tokenizer
from support.trainer_files import GOLDEN, VOCABULARY
from trainer.serving import tokenizer_json

TOKENS = read_tokens(str(VOCABULARY))
LINES = [line for line in (GOLDEN / "records" / "input.txt").read_text().split("\n") if line.isascii()][:500]


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def tokenizers(request):
    """Hugging Face's tokenizer, and the kernel that makes records."""
    theirs = HuggingFaceTokenizer.from_str(json.dumps(tokenizer_json.content(TOKENS, request.param)))
    return theirs, Tokenizer(Vocabulary(tuple(TOKENS)), request.param)


def test_ids_are_those_of_the_records(tokenizers):
    theirs, ours = tokenizers
    texts = [*LINES, "Crème Brûlée 中文", "x" * 150, "x" * 201]
    for text in texts:
        assert theirs.encode(text, add_special_tokens=False).ids == ours.encode(text.encode()).ids.tolist(), text


def test_texts_and_pairs_have_their_special_tokens(tokenizers):
    theirs, _ = tokenizers
    cls, sep, mask = (TOKENS.index(token) for token in ("[CLS]", "[SEP]", "[MASK]"))
    one, two = (theirs.encode(text, add_special_tokens=False).ids for text in ("one", "two"))
    assert theirs.encode("one").ids == [cls, *one, sep]
    assert theirs.encode("one", "two").ids == [cls, *one, sep, *two, sep]
    assert theirs.encode("one [MASK]").ids == [cls, *one, mask, sep]

"""Texts, vocabularies and shortcuts that the tests of masked records share."""

from __future__ import annotations

import gzip
import json
import string
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from berth.formats.record_blocks import BlockWriter
from berth.formats.records import MAX_SEQ_LENGTH
from berth.formats.tfrecord import read_records
from berth.formats.vocabulary import SPECIAL_TOKENS, Vocabulary
from berth.recipe import RecordSet
from pipelines.mlm import keyed, reference
from pipelines.mlm.instances import GAP_BITS, MAX_GAP, NOT_MASKED, Documents, Instances, documents_of
from pipelines.mlm.record_encoder import layout_of, write_instances
from pipelines.mlm.tokenizer import Tokenizer
from support.plain_example import parse_example

GOLDEN = Path(__file__).parents[1] / "golden" / "records"
EXPECTED: dict[str, dict[str, Any]] = json.loads((GOLDEN / "expected.json").read_text())
SPECIAL = ("[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# What a tokenizer stumbles over: case, accents, marks whose order matters, CJK, white space of all kinds, controls,
# zero-width characters, the capital sigma, ligatures, punctuation of other scripts, and characters beyond the basic
# plane.
CHARACTERS = (
    "abcdeABCDEfgΣσςΑα.,'-[]#_ \t\r\x0b\x1c\x85\xa0\u2028\u3000\u200b\xad\x00\ufffd\u0301\u0308\u0315\u0327\u302e\u3099"
    "éÉßŁİıÅåñ中文字豈ｶ가ไท้ьЙй١٢ـ״。、「」¿¡§ﬁ²½€\U0001f600\U0001d15e\U00020000\u0345\u02b0\u2019\u0d4e\u1d16d"
)


def texts(max_size: int = 60) -> st.SearchStrategy[str]:
    """Lines of hard characters, with any other character now and then."""
    character = st.one_of(
        st.sampled_from(CHARACTERS), st.characters(exclude_categories=["Cs"], exclude_characters="\n")
    )
    return st.text(character, max_size=max_size)


def documents_text() -> st.SearchStrategy[bytes]:
    """Texts of several documents: words of a few letters, sentences, blank lines; with and without a last line feed."""
    word = st.text("abcdA", min_size=1, max_size=5) | st.sampled_from(["é,", "中", "Σ", "[MASK]", "a" * 201, "\u200b"])
    sentence = st.lists(word, max_size=12).map(" ".join)
    document = st.lists(sentence, min_size=1, max_size=8).map("\n".join)
    blank = st.sampled_from(["\n\n", "\n\n\n", "\n \t\n", "\n\xa0\n"])
    return st.builds(
        lambda documents, between, end: (between.join(documents) + end).encode(),
        st.lists(document, min_size=1, max_size=8),
        blank,
        st.sampled_from(["", "\n", "\n\n"]),
    )


def vocabularies() -> st.SearchStrategy[Vocabulary]:
    """Small vocabularies for such texts: some letters, pieces and words, in any order, special tokens anywhere."""
    pieces = [first + second for first in ["", *"abcd"] for second in "abcdAé中,[]σς"]
    entries = pieces + ["##" + piece for piece in pieces] + list(string.ascii_uppercase)
    chosen = st.lists(st.sampled_from(entries), unique=True, min_size=1)
    return chosen.flatmap(lambda words: st.permutations([*SPECIAL, *words])).map(
        lambda tokens: Vocabulary(tuple(tokens))
    )


def vocabulary_for(text: str, lower_case: bool = True) -> Vocabulary:
    """A vocabulary whose tokens are the space-separated words of a text, the letters, and pieces of one letter."""
    words = sorted(set((text.lower() if lower_case else text).split()))
    letters = sorted(set("".join(words)) | set(string.ascii_lowercase))
    tokens = dict.fromkeys([*SPECIAL, *letters, *("##" + letter for letter in letters), *words])
    return Vocabulary(tuple(tokens))


def documents(text: bytes | str, vocabulary: Vocabulary, lower_case: bool = True) -> Documents:
    """A text, tokenized."""
    content = text.encode() if isinstance(text, str) else text
    return documents_of(Tokenizer(vocabulary, lower_case).encode(content))


def records_file(
    text: bytes, vocabulary: Vocabulary, options: RecordSet, lower_case: bool = True, seed: int = 12345
) -> bytes:
    """The TFRecord file made of a text."""
    read = documents(text, vocabulary, lower_case)
    generator = keyed if options.rng == "keyed" else reference
    generated = generator.create_instances(read, vocabulary, options, seed)
    is_pair = options.objective == "mlm+nsp"
    file = BytesIO()
    layout = layout_of(vocabulary, options.max_seq_length, options.max_predictions, is_pair)
    write_instances(BlockWriter(file, is_gzip=False), read, generated, layout)
    return file.getvalue()


def positions_of(instances: Instances, row: np.void) -> NDArray[np.int64]:
    """The masked positions of an instance."""
    return masks_of_row(instances, row)[0]


def kinds_of(instances: Instances, row: np.void) -> NDArray[np.int64]:
    """What is shown at the masked positions of an instance."""
    return masks_of_row(instances, row)[1]


def masks_of_row(instances: Instances, row: np.void) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions and kinds."""
    begin, most = row["mask_begin"], row["masks"] + MAX_SEQ_LENGTH // MAX_GAP
    entries = instances.masks[begin : begin + most]
    positions, kinds = np.cumsum(entries & MAX_GAP, dtype=np.int64), (entries >> GAP_BITS).astype(np.int64)
    is_mask = kinds != NOT_MASKED
    return positions[is_mask][: row["masks"]], kinds[is_mask][: row["masks"]]


def features(records: list[bytes]) -> list[dict[str, list[float]]]:
    """The features of serialized records."""
    return [parse_example(record) for record in records]  # type: ignore[misc]


def records_in(file: bytes, path: Path) -> list[bytes]:
    """The records of a TFRecord file's content; ``path`` is where it may be written."""
    path.write_bytes(file)
    return list(read_records(str(path)))


def golden_options(name: str) -> RecordSet:
    """The options a golden file was made with."""
    return RecordSet(**{key: value for key, value in EXPECTED[name].items() if key in RecordSet.model_fields})


def golden_file(name: str) -> bytes:
    """A golden TFRecord file."""
    return gzip.decompress((GOLDEN / f"{name}.tfrecord.gz").read_bytes())


assert set(SPECIAL_TOKENS) <= set(SPECIAL)

"""Documents as lines: white space as Python's str.split sees it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sentences.lines import Lines

WHITE = [chr(code) for code in range(0x3100) if chr(code).isspace()]
texts = st.lists(
    st.sampled_from([*WHITE, "\n", " ", "a", "é", "я", "한", "。", "\x00", "\u200b", "€", "𝒳"]), max_size=30
)


def plain(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "".join(f"{line}\n" for line in lines if line)


@settings(deadline=None)
@given(st.lists(texts.map("".join) | st.text(), max_size=5))
def test_any_texts(documents):
    lines = Lines.of_texts(documents)
    assert lines.texts() == [plain(text) for text in documents]
    assert lines.has_text.tolist() == [bool(plain(text)) for text in documents]
    assert lines.lines_of_documents().tolist() == [plain(text).count("\n") for text in documents]


def test_columns_of_either_type_with_nulls_and_in_chunks():
    for kind in (pa.string(), pa.large_string()):
        column = pa.chunked_array([pa.array(["a  b", None], kind), pa.array(["", "c\r\nd"], kind)[1:]])
        assert Lines.of_column(column).texts() == ["a b\n", "", "c\nd\n"]
    assert Lines.of_column(pa.chunked_array([], pa.string())).documents == 0


def test_some_of_the_documents():
    lines = Lines.of_texts(["a", "", "b c", "d"])
    assert lines.chosen(np.array([3, 0], np.intp)).texts() == ["d\n", "a\n"]
    assert lines.chosen(np.array([], np.intp)).documents == 0

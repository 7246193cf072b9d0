"""Documents of a tokenized text, and arrays that grow."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.recipe import RecordSet
from pipelines.mlm.instances import Instances, documents_of
from pipelines.mlm.tokenizer import Tokens

lines = st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=12)


@settings(deadline=None)
@given(lines)
def test_lines_with_tokens_are_sentences_and_blank_lines_end_documents(lines):
    sizes = [0 if is_blank else size for size, is_blank in lines]
    ends = np.cumsum(sizes).astype(np.int64)
    ids = np.arange(sum(sizes), dtype=np.uint16)
    found = documents_of(Tokens(ids, ends, np.array([is_blank for _, is_blank in lines], np.bool_)))
    expected, document, begin = [], [], 0
    for size, (_, is_blank) in zip(sizes, lines, strict=True):
        if size:
            document.append((begin, begin + size))
            begin += size
        if is_blank and document:
            expected.append(document)
            document = []
    expected += [document] if document else []
    sentences = list(zip(found.sentences[:-1].tolist(), found.sentences[1:].tolist(), strict=True))
    bounds = found.documents.tolist()
    assert [sentences[first:last] for first, last in itertools.pairwise(bounds)] == expected


def test_grown_arrays_keep_what_was_written():
    options = RecordSet(max_seq_length=64, max_predictions=10)
    small = Instances.room_for(3, options, np.uint16)
    for array in small:
        array.view(np.uint8)[:] = np.arange(array.nbytes) % 251
    grown = small.grown(options)
    for old, new in zip(small, grown, strict=True):
        assert len(new) > 2 * len(old)
        assert np.array_equal(new[: len(old)], old)
    assert [len(array) for array in grown.cut(1, 2, 3)] == [1, 2, 3]

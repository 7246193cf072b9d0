"""Names are found by kind and spelling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels import name_table as module
from berth.kernels.name_table import NOT_FOUND, hash_name, look_up, name_table

names = st.tuples(st.integers(0, 3), st.binary(max_size=4))


@settings(deadline=None)
@given(st.dictionaries(names, st.integers(0, 1000), max_size=60), st.lists(names))
def test_a_table_finds_what_a_dictionary_finds(entries, others):
    table = name_table(entries)
    for kind, name in [*entries, *others]:
        text = np.frombuffer(b"-" + name + b"-", np.uint8)
        number = look_up(table, np.uint64(hash_name(kind, text, 1, 1 + len(name))))
        assert number == entries.get((kind, name), NOT_FOUND)


def test_two_names_with_one_hash_are_refused(monkeypatch):
    monkeypatch.setattr(module, "fnv1a", lambda data: 7)
    with pytest.raises(AssertionError, match="one hash"):
        name_table({(0, b"a"): 1, (0, b"b"): 2})

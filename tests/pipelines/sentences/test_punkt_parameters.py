"""Punkt models from files: NLTK's tables and our JSON."""

from __future__ import annotations

import pickle

import nltk.data
import pytest

from berth.errors import BerthError, UsageError
from pipelines.sentences.languages import LATIN_ENDS
from pipelines.sentences.punkt_parameters import PunktModel, find_model, load_model

MODEL = PunktModel(
    frozenset({"mr", "e.g"}), frozenset({("j", "bach")}), frozenset({"the"}), {"the": 2, "cat": 34}, LATIN_ENDS
)


def write_tables(directory):
    directory.mkdir(parents=True)
    (directory / "abbrev_types.txt").write_text("mr\ne.g")
    (directory / "collocations.tab").write_text("j\tbach")
    (directory / "sent_starters.txt").write_text("the")
    (directory / "ortho_context.tab").write_text("the\t2\ncat\t34")


def test_tables_by_path(tmp_path):
    write_tables(tmp_path / "mine")
    assert load_model(find_model(str(tmp_path / "mine")), LATIN_ENDS) == MODEL


def test_tables_by_name(tmp_path, monkeypatch):
    write_tables(tmp_path / "tokenizers" / "punkt_tab" / "klingon")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert load_model(find_model("klingon"), LATIN_ENDS) == MODEL


def test_a_pickle_is_not_read(tmp_path):
    (tmp_path / "mine.pickle").write_bytes(pickle.dumps(MODEL.nltk_parameters()))
    with pytest.raises(UsageError, match="no such Punkt model"):
        find_model(str(tmp_path / "mine.pickle"))


def test_json(tmp_path):
    (tmp_path / "punkt.json").write_bytes(MODEL.to_json())
    assert load_model(find_model(str(tmp_path / "punkt.json")), LATIN_ENDS) == MODEL


def test_a_name_that_is_not_installed_is_an_error_and_no_download():
    with pytest.raises(UsageError, match=r"no such Punkt model.*downloads nothing"):
        find_model("volapuek")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 9}', b"\xff"])
def test_json_of_something_else_is_refused(tmp_path, content):
    with pytest.raises(BerthError, match="cannot be read"):
        PunktModel.from_json(content, "file")


def test_malformed_tables_are_named_by_line(tmp_path):
    write_tables(tmp_path / "mine")
    (tmp_path / "mine" / "ortho_context.tab").write_text("the\t2\ncat")
    with pytest.raises(BerthError, match=r"ortho_context\.tab, line 2"):
        load_model(find_model(str(tmp_path / "mine")), LATIN_ENDS)

"""A record as text for people."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from berth.errors import BerthError, UsageError
from berth.recipe import RecordSet
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.explain import explain
from pipelines.records import create_records

VOCABULARY = "[PAD] [unused0] [UNK] [CLS] [SEP] [MASK] the ship lies in harbour be ##rth . a cargo is salt".replace(
    " ", "\n"
)
TEXT = (
    """The ship lies in the berth.\nThe cargo is salt.\n\nA harbour is a berth.\n\u200b\nThe salt lies in the ship.\n"""
)


@pytest.fixture
def made(tmp_path):
    """Records of two documents, with the text beside them."""
    (tmp_path / "vocab.txt").write_text(VOCABULARY)
    (tmp_path / "part-00000-of-00001.txt").write_text(TEXT)

    def make(name="records", **options):
        return create_records(
            text=Inputs.of(str(tmp_path / "part-*.txt")),
            vocabulary=Inputs.of(str(tmp_path / "vocab.txt")),
            options=RecordSet(**{"max_seq_length": 24, "max_predictions": 8, "masked_lm_prob": 0.4, **options}),
            lower_case=True,
            seed=3,
            destination=Directory(str(tmp_path / name)),
        )

    return make


def shown(result, index):
    return explain(f"{result.uri}/part-00000-of-00001.tfrecord", index, str(Path(result.uri).parent / "vocab.txt"))


def test_an_actual_next_sentence_is_explained(made, tmp_path):
    result = made(short_seq_prob=0.0)
    texts = [shown(result, index) for index in range(result.manifest.counters["instances"])]
    text = next(text for text in texts if "document 1, line 1\n" in text and "actual (0)" in text)
    lines = text.splitlines()
    assert lines[0].startswith("record ") and lines[0].endswith("part-00000-of-00001.tfrecord")
    assert lines[1] == "  length         16 tokens, 8 of padding"
    assert lines[2].startswith("  predictions    6: ")
    assert lines[3] == "  next sentence  actual (0)"
    assert any(line.startswith("  A  [CLS] ") for line in lines)
    assert any(line.startswith("  B  ") for line in lines)
    assert "«" in text and " → [MASK]»" in text
    assert f"  from {tmp_path}/part-00000-of-00001.txt" in lines
    assert "  A  document 1, line 1" in lines
    assert "  B  document 1, line 2" in lines


def test_each_mask_is_listed_with_what_was_done(made):
    result = made()
    lines = [line for index in range(10) for line in shown(result, index).splitlines()]
    kinds = {kind for line in lines for kind in ("(masked)", "(kept)", "(replaced)") if line.endswith(kind)}
    assert kinds == {"(masked)", "(kept)", "(replaced)"}


def test_a_record_of_one_segment_has_no_next_sentence(made):
    """All of a document is one segment here; lines without a token are between its lines and count."""
    result = made(rng="keyed", objective="mlm", short_seq_prob=0.0)
    texts = [shown(result, index) for index in range(result.manifest.counters["instances"])]
    assert all("  next sentence  none: one segment" in text.splitlines() for text in texts)
    assert not [text for text in texts if "\n  B  " in text]
    sources = {line for text in texts for line in text.splitlines() if line.startswith("  A  document")}
    assert sources == {"  A  document 1, lines 1 to 2", "  A  document 2, lines 4 to 6"}


def test_a_compressed_file_is_explained_too(made):
    result = made(compression="gzip")
    name = f"{result.uri}/part-00000-of-00001.tfrecord.gz"
    text = explain(name, 0, str(Path(result.uri).parent / "vocab.txt"))
    assert "  from " in text and "document " in text


def test_the_source_of_prepared_text_without_an_extension(tmp_path):
    (tmp_path / "vocab.txt").write_text(VOCABULARY)
    (tmp_path / "part-00000-of-00001").write_text(TEXT)
    result = create_records(
        text=Inputs.of(str(tmp_path / "part-*")),
        vocabulary=Inputs.of(str(tmp_path / "vocab.txt")),
        options=RecordSet(max_seq_length=24, max_predictions=8),
        lower_case=True,
        seed=3,
        destination=Directory(str(tmp_path / "records")),
    )
    assert f"  from {tmp_path}/part-00000-of-00001\n" in shown(result, 0)


def test_without_its_text_a_record_is_explained_without_source(made, tmp_path):
    result = made()
    (tmp_path / "part-00000-of-00001.txt").unlink()
    assert "  from " not in shown(result, 0)
    shutil.copy(f"{result.uri}/part-00000-of-00001.tfrecord", tmp_path / "copy.tfrecord")
    assert "length" in explain(str(tmp_path / "copy.tfrecord"), 0, str(tmp_path / "vocab.txt"))


def test_a_record_that_does_not_exist(made):
    result = made()
    count = result.manifest.counters["instances"]
    with pytest.raises(UsageError, match=rf"no such record. Found {count} records. Expected more than {count}"):
        shown(result, count)


def test_another_vocabulary(made, tmp_path):
    result = made()
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY.split("\n")[:8]))
    with pytest.raises(BerthError, match="record 0: this record cannot be read with this vocabulary"):
        shown(result, 0)

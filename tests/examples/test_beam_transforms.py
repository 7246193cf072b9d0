"""The example of Berth's transforms in another pipeline, run as its first lines say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from berth.formats.tfrecord import read_records

pytestmark = pytest.mark.docs

EXAMPLE = Path(__file__).parents[2] / "examples/beam_transforms.py"


def test_text_files_become_records(tmp_path):
    (tmp_path / "a.txt").write_text("The cat sat. The dog ran.\nA dog sat on a mat. It saw a cat.\n")
    (tmp_path / "b.txt").write_text("The dog saw the mat. It ran.\n")
    words = ["the", "cat", "dog", "sat", "ran", "on", "a", "mat", ".", "it", "saw"]
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    flags = [f"--text={tmp_path}/?.txt", f"--vocabulary={tmp_path}/vocab.txt", f"--output={tmp_path}/records"]
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"  # others are downloaded first
    subprocess.run([sys.executable, str(EXAMPLE), *flags, runner], check=True)
    (file,) = tmp_path.glob("records*.tfrecord")
    records = list(read_records(str(file)))
    assert len(records) >= 3 * 10  # each document ten times
    assert all(b"next_sentence_labels" in record for record in records)

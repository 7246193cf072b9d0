"""The stage that makes masked records: what it writes, wherever it runs, and what it says about bad input."""

from __future__ import annotations

import gzip
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats import record_blocks
from berth.formats.record_index import RecordIndex
from berth.formats.records import INDEX
from berth.recipe import RecordSet
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.output import Output, Receipt, sum_of_counters
from pipelines.mlm import record_encoder
from pipelines.mlm.shard import RecordShards
from pipelines.records import create_records

GOLDEN = Path(__file__).parents[1] / "golden" / "records"
VOCABULARY = str(GOLDEN / "vocab.txt")
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
SMALL = RecordSet(max_seq_length=32, max_predictions=5, dupe_factor=2)
THREADS = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]
PROCESSES = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
DASK = "--runner=DaskRunner"


def make(text, output, options=SMALL, beam_arguments=(), vocabulary=VOCABULARY, seed=12345, lower_case=True):
    return create_records(
        text=Inputs.of(str(text)),
        vocabulary=Inputs.of(vocabulary),
        options=options,
        lower_case=lower_case,
        seed=seed,
        destination=Directory(str(output)),
        beam_arguments=beam_arguments,
    )


def shards_of(result):
    return [file for file in result.manifest.files if not file.path.endswith(INDEX)]


def files(result):
    return {file.path: (file.size, file.sha256, file.records) for file in result.manifest.files}


@pytest.fixture
def shards(tmp_path):
    """The golden text in five files, the last line of each without a line feed."""
    documents = (GOLDEN / "input.txt").read_bytes().split(b"\n\n")
    for index in range(5):
        part = b"\n\n".join(documents[index::5]).rstrip(b"\n")
        (tmp_path / f"part-{index:05d}-of-00005.txt").write_bytes(part)
    return tmp_path / "part-*.txt"


# What it writes


def test_a_file_of_records_is_the_golden_file(tmp_path):
    options = RecordSet(max_seq_length=512, max_predictions=76)
    result = make(GOLDEN / "input.txt", tmp_path / "out", options, lower_case=False)
    expected = EXPECTED["mlperf-512-cased"]
    made, index = result.manifest.files
    assert (made.path, made.sha256, made.records) == (
        "input.tfrecord",
        expected["sha256_of_tfrecord_file"],
        expected["records"],
    )
    assert (index.path, index.records) == ("input.tfrecord.index", None)


@pytest.mark.parametrize("changes", [{}, {"rng": "keyed"}, {"rng": "keyed", "objective": "mlm", "span_masking": True}])
def test_counters_add_up(changes, shards, tmp_path):
    result = make(shards, tmp_path / "out", RecordSet(max_seq_length=32, max_predictions=5, **changes))
    counters = result.manifest.counters
    assert counters["instances"] == sum(file.records or 0 for file in result.manifest.files)
    assert counters["documents"] == 70
    assert counters["sentences"] > counters["documents"]
    assert 0 < counters["unknown_tokens"] < counters["tokens"]
    assert 0 < counters["random_next"] < counters["instances"] or changes.get("objective") == "mlm"
    used = counters["instances"] * 32 - counters["padding"]
    assert 0.1 < counters["masked"] / used < 0.2
    if changes.get("objective") == "mlm":  # every token of the text is in one record of each duplicate
        assert used == 10 * counters["tokens"] + 2 * counters["instances"]


def test_each_file_depends_on_its_text_alone(shards, tmp_path):
    """Documents do not go on in the next file, though there is no blank line between."""
    together = files(make(shards, tmp_path / "together"))
    alone = [files(make(text, tmp_path / f"alone{text[-16:]}")) for text in sorted(Inputs.find(str(shards)))]
    assert {name: entry for made in alone for name, entry in made.items()} == together


def test_gzip_is_the_same_records_compressed(shards, tmp_path):
    plain = make(shards, tmp_path / "plain")
    packed = make(shards, tmp_path / "packed", RecordSet(**{**SMALL.model_dump(), "compression": "gzip"}))
    for file in shards_of(plain):
        compressed = (tmp_path / "packed" / f"{file.path}.gz").read_bytes()
        assert gzip.decompress(compressed) == (tmp_path / "plain" / file.path).read_bytes()
    assert [file.records for file in shards_of(packed)] == [file.records for file in shards_of(plain)]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_each_file_has_an_index_beside_it(shards, tmp_path, compression, monkeypatch):
    """The one that is made of the file itself, or of its content where each block is compressed alone."""
    for module in (record_encoder, record_blocks):
        monkeypatch.setattr(module, "BLOCK_BYTES", 20_000)
    result = make(shards, tmp_path / "out", RecordSet(**{**SMALL.model_dump(), "compression": compression}))
    for file in shards_of(result):
        uri = str(tmp_path / "out" / file.path)
        index = RecordIndex.from_bytes(storage.read_bytes(uri + INDEX), uri + INDEX)
        index.check(uri, file.size, file.sha256)
        assert (index.count, index.max_seq_length, index.max_predictions) == (file.records, 32, 5)
        assert len(index.records) > 1 and (index.sizes[:-1] > 20_000).all()
        found = record_blocks.index_of(uri, file.sha256)
        assert index.records.tolist() == found.records.tolist() and index.sizes.tolist() == found.sizes.tolist()
        if compression == "gzip":
            members = [
                storage.read_range(uri, *part) for part in zip(index.offsets, np.diff(index.offsets), strict=False)
            ]
            assert [len(gzip.decompress(member)) for member in members] == index.sizes.tolist()
        else:
            assert index.to_bytes() == found.to_bytes()


def test_an_index_that_is_damaged_is_made_again_with_its_shard(shards, tmp_path):
    whole = make(shards, tmp_path / "whole")
    output = Output(str(tmp_path / "out"))
    job = RecordShards(VOCABULARY, True, SMALL, 12345, output)
    texts = Inputs.of(str(shards)).files
    job(texts[0])
    (tmp_path / "out" / f"{whole.manifest.files[1].path}").write_bytes(b"BERTHIDX")
    output.keep_complete()
    job(texts[0])
    assert [receipt.file for receipt in output.receipts()] == list(whole.manifest.files[:2])


def test_an_empty_file_gives_an_empty_file_and_a_warning(tmp_path, caplog):
    (tmp_path / "a.txt").write_text("A sentence.\nAnother.\n")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.txt").write_text("\n \n\u200b\n")
    with caplog.at_level(logging.WARNING, "berth"):
        result = make(tmp_path / "*.txt", tmp_path / "out")
    assert {file.path: file.records for file in shards_of(result) if not file.records} == {
        "b.tfrecord": 0,
        "c.tfrecord": 0,
    }
    assert "b.txt holds no text" in caplog.text


@pytest.mark.parametrize("text", ["One sentence", "One.\nTwo.\n", "One.\n\nTwo.\n\nThree.\n", "\n\n\nOne.\n\n\n\nTwo."])
def test_the_smallest_texts_give_records(text, tmp_path):
    (tmp_path / "a.txt").write_text(text)
    assert make(tmp_path / "a.txt", tmp_path / "out").manifest.counters["instances"] > 0


# Where it runs


def test_worker_processes_give_the_same_bytes(shards, tmp_path):
    assert files(make(shards, tmp_path / "two", beam_arguments=["--workers=2"])) == files(
        make(shards, tmp_path / "one")
    )


@pytest.mark.reproducibility
def test_two_threads_give_the_same_bytes(shards, tmp_path):
    assert files(make(shards, tmp_path / "two", beam_arguments=THREADS)) == files(make(shards, tmp_path / "one"))


@pytest.mark.slow
def test_processes_give_the_same_bytes(shards, tmp_path):
    assert files(make(shards, tmp_path / "two", beam_arguments=PROCESSES)) == files(make(shards, tmp_path / "one"))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_dask_gives_the_same_bytes(shards, tmp_path):
    from distributed import LocalCluster, default_client

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        arguments = [DASK, f"--dask_client_address={cluster.scheduler_address}"]
        made = files(make(shards, tmp_path / "dask", beam_arguments=arguments))
        default_client().close()
    assert made == files(make(shards, tmp_path / "one"))


def test_a_bundle_that_is_run_again_gives_the_same_file(shards, tmp_path):
    result = make(shards, tmp_path / "out")
    again = Output(str(tmp_path / "again"))
    job = pickle.loads(pickle.dumps(RecordShards(VOCABULARY, True, SMALL, 12345, again)))
    texts = Inputs.of(str(shards)).files
    for text in (*texts, *texts):
        job(text)
    assert [receipt.file for receipt in again.receipts()] == list(result.manifest.files)
    assert sum_of_counters(again.receipts())["instances"] == result.manifest.counters["instances"]


def test_what_was_complete_before_is_not_made_again(shards, tmp_path):
    whole = make(shards, tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.json"
    content = manifest.read_bytes()
    manifest.unlink()
    (tmp_path / "out" / ".stage.json").write_text(json.dumps({"digest": whole.manifest.digest}))
    output = Output(whole.uri)
    for file in whole.manifest.files[:4]:  # receipts of the shards that an interrupted run completed
        path = tmp_path / "out" / ".receipts" / f"{file.path}.json"
        path.parent.mkdir(exist_ok=True)
        revision = storage.revision(output.path(file.path))
        receipt = Receipt(file=file, counters={"documents": 14, "instances": 1}, revision=revision).sealed()
        path.write_text(receipt.model_dump_json())
        assert output.is_complete(file.path)
    times = {file.path: os.stat(tmp_path / "out" / file.path).st_mtime_ns for file in whole.manifest.files}
    assert files(make(shards, tmp_path / "out")) == files(whole)
    made_again = [name for name, time in times.items() if os.stat(tmp_path / "out" / name).st_mtime_ns != time]
    assert made_again == [file.path for file in whole.manifest.files[4:]]
    assert json.loads(content)["digest"] == whole.manifest.digest


def test_text_vocabulary_and_records_may_be_in_a_bucket(bucket, shards, tmp_path):
    for text in [*Inputs.find(str(shards)), VOCABULARY]:
        with storage.atomic_write(f"{bucket}/in/{storage.basename(text)}") as file:
            file.write(storage.read_bytes(text))
    there = make(f"{bucket}/in/part-*.txt", f"{bucket}/out", vocabulary=f"{bucket}/in/vocab.txt")
    here = make(shards, tmp_path / "out")
    assert files(there) == files(here)
    name = here.manifest.files[0].path
    assert storage.read_bytes(f"{bucket}/out/{name}") == (tmp_path / "out" / name).read_bytes()


# Bad input


def test_a_pattern_that_matches_nothing(tmp_path):
    with pytest.raises(UsageError, match=r"nothing-\*: no file matches"):
        make(tmp_path / "nothing-*", tmp_path / "out")


def test_no_text_at_all(tmp_path):
    (tmp_path / "a.txt").write_text(" \n\n")
    with pytest.raises(BerthError, match=r"the text holds no document. Found 1 files without a word"):
        make(tmp_path / "a.txt", tmp_path / "out")


def test_invalid_utf8_is_named_by_file_and_byte(shards, tmp_path):
    broken = Path(Inputs.find(str(shards))[3])
    broken.write_bytes(broken.read_bytes()[:1000].rsplit(b"\n", 1)[0] + b"\nA bad \xff byte.\n")
    offset = broken.read_bytes().index(b"\xff")
    with pytest.raises(BerthError, match=rf"part-00003-of-00005\.txt, byte {offset}: the text is not valid UTF-8"):
        make(shards, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_vocabulary_without_special_tokens(shards, tmp_path):
    (tmp_path / "words").write_text("a\nb\n[UNK]\n")
    with pytest.raises(BerthError, match=r"words: the vocabulary lacks \[PAD\], \[CLS\], \[SEP\], \[MASK\]"):
        make(shards, tmp_path / "out", vocabulary=str(tmp_path / "words"))
    assert not (tmp_path / "out").exists()


def test_one_document_has_no_random_next_sentence_with_keyed_records(tmp_path):
    (tmp_path / "a.txt").write_text("One.\nTwo.\n")
    with pytest.raises(BerthError, match=r"a\.txt: a random next sentence must come from another document"):
        make(tmp_path / "a.txt", tmp_path / "out", RecordSet(rng="keyed"))


def test_an_output_of_other_parameters_is_left_alone(shards, tmp_path):
    before = files(make(shards, tmp_path / "out"))
    with pytest.raises(UsageError, match=r"output of another records run. Found seed = 12345 there, 1 now"):
        make(shards, tmp_path / "out", seed=1)
    assert files(make(shards, tmp_path / "out")) == before


def test_two_texts_whose_records_would_have_one_name(tmp_path):
    for name in ("a", "a.txt"):
        (tmp_path / name).write_text("One.\n")
    with pytest.raises(UsageError, match=r"two text files would have the same name. Found a, a.txt"):
        make(tmp_path / "a*", tmp_path / "out")


@pytest.mark.parametrize(
    "changes",
    [
        {"max_seq_length": 4},
        {"max_seq_length": 16385},
        {"max_predictions": 0},
        {"max_seq_length": 16, "max_predictions": 14},
        {"masked_lm_prob": 0.0},
        {"dupe_factor": 0},
        {"objective": "mlm"},
        {"span_masking": True},
        {"rng": "keyed", "span_masking": True, "whole_word_mask": True},
    ],
)
def test_impossible_options(changes):
    with pytest.raises(ValidationError):
        RecordSet(**changes)


# Cost

MEASURED = """
import sys
from berth.stage.inputs import Inputs
from berth.formats import record_blocks
from berth.formats.record_index import RecordIndex
from berth.formats.records import INDEX
from berth.recipe import RecordSet
from berth.stage import Directory
from pipelines.records import create_records
create_records(
    text=Inputs.of(sys.argv[1]), vocabulary=Inputs.of(sys.argv[2]), options=RecordSet(max_seq_length=512,
    max_predictions=76), lower_case=True, seed=1, destination=Directory(sys.argv[3]))
# Not ru_maxrss, which begins with the memory of the process that started this one.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
def test_memory_is_bounded(tmp_path):
    """Less than 400 MB for a shard of 41 MB and ten duplicates, the interpreter, Beam and the kernels included."""
    words = [token for token in Path(VOCABULARY).read_text().split() if token.isalpha()]
    sentences = [" ".join(words[(7 * index + 3 * k) % len(words)] for k in range(20)) for index in range(400)]
    document = "\n".join(sentences[:40]) + "\n\n"
    (tmp_path / "a.txt").write_text(document * (41_000_000 // len(document.encode())))
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "a.txt"), VOCABULARY]
    for name in ("cold", "warm"):  # compiling takes memory, too, but only once
        kilobytes = int(subprocess.check_output([*command, str(tmp_path / name)]).split()[-1])
    assert kilobytes < 400_000


def test_the_stage_module_is_light(tmp_path):
    """It is imported to see that nothing is to be done: without Beam, Numba and TensorFlow."""
    code = "import sys, pipelines.records, pipelines.evalset, pipelines.explain; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"apache_beam", "numba", "numpy", "tensorflow"} & set(modules)

"""Corpora of one's own, as a user gives them: text of several forms, and text that is segmented already."""

import json
import random
import shutil
import subprocess
import sys

import pytest

RECIPE = """
name: own
corpus:
  {corpus}
vocabulary: {{size: 105}}
records:
  short: {{max_seq_length: 32, max_predictions: 5, dupe_factor: 2}}
model:
  {{hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 32}}
training:
  phases: [{{name: first, records: short, steps: 3, batch_size: 8, learning_rate: 1.0e-3}}]
evaluation: {{records: short, examples: 20}}
{rest}
"""
SOURCES = """sources:
    - {{format: sentences, path: {directory}/sentences.txt}}
    - {{format: jsonl, path: "{directory}/*.jsonl", text_field: body}}"""
WORDS = "tide harbour ship crew rope anchor wind sail port quay crane cargo dock pilot buoy chart deck mast".split()  # noqa: SIM905

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def berth(*arguments):
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def documents(chance, count):
    return [
        [" ".join(chance.choices(WORDS, k=chance.randrange(5, 12))).capitalize() + "." for _ in range(4)]
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def from_sources(tmp_path_factory):
    """A run from two sources of text."""
    directory, chance = tmp_path_factory.mktemp("sources"), random.Random(1)
    text = "\n".join("".join(f"{line}\n" for line in lines) for lines in documents(chance, 40))
    (directory / "sentences.txt").write_text(text)
    rows = [json.dumps({"body": " ".join(lines)}) for lines in documents(chance, 40)]
    (directory / "objects.jsonl").write_text("\n".join(rows))
    recipe = RECIPE.format(
        corpus=SOURCES.format(directory=directory), rest="segmentation: {shards: 2, eval_documents: 10}"
    )
    (directory / "recipe.yaml").write_text(recipe)
    berth("run", directory / "recipe.yaml", "--workspace", directory / "w")
    return directory / "w"


@pytest.fixture(scope="module")
def from_prepared(from_sources, tmp_path_factory):
    """A run from the sentence shards of the other, as MLPerf's scripts would have written them."""
    directory = tmp_path_factory.mktemp("prepared")
    (directory / "results").mkdir()
    for path in from_sources.glob("segment/*/*.txt"):
        name = path.name if path.name == "eval.txt" else path.stem
        shutil.copy(path, directory / "results" / name)
    given = f"prepared: {{text: {directory}/results/part-*-of-00002, evaluation: {directory}/results/eval.txt}}"
    (directory / "recipe.yaml").write_text(RECIPE.format(corpus=given, rest=""))
    berth("run", directory / "recipe.yaml", "--workspace", directory / "w")
    return directory / "w"


def contents(workspace, pattern):
    return {path.name: path.read_bytes() for path in workspace.glob(pattern)}


def test_sources_of_several_forms_become_one_model(from_sources):
    manifest = json.loads(next(from_sources.glob("extract/*/manifest.json")).read_text())
    assert manifest["counters"]["documents_read"] == manifest["counters"]["articles"] == 80
    assert "complete and unchanged" in berth("verify", from_sources)
    assert "<b>Documents</b> of extract" in next(from_sources.glob("report/*/report.html")).read_text()


def test_prepared_text_enters_at_the_records(from_sources, from_prepared):
    assert {path.name for path in from_prepared.iterdir()} == {path.name for path in from_sources.iterdir()} - {
        "extract",
        "segment",
    }
    assert contents(from_prepared, "vocab/*/vocab.txt") == contents(from_sources, "vocab/*/vocab.txt")
    records = contents(from_prepared, "records/*/*.tfrecord")
    assert sorted(records) == ["eval.tfrecord", "part-00000-of-00002.tfrecord", "part-00001-of-00002.tfrecord"]
    assert records == contents(from_sources, "records/*/*.tfrecord")
    assert not list(from_prepared.rglob("part-0000?-of-00002"))


def test_lineage_says_that_the_text_was_given(from_prepared):
    results = from_prepared.parent / "results"
    lines = berth("lineage", from_prepared).splitlines()
    assert [line for line in lines if f"text: {results}/part-*-of-00002  given, 2 files, " in line]
    assert [line for line in lines if f"text: {results}/eval.txt" in line]
    assert [line for line in lines if "part-00001-of-00002  " in line and "  sha256 " in line]
    assert "complete and unchanged" in berth("verify", from_prepared, "--ancestors")


def test_given_text_that_was_changed_is_found(from_prepared):
    path = from_prepared.parent / "results" / "part-00000-of-00002"
    content = path.read_bytes()
    path.write_bytes(content + b"More.\n")
    try:
        command = [sys.executable, "-c", "from berth.app.cli import main; main()", "verify", str(from_prepared)]
        finished = subprocess.run(command, capture_output=True, text=True)
    finally:
        path.write_bytes(content)
    assert finished.returncode == 1
    assert "part-00000-of-00002 is not what was read: other content" in finished.stderr


def test_the_report_of_prepared_text_shows_the_whole_flow(from_prepared):
    page = next(from_prepared.glob("report/*/report.html")).read_text()
    assert "the sentences were given" in page
    assert "part-*-of-00002" in page and "eval.txt" in page
    assert list(from_prepared.glob("export/*/model.safetensors"))

"""Given files must be those that the recipe expects, or no work begins."""

import hashlib
import json

import pytest

from berth.errors import BerthError
from berth.recipe import Recipe
from berth.stage import Workspace, expected

DUMP, VOCABULARY, WEIGHTS = b"<mediawiki/>", b"[PAD]\n[UNK]\n", b"weights"


def md5(content):
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def inputs(tmp_path):
    directory = tmp_path / "inputs"
    directory.mkdir()
    for name, content in {"dump.xml": DUMP, "vocab.txt": VOCABULARY, "model.ckpt-1.index": WEIGHTS}.items():
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture
def check(inputs, tmp_path):
    """Checks a recipe, by default the one that expects all three files as they are."""

    def check(**sections):
        content = {
            "name": "checked",
            "corpus": {"sources": [{"path": f"{inputs}/dump.xml", "expected": {"md5": md5(DUMP), "bytes": 12}}]},
            "segmentation": {"eval_documents": 1},
            "vocabulary": {
                "path": f"{inputs}/vocab.txt",
                "expected": {"sha256": hashlib.sha256(VOCABULARY).hexdigest()},
            },
            "records": {"short": {"max_seq_length": 64}},
            "initial_checkpoint": f"{inputs}/model.ckpt-1",
            "initialization": {"expected": {"model.ckpt-1.index": {"sha1": hashlib.sha1(WEIGHTS).hexdigest()}}},
            "training": {
                "phases": [{"name": "a", "records": "short", "steps": 1, "batch_size": 1, "learning_rate": 1.0}]
            },
            "evaluation": {"records": "short"},
        }
        recipe = Recipe.model_validate({**content, **sections})
        expected.check(recipe, Workspace(str(tmp_path / "workspace")))
        return recipe

    return check


def test_files_that_are_as_expected_pass_and_every_digest_is_computed(check, inputs, tmp_path):
    recipe = check()
    [record] = (tmp_path / "workspace" / expected.STAGE).glob(f"*/{expected.CHECKED}")
    assert json.loads(record.read_text()) == {
        f"{inputs}/dump.xml": {"md5": md5(DUMP)},
        f"{inputs}/vocab.txt": {"sha256": hashlib.sha256(VOCABULARY).hexdigest()},
        f"{inputs}/model.ckpt-1.index": {"sha1": hashlib.sha1(WEIGHTS).hexdigest()},
    }
    assert recipe.corpus.sources[0].expected.bytes == len(DUMP)


@pytest.mark.parametrize("algorithm", expected.DIGESTS)
def test_a_wrong_digest_alone_is_refused_whatever_the_algorithm(check, inputs, algorithm):
    """The file is untouched and its size is right: only the recipe's digest differs, in its last digit."""
    right = hashlib.new(algorithm, DUMP).hexdigest()
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    source = {"path": f"{inputs}/dump.xml", "expected": {algorithm: wrong, "bytes": len(DUMP)}}
    with pytest.raises(BerthError, match=f"Found {algorithm} {right}. Expected {algorithm} {wrong}"):
        check(corpus={"sources": [source]})
    check(corpus={"sources": [{**source, "expected": {algorithm: right}}]})


@pytest.mark.parametrize(
    ("name", "algorithm", "key"),
    [
        ("dump.xml", "md5", "corpus.sources.0.expected"),
        ("vocab.txt", "sha256", "vocabulary.expected"),
        ("model.ckpt-1.index", "sha1", "initialization.expected.model.ckpt-1.index"),
    ],
)
def test_another_content_is_named_with_both_digests(check, inputs, name, algorithm, key):
    content = (inputs / name).read_bytes()
    (inputs / name).write_bytes(content[::-1])
    with pytest.raises(BerthError) as error:
        check()
    assert f"{inputs}/{name}: this is not the file that the recipe expects." in str(error.value)
    assert f"Found {algorithm} {hashlib.new(algorithm, content[::-1]).hexdigest()}." in str(error.value)
    assert f"Expected {algorithm} {hashlib.new(algorithm, content).hexdigest()}." in str(error.value)
    assert f"If this is the right file, change {key}." in str(error.value)


def test_sizes_come_first(check, inputs):
    """A download that was cut short is found without reading it, before any other file's content."""
    (inputs / "vocab.txt").write_bytes(b"damaged")
    (inputs / "dump.xml").write_bytes(DUMP[:5])
    with pytest.raises(BerthError, match=r"Found 5 bytes\. Expected 12 bytes\."):
        check()


@pytest.mark.parametrize("name", ["dump.xml", "vocab.txt", "model.ckpt-1.index"])
def test_a_file_that_is_missing_is_named(check, inputs, name):
    (inputs / name).unlink()
    with pytest.raises(BerthError, match=name.replace(".", r"\.")):
        check()


def test_what_was_checked_is_not_read_again_until_it_is_written_again(check, inputs, monkeypatch):
    check()
    with monkeypatch.context() as patch:
        patch.setattr(expected, "_check_content", lambda file: pytest.fail(f"{file.uri} is read again"))
        check()
    (inputs / "vocab.txt").write_bytes(VOCABULARY[::-1])
    with pytest.raises(BerthError, match="sha256"):
        check()


def test_expectations_are_of_one_file(check, inputs):
    (inputs / "other.xml").write_bytes(DUMP)
    sources = [{"path": f"{inputs}/*.xml", "expected": {"bytes": 12}}]
    with pytest.raises(BerthError, match=r"corpus\.sources\.0\.expected describes a single file.*Found 2 files"):
        check(corpus={"sources": sources})


def test_prepared_text_has_expectations_by_name(check, inputs):
    (inputs / "part-0.txt").write_bytes(b"One.\n")
    (inputs / "eval.txt").write_bytes(b"Two.\n")
    prepared = {"text": f"{inputs}/part-*.txt", "evaluation": f"{inputs}/eval.txt"}
    given = {"eval.txt": {"md5": md5(b"Two.\n")}, "part-0.txt": {"bytes": 5}}
    check(corpus={"prepared": {**prepared, "expected": given}}, segmentation=None)
    with pytest.raises(BerthError, match=r"the file part-1\.txt is missing.*corpus\.prepared\.expected\.part-1\.txt"):
        check(corpus={"prepared": {**prepared, "expected": {"part-1.txt": {"bytes": 5}}}}, segmentation=None)


def test_a_file_next_to_prepared_text_is_checked_where_it_exists(check, inputs):
    """MLPerf's eval.md5: published with the text, but nothing reads it."""
    (inputs / "part-0.txt").write_bytes(b"One.\n")
    (inputs / "eval.txt").write_bytes(b"Two.\n")
    prepared = {"text": f"{inputs}/part-*.txt", "evaluation": f"{inputs}/eval.txt"}
    sums = b"0" * 32 + b"\n"
    corpus = {"prepared": {**prepared, "expected": {"eval.md5": {"md5": md5(sums), "bytes": len(sums)}}}}
    check(corpus=corpus, segmentation=None)
    (inputs / "eval.md5").write_bytes(sums)
    check(corpus=corpus, segmentation=None)
    (inputs / "eval.md5").write_bytes(sums[:-1])
    with pytest.raises(BerthError, match=r"eval\.md5: this is not the file .*Found 32 bytes\. Expected 33 bytes"):
        check(corpus=corpus, segmentation=None)
    (inputs / "eval.md5").write_bytes(sums[::-1])
    with pytest.raises(BerthError, match=rf"eval\.md5: .*Found md5 {md5(sums[::-1])}\. Expected md5 {md5(sums)}"):
        check(corpus=corpus, segmentation=None)


def test_a_checkpoint_may_be_a_directory(check, inputs):
    check(initial_checkpoint=str(inputs))


def test_nothing_is_done_where_nothing_is_expected(check, inputs, tmp_path):
    check(
        corpus={"sources": [{"path": f"{inputs}/dump.xml"}]},
        vocabulary={"path": f"{inputs}/vocab.txt"},
        initialization={},
    )
    assert not (tmp_path / "workspace").exists()


def test_objects_in_a_bucket_are_checked_too(check, bucket):
    from berth import storage

    with storage.atomic_write(f"{bucket}/dump.xml") as file:
        file.write(DUMP)
    check(corpus={"sources": [{"path": f"{bucket}/dump.xml", "expected": {"md5": md5(DUMP), "bytes": 12}}]})
    with storage.atomic_write(f"{bucket}/dump.xml") as file:
        file.write(DUMP[::-1])
    with pytest.raises(BerthError, match=r"gs://berth-test/dump\.xml: this is not the file"):
        check(corpus={"sources": [{"path": f"{bucket}/dump.xml", "expected": {"md5": md5(DUMP), "bytes": 12}}]})

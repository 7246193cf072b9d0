"""Tasks in tables: GLUE's own TSV, CSV and JSONL, and errors that name file and line."""

import csv
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from berth.errors import BerthError, UsageError
from berth.recipe import FineTuning
from trainer.finetuning import rows
from trainer.finetuning.labels import Scores
from trainer.finetuning.tasks import task_of

MNLI = "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse"
MNLI_TRAIN = [*MNLI.split(), "sentence1", "sentence2", "label1", "gold_label"]
MNLI_DEV = [*MNLI_TRAIN[:-2], "label1", "label2", "label3", "label4", "label5", "gold_label"]
QQP = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"]
STSB = ["index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2", "score"]
MRPC = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
RTE = ["index", "sentence1", "sentence2", "label"]
COLA = ["source", "label", "star", "sentence"]  # the files do not say it

# Columns as the files have them, two labels, and those labels' ids (or the scores).
LAYOUTS = {
    "mnli": (MNLI_TRAIN, ["neutral", "contradiction"], [2, 0]),
    "qqp": (QQP, ["1", "0"], [1, 0]),
    "qnli": (["index", "question", "sentence", "label"], ["not_entailment", "entailment"], [1, 0]),
    "sst2": (["sentence", "label"], ["1", "0"], [1, 0]),
    "cola": (COLA, ["0", "1"], [0, 1]),
    "stsb": (STSB, ["2.750", "5.000"], [2.75, 5.0]),
    "mrpc": (MRPC, ["1", "0"], [1, 0]),
    "rte": (RTE, ["entailment", "not_entailment"], [0, 1]),
}


def options(task, data, **values):
    return FineTuning(task=task, data=str(data), **values)


def read(task, data, **values):
    """The examples of a task in a directory."""
    found = task_of(options(task, data, **values))
    return found.read(found.find_files(str(data)))


def rows_of(columns, texts, labels, label):
    """Rows of a GLUE file; values in unused columns could be mistaken for a label or a quoted value."""
    for number, (pair, value) in enumerate(zip(texts, labels, strict=True)):
        remaining = list(pair)
        yield [value if name == label else remaining.pop(0) if is_text(name) else f'"{number}' for name in columns]


def is_text(name):
    return name in (
        "sentence1",
        "sentence2",
        "question1",
        "question2",
        "question",
        "sentence",
        "#1 String",
        "#2 String",
    )


def table(*lines):
    return "".join("\t".join(line) + "\n" for line in lines)


def two_rows(task, columns, texts, labels):
    header = [] if task == "cola" else [columns]
    return table(*header, *rows_of(columns, texts, labels, task_of(options(task, "")).label))


@pytest.fixture
def glue(tmp_path):
    """Writes both rows of a task, as training and as dev files; returns the directory."""

    def write(task, texts=None, labels=None):
        columns, own, _ = LAYOUTS[task]
        width = sum(map(is_text, columns))
        texts = texts or [[f'"{"ab"[row]} {column}' for column in range(width)] for row in range(2)]
        for name in task_of(options(task, "")).files[0]:
            chosen = MNLI_DEV if name.startswith("dev_") else columns
            (tmp_path / name).write_text(two_rows(task, chosen, texts, labels or own))
        return tmp_path

    return write


@pytest.mark.parametrize("task", LAYOUTS)
def test_the_files_of_glue(glue, task):
    """Texts with quotes in them, which are text there; labels by their ids in the order of google-research/bert."""
    dataset = read(task, glue(task))
    columns, _, expected = LAYOUTS[task]
    names = ["dev_matched", "dev_mismatched"] if task == "mnli" else ["dev"]
    assert [each.name for each in dataset.held_out] == names
    for each in (dataset.train, *dataset.held_out):
        assert each.first == ['"a 0', '"b 0']
        assert each.second == (['"a 1', '"b 1'] if sum(map(is_text, columns)) == 2 else None)
        assert each.labels.tolist() == expected
        assert each.lines.tolist() == ([1, 2] if task == "cola" else [2, 3])
        assert each.labels.dtype == (np.float32 if task == "stsb" else np.int32)
    labels = task_of(options(task, "")).labels
    assert dataset.head.labels == (() if isinstance(labels, Scores) else labels.names)


def test_only_a_line_feed_ends_a_line(glue):
    texts = [["one\u2028still one\x85and\x1c on"], ["two\r"]]
    directory = glue("sst2", texts)
    for name in ("train.tsv", "dev.tsv"):
        content = (directory / name).read_bytes().replace(b"\n", b"\r\n")
        (directory / name).write_bytes(b"\xef\xbb\xbf" + content + b"\r\n")
    assert read("sst2", directory).train.first == ["one\u2028still one\x85and\x1c on", "two\r"]


def test_examples_nobody_agreed_on_are_dropped_and_counted(glue):
    train = read("mnli", glue("mnli", labels=["-", "neutral"])).train
    assert (train.labels.tolist(), train.lines.tolist(), train.skipped) == ([2], [3], {"no_gold_label": 1})
    with pytest.raises(BerthError, match=r"train.tsv: there are no examples in the file. Found 2 rows \(no gold label"):
        read("mnli", glue("mnli", labels=["-", "-"]))


def test_questions_with_line_breaks_are_dropped_and_counted(glue):
    """QQP's published files have some: each is two rows of too few columns."""
    directory = glue("qqp", [["a\nb", "c"], ["d", "e"]])
    train = read("qqp", directory).train
    assert (train.first, train.lines.tolist(), train.skipped) == (["d"], [4], {"too_few_columns": 2})
    directory = glue("qqp", [["a\tb", "c"], ["d", "e"]])
    with pytest.raises(BerthError, match=r"train.tsv, line 2: a row has too many columns. Found 7. Expected 6"):
        read("qqp", directory)


def test_the_files_of_microsoft_serve_where_those_of_glue_are_not(glue):
    directory = glue("mrpc")
    for name in ("train.tsv", "dev.tsv"):
        (directory / f"msr_paraphrase_{'train' if name == 'train.tsv' else 'test'}.txt").write_text(
            (directory / name).read_text().replace('"a', "a")
        )
    assert read("mrpc", directory).train.first[0] == '"a 0'
    (directory / "train.tsv").unlink()
    dataset = read("mrpc", directory)
    assert (dataset.train.first[0], dataset.held_out[0].name) == ("a 0", "msr_paraphrase_test")


def test_csv_has_quotes_and_lines_are_those_rows_begin_in(tmp_path):
    (tmp_path / "train.csv").write_text('text,kind\n"a, ""b""\nc",x\nplain,y\n')
    (tmp_path / "dev.csv").write_text("kind,text\ny,d\n")
    dataset = read("classification", tmp_path, label_field="kind")
    assert dataset.train.first == ['a, "b"\nc', "plain"] and dataset.train.lines.tolist() == [2, 4]
    assert (dataset.head.labels, dataset.held_out[0].labels.tolist()) == (("x", "y"), [1])


def test_jsonl_may_have_numbers_for_labels_which_are_sorted_as_such(tmp_path):
    lines = [{"q": f"q{label}", "a": "a", "n": label} for label in (10, 9, "2")]
    for name in ("train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = read("classification", tmp_path, fields=["q", "a"], label_field="n")
    assert dataset.head.labels == ("2", "9", "10") and dataset.train.labels.tolist() == [2, 1, 0]
    assert (dataset.train.first, dataset.train.second) == (["q10", "q9", "q2"], ["a", "a", "a"])


def test_jsonl_may_have_truth_values_for_labels(tmp_path):
    for name in ("train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_text('{"text": "a", "label": true}\n{"text": "b", "label": false}\n')
    dataset = read("classification", tmp_path)
    assert dataset.head.labels == ("false", "true") and dataset.train.labels.tolist() == [1, 0]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
LABELS = st.sampled_from(["yes", "no", "perhaps"])


@pytest.mark.parametrize("ending", ["tsv", "csv", "jsonl"])
@given(pairs=st.lists(st.tuples(TEXTS, LABELS)))
def test_whatever_the_texts_are_they_are_read_as_they_were_written(tmp_path_factory, ending, pairs):
    file = tmp_path_factory.mktemp("rows") / f"train.{ending}"
    if ending == "tsv":
        pairs = [(re.sub(r"[\t\n]", " ", text), label) for text, label in pairs]
        content = table(["text", "label"], *pairs)
    elif ending == "csv":
        content = io.StringIO(newline="")
        csv.writer(content).writerows([["text", "label"], *pairs])
        content = content.getvalue()
    else:
        content = "\n".join(json.dumps({"label": label, "text": text}) for text, label in pairs) + "\n"
    file.write_bytes(content.encode())
    if content.strip():
        assert [row.values for row in rows.read(str(file), ["text", "label"]).rows] == pairs


GOOD = "text\tlabel\na\tx\nb\ty\n"


@pytest.mark.parametrize(
    ("name", "train", "dev", "message"),
    [
        ("tsv", "", GOOD, r"train.tsv: the file is empty."),
        ("tsv", "text\tlabel\n", GOOD, r"train.tsv: a classification needs at least two labels."),
        ("tsv", GOOD, "text\tlabel\n", r"dev.tsv: there are no examples in the file."),
        ("tsv", "text\tkind\na\tx\n", GOOD, r"train.tsv, line 1: the file has no column 'label'. Found 'text', 'kind'"),
        ("tsv", GOOD, "a\tx\nb\ty\n", r"dev.tsv, line 1: the file has no column 'text'. Found 'a', 'x'"),
        ("tsv", "text\tlabel\na\tx\n\tb\ty\n", GOOD, r"train.tsv, line 3: a row has too many columns. Found 3."),
        ("tsv", "text\tlabel\na\tx\nb\n", GOOD, r"train.tsv, line 3: a row has too few columns. Found 1. Expected 2"),
        ("tsv", "text\tlabel\na\tx\nb\t\n", GOOD, r"train.tsv, line 3: the row has no label."),
        ("tsv", GOOD, "text\tlabel\na\t\n", r"dev.tsv, line 2: the row has no label."),
        ("tsv", GOOD, "text\tlabel\na\tz\n", r"dev.tsv, line 2: the label is not one of the task's. Found 'z'. Expected"
         r" one of 'x', 'y', the labels of train.tsv."),
        ("tsv", "text\tlabel\na\tx\nb\tx\n", GOOD, r"train.tsv: a classification needs at least two labels. Found 'x'"),
        ("tsv", "text\tlabel\na\tx\nb\tx \n", GOOD, r"train.tsv: two labels differ by spaces only. Found 'x' and 'x '"),
        ("csv", 'text,label\n"a,x\n', "text,label\n", r"train.csv, line 2: this is not valid CSV. Found unexpected"),
        ("csv", 'text,label\n"a\nb",x\nc,"y\n"\n', "text,label\n", r"train.csv, line 4: a label has a character"),
        ("jsonl", '{"text": "a", "label": 1}\n{"text": "b"\n', "", r"train.jsonl, line 2: the line is not valid JSON"),
        ("jsonl", '["a", 1]\n', "", r"train.jsonl, line 1: the line has no usable value for 'text'. Found \["),
        ("jsonl", '{"text": "a", "label": 0.5}\n', "", r"train.jsonl, line 1: .* value for 'label'. Found {.*0.5}"),
        ("jsonl", '{"text": "\\ud800", "label": 1}\n', "", r"train.jsonl, line 1: the line has no usable value"),
        ("jsonl", "[" * 100_000 + "\n", "", r"train.jsonl, line 1: the line is not valid JSON. Found maximum rec"),
        ("jsonl", '{"label": %s}\n' % ("9" * 5000), "", r"train.jsonl, line 1: the line is not valid JSON. Found Exc"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_file_and_line(tmp_path, name, train, dev, message):
    (tmp_path / f"train.{name}").write_text(train)
    (tmp_path / f"dev.{name}").write_text(dev)
    with pytest.raises(BerthError, match=message):
        read("classification", tmp_path)


@pytest.mark.parametrize(
    ("task", "label", "message"),
    [
        (
            "mnli",
            "maybe",
            "the label is not one of the task's. Found 'maybe'. Expected one of 'contradiction', 'entailment', 'neut",
        ),
        ("rte", "-", "the label is not one of the task's. Found '-'"),
        ("sst2", "2", "the label is not one of the task's. Found '2'. Expected one of '0', '1'."),
        ("cola", "", "the row has no label"),
        ("stsb", "", "the row has no label"),
        ("stsb", "5.1", "the score is not a number in the task's range. Found '5.1'. Expected a number from 0 to 5"),
        ("stsb", "nan", "the score is not a number in the task's range. Found 'nan'"),
        ("stsb", "high", "the score is not a number in the task's range. Found 'high'"),
    ],
)
def test_labels_that_are_none_of_the_tasks(glue, task, label, message):
    directory = glue(task, labels=[LAYOUTS[task][1][0], label])
    with pytest.raises(BerthError, match=rf"train.tsv, line {2 if task == 'cola' else 3}: {message}"):
        read(task, directory)


def test_text_that_is_not_utf8_is_named_by_its_line(glue):
    directory = glue("sst2")
    content = (directory / "dev.tsv").read_bytes()
    (directory / "dev.tsv").write_bytes(content.replace(b"b 0", b"b \xff0"))
    with pytest.raises(BerthError, match=r"dev.tsv, line 3: the file is not valid UTF-8. Found the byte 0xff"):
        read("sst2", directory)


def test_files_that_are_not_there_or_are_there_twice(tmp_path):
    with pytest.raises(
        UsageError, match=r"the directory lacks files of the task mrpc. Expected train.tsv, dev.tsv or msr"
    ):
        read("mrpc", tmp_path)
    for name in ("train.tsv", "dev.tsv", "train.csv", "dev.csv"):
        (tmp_path / name).write_text(GOOD)
    with pytest.raises(
        UsageError, match=r"training and dev files in several formats. Found train.tsv, dev.tsv, train.csv"
    ):
        read("classification", tmp_path)


def test_the_sample_that_comes_with_berth_has_the_layout_of_mnli():
    dataset = read("mnli", "package://berth_recipes/samples/mnli")
    assert [len(each) for each in (dataset.train, *dataset.held_out)] == [120, 40, 40]
    assert np.bincount(dataset.train.labels).tolist() == [40, 40, 40]
    pairs = [set(zip(each.first, each.second, strict=True)) for each in (dataset.train, *dataset.held_out)]
    assert len(set.union(*pairs)) == 200  # no pair twice

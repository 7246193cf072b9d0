"""`berth finetune`: prints the figures; impossible flags are refused by name."""

import json

import pytest

from berth.errors import BerthError, UsageError
from support.command_line import call
from support.finetuning_files import HOW


@pytest.fixture
def command(model, tmp_path, capsys):
    """What the command prints, given its options."""

    def run(**options):
        given = {"task": "classification", "checkpoint": f"{model}/", "output": str(tmp_path / "out"), **options}
        call("finetune", **given)
        return json.loads(capsys.readouterr().out)

    return run


def test_it_prints_the_figures_of_the_last_epoch(command, opinions, finetuned):
    """Its flags are those the fixture was made with: it finds that all is done."""
    shown = command(data=str(opinions), output=str(finetuned), fields="text", label_field="label", seed=5, **HOW)
    figures = json.loads((finetuned / "finetuning.json").read_text())
    assert shown == {"metrics": figures["metrics"], "baseline": figures["baseline"]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "wnli"}, r"--task: invalid value. Found 'wnli'. Expected 'mnli', 'qqp'"),
        ({"epochs": 0}, r"--epochs: invalid value. Found 0. Expected greater than 0"),
        ({"fields": "a,b,c"}, r"--fields: invalid value"),
        ({"task": "mnli", "fields": "a"}, r"fields and label_field are for task: classification; the columns of mnli"),
        ({"cased": True}, r"the checkpoint is for uncased text. Found --cased. Leave the flag out"),
        (
            {"fields": "sentence", "max_seq_length": 10},
            r"train.tsv, line 1: the file has no column 'sentence'. Found 'text', 'label'",
        ),
    ],
)
def test_impossible_flags_are_refused(command, opinions, tmp_path, options, message):
    with pytest.raises(BerthError, match=message):
        command(data=str(opinions), **options)
    assert not (tmp_path / "out").exists()


def test_a_directory_without_the_files_or_without_a_checkpoint(command, opinions, tmp_path):
    with pytest.raises(UsageError, match=r"the directory lacks files of the task classification"):
        command(data=str(tmp_path))
    with pytest.raises(BerthError, match=r"there is no checkpoint here"):
        command(data=str(opinions), checkpoint=str(tmp_path))

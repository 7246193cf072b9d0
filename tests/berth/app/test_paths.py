"""Every option of the command line that is a path is read by the one parser of paths."""

import pytest
import typer

from berth.app.cli import app
from berth.errors import UsageError
from berth.recipe import FineTuning, Source, Vocabulary
from support.command_line import call

PATHS = {"DIR", "FILE", "'GLOB'", "URI", "PATH", "RECIPE", "SRC", "DST", "RUN...", "DIR|FILE", "RECORDS"}
# Their values are read by the section of the recipe, or split first.
OTHERS = {("finetune", "data"), ("segment", "punkt"), ("train", "records"), ("extract", "source")}


def path_parameters():
    group = typer.main.get_command(app)
    for name, command in group.commands.items():
        context = typer.Context(command, info_name=name)
        for parameter in command.get_params(context):
            metavar = (parameter.metavar or "").strip("[]")
            if metavar in PATHS and (name, parameter.name) not in OTHERS:
                yield pytest.param(parameter, context, id=f"{name} {parameter.name}")


@pytest.mark.parametrize(("parameter", "context"), [*path_parameters()])
def test_a_home_directory_is_written_out_once(parameter, context, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    is_list = parameter.multiple or parameter.nargs == -1

    def read(text):
        value = parameter.process_value(context, [text] if is_list else text)
        return value[0] if is_list else value

    assert read("~/o") == f"{tmp_path}/o"
    assert read("o[1] ~") == "o[1] ~"
    with pytest.raises(UsageError, match="s3://b: this storage cannot be read"):
        read("s3://b")


def test_the_path_after_a_name_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match=f"^{tmp_path}/nothing: no file matches"):
        call("extract", source="documents=~/nothing", output=str(tmp_path / "o"))
    with pytest.raises(UsageError, match=rf"^{tmp_path}/nothing/\*\.tfrecord\*: no file matches"):
        call("train", "quickstart", records="short=~/nothing", output=str(tmp_path / "o"))


@pytest.mark.parametrize(
    ("section", "content"),
    [
        (Source, {"path": "~/dump.xml"}),
        (Vocabulary, {"path": "~/vocab.txt"}),
        (FineTuning, {"task": "rte", "data": "~/glue"}),
    ],
)
def test_a_recipe_means_the_same_for_every_user(section, content):
    with pytest.raises(ValueError, match=r"~ is not written out here.*give the whole path"):
        section.model_validate(content)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "{{$.inputs.parameters['recipe']}}"])
def test_a_workspace_that_kfp_would_parse_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="the path of a workspace cannot contain"):
        call("run", "quickstart", workspace=str(tmp_path / name))
    assert not list(tmp_path.iterdir())

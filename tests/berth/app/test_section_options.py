"""Options of the command line are those of the recipe's keys: same defaults, types, choices and words."""

import re
from typing import Annotated

import pytest
import typer

from berth.app.cli import app
from berth.app.section_options import SectionCommand, from_recipe
from berth.errors import UsageError
from berth.recipe import Recipe, Segmentation

# The options of each command that stand for keys of the recipe. Renamed ones are named as well.
SECTIONS = {
    "extract": {"corpus.extract": "ExtractOptions"},
    "filter": {"corpus.filter": "Filter"},
    "segment": {"segmentation": "Segmentation"},
    "vocab": {"vocabulary": "Vocabulary"},
    "records": {"records": "RecordSet"},
    "finetune": {"fine_tuning": "FineTuning"},
}
KEYS = {
    "extract": [
        ("Corpus", "language"),
        *(("Source", key) for key in ("text_field", "id_field", "title_field", "language_field", "wrapped")),
        ("Execution", "workers"),
    ],
    "filter": [("Execution", "workers")],
    "segment": [("Corpus", "language"), ("Recipe", "seed"), ("Execution", "workers")],
    "vocab": [("Recipe", "seed"), ("Execution", "workers")],
    "records": [("Vocabulary", "lower_case"), ("Recipe", "seed"), ("Execution", "workers")],
    "evalset": [("Evaluation", "examples")],
    "evaluate": [("Training", "engine"), ("Evaluation", "batch_size")],
    "export": [("Export", "formats")],
    "finetune": [("Recipe", "seed")],
}
RENAMED = {("Filter", "languages"): "language", ("Export", "formats"): "format"}
WITHOUT_OPTION = {("Vocabulary", "path"), ("Vocabulary", "expected"), ("FineTuning", "every_steps")}
# Options that are called as a key of the recipe is, but are something else, or override one recipe.
OF_ITS_OWN = {
    ("compile", "image"),
    ("extract", "source"),  # several sources, each FORMAT='GLOB'
    ("finetune", "lower_case"),  # of a model that may not come from a recipe
    ("k8s", "accelerator"),
    ("k8s", "hosts"),
    ("k8s", "image"),
    ("k8s", "workspace"),
    ("plan", "accelerator"),
    ("plan", "hosts"),
    ("plan", "workspace"),
    ("run", "workers"),
    ("run", "workspace"),
    ("submit", "image"),
    ("submit", "namespace"),
    ("submit", "workspace"),
    ("train", "evaluation"),
    *((command, "records") for command in ("evalset", "evaluate", "train")),
    *((command, "text") for command in ("records", "vocab")),
}
SCHEMA = Recipe.model_json_schema()
TYPES = {"integer": "int", "number": "float", "string": "str", "boolean": "bool"}
COMMANDS = typer.main.get_command(app).commands


def properties(section):
    return SCHEMA["properties"] if section == "Recipe" else SCHEMA["$defs"][section]["properties"]


def mirrored():
    """Command, section and key of every key that a command has an option for."""
    for command, sections in SECTIONS.items():
        for section in sections.values():
            yield from ((command, section, key) for key in properties(section) if (section, key) not in WITHOUT_OPTION)
    for command, keys in KEYS.items():
        yield from ((command, section, key) for section, key in keys)


def options(command):
    context = COMMANDS[command].make_context(command, [], resilient_parsing=True)
    found = [option for option in COMMANDS[command].get_params(context) if option.opts[0].startswith("--")]
    return {option.opts[0].removeprefix("--"): option for option in found}


def option_of(command, section, key):
    return options(command)[RENAMED.get((section, key), key).replace("_", "-")]


def value_schema(schema):
    """What JSON Schema says of one value of a key."""
    [value] = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    return value["items"] if value.get("type") == "array" else value


@pytest.mark.parametrize(("command", "section", "key"), list(mirrored()))
def test_an_option_says_what_its_key_says(command, section, key):
    schema, option = properties(section)[key], option_of(command, section, key)
    value = value_schema(schema)
    assert option.help == " ".join(schema["description"].split())
    assert option.required == ("default" not in schema)
    if "enum" in value:
        assert option.metavar == "|".join(value["enum"])
    elif value["type"] in ("integer", "number"):
        limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
        written = ",".join(f"{sign}{value[name]:g}" for name, sign in limits.items() if name in value)
        assert option.metavar == ("N" if value["type"] == "integer" else "X") + written
    default = schema.get("default")
    shown = {"fields": "text", "formats": "huggingface", "languages": []}.get(key, default)
    assert option.default == shown
    assert option.is_flag == (value["type"] == "boolean")
    if default is not None and key not in ("fields", "formats"):
        assert type(option.default).__name__ == TYPES[value["type"]]


def test_no_option_that_is_called_like_a_key_is_written_by_hand():
    keys = {key for section in [*SCHEMA["$defs"].values(), SCHEMA] for key in section["properties"]}
    generated = {(command, RENAMED.get((section, key), key)) for command, section, key in mirrored()}
    found = {
        (command, name.replace("-", "_"))
        for command in COMMANDS
        for name in options(command)
        if name.replace("-", "_") in keys
    }
    assert found - generated - OF_ITS_OWN == set()


def test_every_command_with_generated_options_is_in_the_table():
    assert {name for name, command in COMMANDS.items() if isinstance(command, SectionCommand)} == {*SECTIONS, *KEYS}


@pytest.fixture
def run():
    """Runs a command with two own options, a section and two keys; returns what its function was given."""
    given = {}

    @from_recipe(options="segmentation", lower_case="vocabulary.lower_case", form="export.formats.0")
    def command(
        own: Annotated[str, typer.Option("--own")],
        options: Segmentation,
        lower_case: bool,
        form: str,
        other: Annotated[int, typer.Option("--other")] = 3,
    ):
        given.update(own=own, options=options, lower_case=lower_case, form=form, other=other)

    test_app = typer.Typer(add_completion=False)
    test_app.command(cls=SectionCommand)(command)

    def run(*arguments):
        typer.main.get_command(test_app).main(["--own", "x", *arguments], standalone_mode=False)
        return given

    return run


def test_without_options_a_section_has_its_defaults(run):
    assert run() == {"own": "x", "options": Segmentation(), "lower_case": True, "form": "huggingface", "other": 3}


def test_options_become_a_checked_section_and_values(run):
    given = run(*("--shards", "3", "--sentence-end-characters", ".!", "--cased", "--format", "encoder", "--other", "4"))
    assert given["options"] == Segmentation(shards=3, sentence_end_characters=[".", "!"])
    assert (given["lower_case"], given["form"], given["other"]) == (False, "encoder", 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--shards", "0"), "--shards: invalid value. Found 0. Expected greater than 0."),
        (("--segmenter", "none"), "--segmenter: invalid value. Found 'none'. Expected 'punkt' or 'sentencex'."),
        (
            ("--sentence-end-characters", ".a"),
            "--sentence-end-characters: invalid value. Found 'a'. Expected one character, no letter, digit or white "
            "space.",
        ),
        (("--sentence-end-characters", ""), "--sentence-end-characters: invalid value. Found []. Expected at least 1"),
        (
            ("--format", "onnx"),
            "--format: invalid value. Found 'onnx'. Expected 'huggingface', 'savedmodel', 'encoder', 'tf1' or 'tf2'.",
        ),
        (("--segmenter", "sentencex", "--sentence-end-characters", "."), "sentencex has rules of its own"),
        (("--shards", "0", "--eval-documents", "-1"), "--shards: invalid value. Found 0."),
    ],
)
def test_a_value_that_is_not_allowed_is_one_message_that_names_the_option(run, arguments, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        run(*arguments)


def test_every_key_of_the_recipe_is_explained():
    unexplained = {
        f"{name}.{key}"
        for name, section in [*SCHEMA["$defs"].items(), ("Recipe", SCHEMA)]
        for key, schema in section["properties"].items()
        if "description" not in schema and "$ref" not in schema  # a section describes itself
    }
    assert unexplained == set()

"""The command line: exit status 0, 1 or 2, and one message where something is wrong."""

import json
import os
import subprocess
import sys

import pytest

COMMANDS = "run verify lineage extract segment vocab records evalset explain train evaluate export".split()  # noqa: SIM905
COMMANDS += ["finetune", "plan", "report", "sync", "compile", "submit", "k8s"]


def berth(*arguments, **options):
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_help_names_every_command():
    help_text = berth("--help").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in help_text


def test_a_wrong_flag_is_wrong_use():
    run = berth("records", "--sequence-length", "3")
    assert run.returncode == 2 and "--sequence-length" in run.stderr


def test_a_missing_dump_is_one_message(tmp_path):
    run = berth("extract", "--dump", str(tmp_path / "no.xml.bz2"), "--output", str(tmp_path / "out"))
    assert run.returncode == 2
    assert run.stderr.startswith(f"berth: {tmp_path}/no.xml.bz2: no file matches.")
    assert len(run.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_an_impossible_flag_value_names_the_flag(tmp_path):
    (tmp_path / "v").write_text("[PAD]\n")
    base = ["records", "--text", str(tmp_path / "v"), "--vocab", str(tmp_path / "v"), "--output", str(tmp_path / "o")]
    run = berth(*base, "--dupe-factor", "0")
    assert run.returncode == 2 and "--dupe-factor: invalid value. Found 0." in run.stderr
    run = berth(*base, "--max-seq-length", "16", "--max-predictions", "20")
    assert run.returncode == 2 and "max_predictions (20) must be at most max_seq_length - 3 (13)" in run.stderr


def test_a_stray_word_is_not_taken_for_a_beam_flag(tmp_path):
    run = berth("extract", "--dump", sys.executable, "--output", str(tmp_path / "o"), "stray")
    assert run.returncode == 2 and "stray" in run.stderr


@pytest.mark.parametrize(("encoding", "shown"), [("latin-1", "\\u0438 é"), ("utf-8", "и é")])
def test_what_a_locale_cannot_show_is_escaped(encoding, shown):
    program = "from berth.app import cli; cli.app = lambda arguments: cli.typer.echo('и é'); cli.main()"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    assert run.stdout.decode(encoding).strip() == shown


def test_an_argument_that_is_not_text_is_refused(tmp_path):
    place = os.fsencode(tmp_path) + b"/w\xff"
    run = berth("plan", "quickstart", "--workspace", place)
    assert run.returncode == 2
    assert "an argument is not text in this locale's encoding" in run.stderr and "w\\xff" in run.stderr


def test_a_directory_whose_name_is_not_text_is_refused(tmp_path):
    place = os.fsencode(tmp_path) + b"/w\xff"
    os.mkdir(place)
    run = berth("schema", cwd=place)
    assert run.returncode == 2 and "the name of the current directory is not text" in run.stderr


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path):
    run = berth("verify", str(tmp_path), "--debug")
    assert run.returncode == 1 and "Traceback" in run.stderr
    assert "Traceback" not in berth("verify", str(tmp_path)).stderr


def test_the_schema_describes_every_key():
    schema = json.loads(berth("schema", "--json").stdout)
    assert {"corpus", "records", "training", "model"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    words = berth("schema").stdout
    assert "    max_seq_length: integer (at least 5), default 128\n    " in words and "Tokens per record" in words


RECIPE = """
name: r
corpus: {sources: [{path: "%s"}]}
segmentation: {eval_documents: 1}
records: {a: {max_seq_length: 16, max_predictions: 2}}
training: {phases: [{name: p, records: a, steps: 1, batch_size: 1, learning_rate: 0.1}]}
evaluation: {records: a}
"""


@pytest.fixture
def recipe(tmp_path):
    (tmp_path / "dump.xml").write_text("<html><body>not a dump</body></html>")
    (tmp_path / "r.yaml").write_text(RECIPE % (tmp_path / "dump.xml"))
    return str(tmp_path / "r.yaml")


def test_run_checks_the_sources_before_it_starts(tmp_path, recipe):
    run = berth("run", recipe, "--set", "corpus.sources.0.path=/no/dump.bz2", "--workspace", str(tmp_path / "w"))
    assert run.returncode == 2 and "/no/dump.bz2: no file matches" in run.stderr and not (tmp_path / "w").exists()


def test_run_shows_the_failed_stages_own_error_and_the_log(tmp_path, recipe):
    run = berth("run", recipe, "--workspace", str(tmp_path / "w"))
    last = run.stderr.splitlines()[-1]
    assert run.returncode == 1
    assert last.startswith("berth: extract failed. ") and "dump.xml" in last and "Traceback" not in run.stderr
    log = last.rsplit("Log: ", 1)[1].rstrip(".")
    with open(log) as file:
        assert "--- extract" in file.read()


def test_a_failure_that_may_pass_has_a_status_of_its_own():
    run = berth("explain", "records", "--index", "0", "--vocab", "/proc/self/mem")  # its start cannot be read
    assert run.returncode == 75
    assert run.stderr.startswith("berth: /proc/self/mem: cannot read here. Found input/output error.")


def test_an_unwritable_workspace_is_explained(recipe):
    run = berth("run", recipe, "--workspace", "/proc/nowhere")
    assert run.returncode == 1 and "/proc/nowhere: cannot write here" in run.stderr

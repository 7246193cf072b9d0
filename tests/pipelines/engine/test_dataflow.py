"""Jobs for Dataflow: the real graphs of all pipelines, built without Dataflow, and what is refused beforehand."""

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.internal import pickler
from apache_beam.internal.cloudpickle import cloudpickle
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError
from apache_beam.runners.portability.stager import Stager
from google.api_core.exceptions import PermissionDenied
from ruamel.yaml import YAML

from berth import __version__, storage
from berth.errors import BerthError, UsageError
from berth.recipe import ExtractOptions, Filter, RecordSet, Segmentation, Vocabulary
from berth.recipe.cluster import Cluster, Dataflow
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.engine import dataflow, runner
from pipelines.engine.runner import pipeline
from pipelines.extract import extract
from pipelines.filter import filter_articles
from pipelines.records import create_records
from pipelines.segment import segment
from pipelines.vocab import vocabulary
from support.dump_samples import dump_bytes, page
from support.google_account import TokenServer

IMAGE = "registry.example.org/berth:1.0"
REQUIRED = ["--runner=DataflowRunner", "--project=example-project", "--region=europe-west4"]
FLAGS = [*REQUIRED, f"--sdk_container_image={IMAGE}"]
WORD = "Unverwechselbar"  # in every text, and never in a job
VERSION = __version__.replace(".", "-")  # as labels of Google Cloud have it


@pytest.fixture(scope="module")
def bucket(bucket, tmp_path_factory):
    """With credentials for Beam's own client of Cloud Storage, which asks for them even before an emulator."""
    patch = pytest.MonkeyPatch()
    key = tmp_path_factory.mktemp("account") / "key.json"
    with TokenServer() as server:
        server.write_key_file(key)
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        patch.setenv("GOOGLE_AUTH_TRUST_BOUNDARY_ENABLED", "false")
        yield bucket
    patch.undo()


@pytest.fixture(scope="module")
def corpus(bucket):
    """A dump, articles, sentences and a vocabulary in the bucket."""
    text = f"{WORD} is a word. It is in this sentence. "
    with storage.atomic_write(f"{bucket}/dump.xml") as file:
        file.write(dump_bytes([page(number, text * number) for number in range(1, 30)], "xml"))
    with storage.atomic_write(f"{bucket}/articles/articles-00000-of-00001.parquet") as file:
        rows = {"id": range(1, 30), "url": [f"https://example.org/{number}" for number in range(1, 30)]}
        pq.write_table(pa.table({**rows, "text": [text * number for number in range(1, 30)]}), file, row_group_size=9)
    for number in range(8):
        with storage.atomic_write(f"{bucket}/sentences/part-{number:05d}-of-00008.txt") as file:
            file.write(f"{WORD} {number} is a word.\nA sentence.\n\n".encode())
    place = SimpleNamespace(dump=f"{bucket}/dump.xml", articles=f"{bucket}/articles", sentences=f"{bucket}/sentences")
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "word", "is", "."]
    with storage.atomic_write(f"{bucket}/vocab.txt") as file:
        file.write("".join(f"{entry}\n" for entry in entries).encode())
    place.vocabulary = f"{bucket}/vocab.txt"
    return place


def stages(corpus, place, arguments):
    articles = Inputs.of(f"{corpus.articles}/articles-*.parquet")
    text = Inputs.of(f"{corpus.sentences}/part-*.txt")
    common = {"destination": place, "beam_arguments": arguments}
    return {
        "extract": lambda: extract(dumps=Inputs.of(corpus.dump), options=ExtractOptions(), **common),
        "templates": lambda: extract(dumps=Inputs.of(corpus.dump), options=ExtractOptions(templates="dump"), **common),
        "filter": lambda: filter_articles(articles=articles, options=Filter(duplicates="paragraphs"), **common),
        "segment": lambda: segment(
            articles=articles, options=Segmentation(shards=8, eval_documents=2), seed=1, **common
        ),
        "vocab": lambda: vocabulary(
            text=text, given=None, options=Vocabulary(kind="wordpiece", size=100), seed=1, **common
        ),
        "records": lambda: create_records(
            text=text,
            vocabulary=Inputs.of(corpus.vocabulary),
            options=RecordSet(max_seq_length=32, max_predictions=5),
            lower_case=False,
            seed=1,
            **common,
        ),
    }


class Job:
    """A job as Dataflow would get it: the request, and the graph that is staged beside it."""

    def __init__(self, template, temporary):
        self.request = json.loads(storage.read_bytes(template))
        (graph,) = storage.glob(storage.Pattern(temporary, "**/pipeline.pb"))
        self.staged = {storage.basename(name) for name in storage.names_below(temporary)}
        self.graph = beam_runner_api_pb2.Pipeline.FromString(storage.read_bytes(graph))
        options = self.request["environment"]["sdkPipelineOptions"]
        self.options = options["options"]
        (self.pool,) = self.request["environment"]["workerPools"]

    @property
    def steps(self):
        return [transform.unique_name for transform in self.graph.components.transforms.values()]

    def payloads(self):
        """The pickled functions of all steps; some steps, such as those of combining, have none of their own."""
        for transform in self.graph.components.transforms.values():
            if transform.spec.urn == "beam:transform:pardo:v1":
                payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload).do_fn.payload
            elif transform.spec.urn == "beam:transform:combine_per_key:v1":
                payload = beam_runner_api_pb2.CombinePayload.FromString(transform.spec.payload).combine_fn.payload
            else:
                continue
            if payload:
                yield payload


# What a worker does, in a process that knows nothing of this one.
UNPICKLE = """
import pickle, sys
from apache_beam.internal import pickler
from apache_beam.internal.cloudpickle import cloudpickle
for payload in pickle.load(sys.stdin.buffer):
    pickler.loads(payload)
"""


@pytest.fixture
def build(bucket, corpus, monkeypatch, tmp_path):
    """Builds the n-th job of a stage for Dataflow; those before it run in memory."""

    def build(stage, number=1, flags=()):
        place, calls, real = f"{bucket}/built-{stage}-{number}-{len(flags)}", [], pipeline

        def chosen(arguments=(), output=None, parts=1, **load):
            calls.append(parts)
            return real(arguments if len(calls) == number else (), output, parts, **load)

        monkeypatch.setattr(runner, "pipeline", chosen)
        monkeypatch.setattr("pipelines.wikitext.extraction.pipeline", chosen)
        # TensorFlow makes this directory with its own client, which knows no emulator.
        monkeypatch.setattr("tensorflow_transform.beam.Context.create_base_temp_dir", lambda: str(tmp_path))
        arguments = [*FLAGS, f"--template_location={place}/job.json", f"--temp_location={place}/temporary", *flags]
        with pytest.raises(BerthError, match="written as a template and not run"):
            stages(corpus, Directory(f"{place}/output"), arguments)[stage]()
        return Job(f"{place}/job.json", f"{place}/temporary")

    return build


@pytest.mark.parametrize(
    ("stage", "number", "steps"),
    [
        ("records", 1, ["text/check", "records"]),
        *(
            pytest.param(*job, marks=pytest.mark.slow)
            for job in (
                ("extract", 1, ["parts/check", "extract"]),
                ("templates", 1, ["parts/check", "templates"]),
                ("filter", 1, ["groups/check", "hash", "ranges/check", "compare"]),
                ("filter", 2, ["files/check", "filter"]),
                ("segment", 1, ["groups/check", "read", "chosen", "write", "sum", "train"]),
                ("segment", 2, ["groups/check", "split", "shards/check", "write", "evaluation/check"]),
                ("vocab", 1, ["shards/check", "words"]),
            )
        ),
    ],
)
def test_the_job_of_every_pipeline(stage, number, steps, build, tmp_path):
    job = build(stage, number)
    assert [step for step in steps if step not in job.steps] == []
    name = {"templates": "extract"}.get(stage, stage)
    assert job.request["name"].startswith(f"berth-{name}-") and len(job.request["name"]) == len(f"berth-{name}-") + 12
    assert job.request["type"] == "JOB_TYPE_BATCH"
    assert job.request["labels"] == {"berth-stage": name, "berth-version": VERSION}
    assert [image["containerImage"] for image in job.pool["sdkHarnessContainerImages"]] == [IMAGE]
    assert (job.pool["machineType"], job.pool["diskSizeGb"]) == ("n2-standard-8", 50)
    assert job.pool["numWorkers"] == job.pool["autoscalingSettings"]["maxNumWorkers"] == 1
    # Nothing of this process travels: no session, no packages; functions by name, and places instead of content.
    assert "pickled_main_session" not in job.staged
    payloads = list(job.payloads())
    subprocess.run([sys.executable, "-c", UNPICKLE], input=pickle.dumps(payloads), check=True, cwd=tmp_path)
    content = b"".join(cloudpickle.dumps(pickler.loads(payload)) for payload in payloads)
    assert b"gs://berth-test/" in content and WORD.encode() not in content
    assert job.graph.ByteSize() < 500_000  # Dataflow takes 10 MB


def test_temporary_files_are_in_the_output_and_workers_as_many_as_the_parts_need(bucket, corpus):
    output = Output(f"{bucket}/completed")
    with storage.atomic_write(output.path(".stage.json")) as file:
        file.write(json.dumps({"stage": "records", "digest": "0123456789abcdef"}).encode())

    def completed(parts, *flags):
        options = dataflow._options([*FLAGS, *flags])
        dataflow.complete(options, output, parts)
        return SimpleNamespace(**options.get_all_options())

    options = completed(20)
    assert options.job_name == "berth-records-0123456789ab"
    assert options.temp_location == f"{output.uri}/.temporary"
    assert (options.num_workers, options.max_num_workers) == (3, 3)
    assert (options.save_main_session, options.sdk_location) == (False, "container")
    assert options.number_of_worker_harness_threads == 1
    workers = [
        (1000, [], (8, 8)),
        (1000, ["--max_num_workers=5"], (5, 5)),
        (1000, ["--num_workers=50"], (50, 50)),
        (5, ["--num_workers=2"], (2, 2)),
        (5, ["--worker_machine_type=n2-custom-2-8192"], (3, 3)),
        (5, ["--worker_machine_type=e2-medium"], (5, 5)),
        (0, [], (1, 1)),
    ]
    for parts, flags, expected in workers:
        found = completed(parts, *flags)
        assert (found.num_workers, found.max_num_workers) == expected, (parts, flags)
    given = ["--job_name=mine", "--temp_location=gs://other/t", "--save_main_session", "--labels=berth-stage=mine"]
    options = completed(1, *given)
    assert (options.job_name, options.temp_location) == ("mine", "gs://other/t")
    assert options.save_main_session is False  # nothing of Berth needs it, and it would carry this process along
    assert options.labels == ["berth-stage=mine", f"berth-version={VERSION}"]


def test_the_recipe_completes_what_the_flags_do_not_say():
    section = Dataflow(
        project="of-recipe", region="us-central1", max_workers=7, service_account="w@p.iam.gserviceaccount.com",
        labels={"team": "nlp", "cost": "a"},
    )  # fmt: skip
    cluster = Cluster(image=IMAGE, dataflow=section)
    given = ["--runner=DataflowRunner", "--region=europe-west4", "--labels=cost=b"]
    found = dataflow.checked_flags(given, "gs://bucket/out", ["gs://bucket/in", "package://gensim/x"], cluster)
    options = SimpleNamespace(**dataflow._options(found).get_all_options())
    assert (options.project, options.region, options.sdk_container_image) == ("of-recipe", "europe-west4", IMAGE)
    assert (options.machine_type, options.disk_size_gb, options.max_num_workers) == ("n2-standard-8", 50, 7)
    assert options.service_account_email == "w@p.iam.gserviceaccount.com"
    assert sorted(options.labels) == ["cost=b", "team=nlp"]


@pytest.mark.parametrize(
    ("flags", "output", "inputs", "message"),
    [
        (["--runner=DataflowRunner"], "gs://b/o", [], "needs the project. .*--project.*cluster.dataflow.project"),
        (REQUIRED[:2], "gs://b/o", [], "needs the region"),
        (REQUIRED, "gs://b/o", [], "needs an image with Berth for its workers. .*--sdk_container_image"),
        (FLAGS, "out", [], "out: workers on Dataflow cannot see this machine's files. Expected gs://BUCKET/PATH"),
        (FLAGS, "package://x/y", [], "cannot see this machine's files"),
        (FLAGS, "gs://b/o", ["gs://b/i", "/tmp/dump"], "/tmp/dump: workers .*Copy it with `berth sync`"),
    ],
)
def test_what_could_not_run_is_refused_before_it_starts(flags, output, inputs, message, monkeypatch):
    monkeypatch.delenv("BERTH_IMAGE", raising=False)
    with pytest.raises(UsageError, match=message):
        dataflow.checked_flags(flags, output, inputs)


@pytest.mark.parametrize("command", ["extract --dump {0} --output {0}", "run quickstart --workspace {0}"])
def test_a_command_refuses_local_places_before_it_reads_them(command, tmp_path):
    words = [*command.format(tmp_path / "nothing").split(), "--", *FLAGS]
    run = subprocess.run(
        [sys.executable, "-c", "from berth.app.cli import main; main()", *words], capture_output=True, text=True
    )
    assert run.returncode == 2 and "workers on Dataflow cannot see this machine's files" in run.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], False),
        (["--runner=DirectRunner", "--job_name=dataflow"], False),
        (["--runner=DataflowRunner"], True),
        (["--project=p", "--runner", "dataflow"], True),
        (["--runner=DataflowRunner", "--runner=DirectRunner"], False),
    ],
)
def test_dataflow_is_known_by_its_flag(arguments, asked):
    assert dataflow.is_requested(arguments) is asked


WORKERS_ERROR = """Dataflow pipeline failed. State: FAILED, Error:
Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1500, in apache_beam.runners.common.DoFnRunner.process
  File "/opt/venv/lib/python3.11/site-packages/pipelines/extract.py", line 1, in <lambda>
berth.errors.BerthError: gs://b/d.xml: the dump is damaged. Fetch it again.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1500, in apache_beam.runners.common.DoFnRunner.process
berth.errors.BerthError: gs://b/d.xml: the dump is damaged. Fetch it again. [while running 'extract-ptransform-42']

passed through:
==>
    dist_proc/dax/workflow/worker/fnapi_service_impl.cc:1319"""
RESULT = SimpleNamespace(job_id=lambda: "2026-11-21_01")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataflowRuntimeException(WORKERS_ERROR, RESULT), r"^gs://b/d.xml: the dump is damaged. Fetch it again.$"),
        (
            DataflowRuntimeException(WORKERS_ERROR.replace("berth.errors.BerthError", "ValueError"), RESULT),
            "failed on Dataflow. Found ValueError: gs://b/d.xml.*/dataflow/jobs/europe-west4/2026-11-21_01.project=example",
        ),
        (
            DataflowRuntimeException(
                "…State: FAILED, Error:\nModuleNotFoundError: No module named 'pipelines'", RESULT
            ),
            "No module named 'pipelines'. The image does not contain this version of Berth",
        ),
        (DataflowRuntimeException("State: CANCELLED, Error:\nNone", RESULT), "failed on Dataflow"),
        (
            DataflowJobAlreadyExistsError("There is already active job named x with id: y"),
            "is already running. .*id: y",
        ),
        (PermissionDenied("Dataflow API has not been used"), "refuses the job. Found 403 Dataflow API has not"),
    ],
)
def test_what_dataflow_says_becomes_one_paragraph(error, message, bucket):
    output = Output(f"{bucket}/said")
    with storage.atomic_write(output.path(".stage.json")) as file:
        file.write(b'{"stage": "extract", "digest": "0123456789abcdef"}')
    with pytest.raises(BerthError, match=message), pipeline(FLAGS, output):
        raise error


ROOT = Path(__file__).parents[3]


def test_the_documentation_shows_a_valid_section_and_the_defaults():
    text = (ROOT / "docs" / "dataflow.md").read_text()
    (fragment,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert Cluster(**YAML(typ="safe", pure=True).load(fragment)["cluster"]).dataflow.region == "us-central1"
    assert f"`{dataflow.DEFAULTS.machine_type}`, {dataflow.DEFAULTS.disk_gb} |" in text
    assert f"max_workers: {dataflow.DEFAULTS.max_workers}" in fragment


# What a worker imports, and the files that travel with it.
IMPORTS = """
import berth, components, trainer.loop.train, pipelines.extract, pipelines.mlm.shard, berth_dags.pretrain
from importlib import resources
from berth.recipe import file as recipe_file
print(berth.__file__)
recipe_file.load("quickstart")
assert resources.files("berth.report").joinpath("report.html").is_file()
assert resources.files("berth_k8s").joinpath("train/jobset.yaml").is_file()
"""


@pytest.mark.slow
def test_the_package_that_setup_file_stages_installs_in_a_clean_environment(tmp_path):
    unwanted = shutil.ignore_patterns(".*", "build", "*.egg-info", "workspace", "__pycache__", "tests")
    shutil.copytree(ROOT, tmp_path / "source", ignore=unwanted)
    # The very call of Beam's stager.
    Stager._build_setup_package(str(tmp_path / "source" / "setup.py"), str(tmp_path))
    (package,) = tmp_path.glob("berth-*.tar.gz")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    # This environment's libraries stand in for what pip would fetch; Berth itself is not among them.
    libraries = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
    install = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", package]
    subprocess.run(install, check=True, env=libraries, cwd=tmp_path)
    run = subprocess.run(
        [python, "-c", IMPORTS], check=True, env=libraries, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.stdout.startswith(str(tmp_path / "venv"))

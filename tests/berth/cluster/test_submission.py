"""`berth submit`: the real client against a server that stores requests and injects faults."""

import logging
import subprocess
import sys

import pytest

from berth import retry
from berth.cluster import submission
from berth.cluster.endpoint import connect, read_token
from berth.cluster.package import compiled
from berth.errors import BerthError, UsageError
from berth.recipe import file as recipe_file
from berth_dags.pretrain import pretrain_pipeline
from support.kfp_server import KubeflowServer

TOKEN = "s3cret-of-the-test"


@pytest.fixture(scope="module")
def package():
    recipe = recipe_file.load("quickstart", ["cluster.image=registry.example.org/berth:1.0"])
    return compiled(pretrain_pipeline(recipe, for_cluster=True))


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)
    with KubeflowServer(token=TOKEN) as server:
        yield server


def submit(server, package, namespace="", **changes):
    options = {
        "name": "quickstart",
        "description": "A small BERT.",
        "experiment": "tests",
        "service_account": "berth",
        "arguments": {"workspace": "gs://bucket/w", "beam_arguments": ["--runner=DataflowRunner"]},
    }
    return submission.submit(connect(server.url, TOKEN, namespace), package, **{**options, **changes})


def test_a_submission_uploads_a_version_and_starts_a_run(server, package):
    run = submit(server, package)
    assert [pipeline["display_name"] for pipeline in server.pipelines] == ["berth-quickstart"]
    (version,) = server.versions
    assert version["display_name"] == run.version and run.is_new_version
    assert version["spec"][0]["pipelineInfo"]["name"] == "berth-quickstart"
    (started,) = server.runs
    assert started["pipeline_version_reference"] == {
        "pipeline_id": version["pipeline_id"],
        "pipeline_version_id": version["pipeline_version_id"],
    }
    assert started["runtime_config"]["parameters"] == {
        "workspace": "gs://bucket/w",
        "beam_arguments": ["--runner=DataflowRunner"],
    }
    assert started["service_account"] == "berth"
    assert started["experiment_id"] == server.experiments[0]["experiment_id"]
    assert run.link == f"{server.url}/#/runs/details/{started['run_id']}"


def test_the_same_pipeline_again_is_no_new_version_but_a_new_run(server, package):
    first, second = submit(server, package), submit(server, package)
    assert first.version == second.version and not second.is_new_version
    assert len(server.pipelines) == len(server.versions) == len(server.experiments) == 1
    assert len(server.runs) == 2 and first.name != second.name


def test_another_pipeline_is_another_version_of_the_same(server, package):
    versions = {submit(server, content).version for content in (package, package + b"\n")}
    assert len(versions) == len(server.versions) == 2 and len(server.pipelines) == 1


def test_each_profile_has_its_own_pipelines(server, package):
    for _ in range(2):
        submit(server, package, namespace="team-a")
    submit(server, package, namespace="team-b")
    assert [pipeline["namespace"] for pipeline in server.pipelines] == ["team-a", "team-b"]
    assert len(server.versions) == 2 and server.experiments[0]["namespace"] == "team-a"


@pytest.mark.parametrize("kind", ["drop", "deaf", 500, 503, 409])
@pytest.mark.parametrize(
    "request_", ["POST .*/pipelines$", r"POST .*/upload_version\b", "POST .*/experiments$", "POST .*/runs$"]
)
def test_a_failed_request_is_repeated_without_creating_a_duplicate(server, package, kind, request_):
    server.faults = [(request_, kind, 1)]
    submit(server, package)
    assert server.faults == []
    assert [len(made) for made in (server.pipelines, server.versions, server.experiments, server.runs)] == [1, 1, 1, 1]


@pytest.mark.parametrize("kind", ["drop", 502])
def test_failed_lookups_are_repeated(server, package, kind):
    server.faults = [(rf"GET .*/{path}\b", kind, 1) for path in ("healthz", "pipelines", "versions", "experiments")]
    submit(server, package)
    assert server.faults == []


def test_a_server_that_keeps_failing_is_an_error_after_all_attempts(server, package):
    server.faults = [("POST .*/runs$", 500, 20)]
    with pytest.raises(BerthError, match=r"refused the request. Found HTTP 500: injected 500"):
        submit(server, package)
    assert server.requests.count("POST /apis/v2beta1/runs") == retry.ATTEMPTS and server.runs == []


def test_a_name_that_stays_taken_is_a_conflict(server, package):
    server.faults = [("POST .*/pipelines$", 409, 20)]
    with pytest.raises(BerthError, match=r"the name is taken by another resource. Found HTTP 409"):
        submit(server, package)


@pytest.mark.parametrize("token", ["wrong-t0ken", None])
def test_a_refused_token_is_wrong_use_at_once_and_is_not_repeated(server, token, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(UsageError, match="refuses these credentials") as caught:
        connect(server.url, token)
    assert "HTTP 401" in str(caught.value) and "BERTH_KFP_TOKEN" in str(caught.value)
    assert len(server.requests) == 1
    if token:
        assert token not in str(caught.value) + caplog.text and "(token)" in str(caught.value)


def test_no_permission_names_the_namespace(server, package):
    server.faults = [("POST .*/runs$", 403, 1)]
    with pytest.raises(UsageError, match=r"does not permit this.*--namespace"):
        submit(server, package)


def test_an_html_page_is_not_the_api(monkeypatch):
    monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)
    message = r"not the API of Kubeflow Pipelines. Found text/html.*/apis/v2beta1"
    page = "<html><title>Sign in</title></html>"
    with KubeflowServer(page=page) as server, pytest.raises(UsageError, match=message):
        connect(server.url, None)


@pytest.mark.parametrize(
    "answer", ["{}", "[]", '"ok"', "3", "null", '{"pipelines": 3}', '{"pipelines": [{}]}', "not JSON"]
)
def test_json_of_something_else_is_not_the_api(monkeypatch, answer):
    monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)
    with (
        KubeflowServer(answer=answer) as server,
        pytest.raises(UsageError, match=r"not the API of Kubeflow Pipelines\. Found a response.*/apis/v2beta1"),
    ):
        submission.submit(
            connect(server.url, None),
            b"not uploaded",
            name="quickstart",
            description="",
            experiment="tests",
            service_account="berth",
            arguments={},
        )


def test_a_wrong_path_says_what_the_address_must_serve(server):
    with pytest.raises(UsageError, match=r"no Kubeflow Pipelines at this address.*/apis/v2beta1"):
        connect(f"{server.url}/elsewhere", TOKEN)


def test_an_unreachable_address_is_an_error_after_all_attempts(monkeypatch):
    monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)
    with pytest.raises(BerthError, match=r"cannot be reached.*7 attempts") as error:
        connect("http://127.0.0.1:9", None)
    assert error.value.exit_status == 75


@pytest.mark.parametrize("url", ["kfp.example.org", "ftp://kfp", "http://a b"])
def test_an_endpoint_is_a_url(url):
    with pytest.raises(UsageError, match="not a URL"):
        connect(url, None)


def test_following_logs_each_change_and_ends_with_the_run(server, package, caplog):
    caplog.set_level(logging.INFO, logger="berth")
    server.run_states = ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
    submission.follow(connect(server.url, TOKEN), submit(server, package), poll_seconds=0.01)
    states = [record.message for record in caplog.records if record.name == "berth.submit"]
    assert states == ["train: pending", "train: running", "train: succeeded"]


def test_following_outlives_a_lost_connection(server, package):
    run = submit(server, package)
    server.faults = [(f"GET .*/runs/{run.id}", "drop", 1), (f"GET .*/runs/{run.id}", 503, 1)]
    submission.follow(connect(server.url, TOKEN), run, poll_seconds=0.01)
    assert server.faults == []


def test_a_failed_run_names_the_task_and_its_page(server, package):
    run = submit(server, package)
    server.run_states = ["RUNNING", "FAILED"]
    with pytest.raises(BerthError, match=r"ended as failed. Found train \(exit status 1\)") as caught:
        submission.follow(connect(server.url, TOKEN), run, poll_seconds=0.01)
    assert run.link in str(caught.value)


def test_the_token_is_read_from_the_file_or_the_environment(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert read_token(str(tmp_path / "token"), {}) == TOKEN
    assert read_token("", {"BERTH_KFP_TOKEN": TOKEN}) == TOKEN
    assert read_token("", {}) is None
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(UsageError, match=r"does not hold a bearer token\. Found 0 words"):
        read_token(str(tmp_path / "empty"), {})
    with pytest.raises(UsageError, match="no such token file"):
        read_token(str(tmp_path / "none"), {})


def berth(*arguments, **environment):
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_prints_the_link_and_follows(server, tmp_path):
    server.run_states = ["SUCCEEDED"]
    flags = ["--runner=DataflowRunner", "--project=p", "--region=r", "--sdk_container_image=registry/berth:1.0"]
    run = berth(
        *("submit", "quickstart", "--endpoint", server.url, "--workspace", "gs://bucket/w"),
        *("--experiment", "e", "--wait", "--", *flags),
        BERTH_KFP_TOKEN=TOKEN,
        BERTH_IMAGE="registry.example.org/berth:1.0",
        HOME=str(tmp_path),
    )
    assert run.returncode == 0, run.stderr
    version, link, end = run.stdout.splitlines()
    assert version == f"version {server.versions[0]['display_name']}" and end == "succeeded"
    assert link == f"{server.url}/#/runs/details/{server.runs[0]['run_id']}"
    assert server.runs[0]["runtime_config"]["parameters"]["beam_arguments"][:4] == flags
    assert TOKEN not in run.stdout + run.stderr


@pytest.mark.parametrize("place", ["w", "/mnt/w", "gs://b/$(HOME)", 'gs://bucket/"', "gs://bucket/a b"])
def test_a_workspace_that_tasks_cannot_share_is_refused_before_anything_is_sent(server, place, tmp_path):
    run = berth("submit", "quickstart", "--endpoint", server.url, "--workspace", place, HOME=str(tmp_path))
    assert run.returncode == 2 and "cannot share this workspace" in run.stderr and server.requests == []


def test_tasks_without_an_image_are_refused_before_anything_is_sent(server, tmp_path):
    run = berth("submit", "quickstart", "--endpoint", server.url, "--workspace", "gs://bucket/w", HOME=str(tmp_path))
    assert run.returncode == 2 and "cluster.image" in run.stderr and server.requests == []

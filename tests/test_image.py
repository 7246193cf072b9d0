"""The container image, built for real on a Debian from debootstrap, and the quickstart's first stages inside it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import berth

ROOT = Path(__file__).parents[1]
DEBIAN = "bookworm"
PACKAGES = "python3-venv,ca-certificates"
# All of this test's images have names under it.
NAMES = "localhost/berth-test"
BASE, BEAM, IMAGE, DATAFLOW = (f"{NAMES}-{name}:1" for name in ("base", "beam", "image", "dataflow"))
SHORT = ["vocabulary.size=2000", "records.short.dupe_factor=1", "records.long.dupe_factor=1", "evaluation.examples=50"]
LARGEST = 5e9  # bytes; TensorFlow and JAX are most of them


def built(test):
    """For what needs the image: a quarter of an hour on two cores."""
    return pytest.mark.slow(pytest.mark.timeout(3600)(test))


def podman(*arguments, **options):
    return subprocess.run(["podman", *arguments], capture_output=True, text=True, **options)


def inside(image, *command, entrypoint=""):
    """Run a command as a pod runs it: the image's user, nothing to write to but /tmp; and without a network."""
    flags = ["--runtime=runc", "--network=none", "--read-only", "--tmpfs=/tmp:rw,mode=1777", "--cap-drop=all"]
    flags += ["--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"]  # podman's own need rights to raise limits
    start = [f"--entrypoint={entrypoint}"] if entrypoint else []
    return podman("run", "--rm", *flags, *start, image, *command)


def shell(image, text):
    run = inside(image, "-c", text, entrypoint="sh")
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A Debian with Python 3.11, as python:3.11-slim-bookworm is; skips where containers cannot run."""
    missing = [name for name in ("podman", "runc", "debootstrap") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"building needs root, and {', '.join(missing) or 'nothing else'}")
    if podman("image", "exists", BASE).returncode != 0:
        tree, archive = tmp_path_factory.mktemp("debian"), tmp_path_factory.mktemp("archive") / "debian.tar"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", DEBIAN, str(tree)]
        subprocess.run(command, check=True, capture_output=True)
        subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True)
        podman("import", str(archive), BASE, check=True)
    probe = inside(BASE, "true")
    if probe.returncode != 0:
        pytest.skip(f"this machine runs no containers: {probe.stderr.strip()}")
    yield BASE
    podman("image", "rm", "--force", BASE)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Flags with which pip finds packages as it does here: its configuration as a secret, and the files it names."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    settings = dict(re.findall(r"^(?:global|:env:|user|site)\.([\w-]+)='(.*)'$", listed.stdout, re.MULTILINE))
    configuration = tmp_path_factory.mktemp("pip") / "pip.conf"
    configuration.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    paths = [word.removeprefix("file://") for value in settings.values() for word in value.split()]
    places = {str(Path(*Path(path).parts[:3])) for path in paths if path.startswith("/") and Path(path).exists()}
    return [f"--secret=id=pip.conf,src={configuration}", *(f"--volume={place}:{place}:ro" for place in sorted(places))]


def build(base, index, target, name, *flags):
    command = ["build", "--isolation=chroot", "--layers", f"--target={target}", f"--tag={name}"]
    command += [f"--build-arg=BASE={base}", *flags, *index, f"--file={ROOT / 'Dockerfile'}", str(ROOT)]
    run = podman(*command)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    return name


@pytest.fixture(scope="module")
def image(base, index):
    yield build(base, index, "berth", IMAGE)
    podman("image", "rm", "--force", IMAGE)


def described(name):
    return json.loads(podman("image", "inspect", name, check=True).stdout)[0]


def pins():
    """Version by name of everything that constraints.txt pins."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_the_dockerfile_names_the_versions_that_are_pinned():
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert arguments["VERSION"] == berth.__version__
    assert arguments["BEAM_SDK"].endswith(f":{pins()['apache-beam']}")


@built
def test_it_says_what_it_is(image):
    found = described(image)
    settings, labels = found["Config"], found["Config"]["Labels"]
    assert settings["User"] == "1000:1000" and settings["Entrypoint"] == ["berth"]
    assert labels["org.opencontainers.image.version"] == berth.__version__
    assert labels["org.opencontainers.image.base.name"] == BASE
    assert f"BERTH_VERSION={berth.__version__}" in settings["Env"]
    assert found["Size"] < LARGEST


@built
def test_it_starts_berth_as_a_user_without_rights(image):
    run = inside(image, "--version")
    assert run.stdout == f"berth {berth.__version__}\n", run.stderr
    assert shell(image, "id -u; touch /opt/file 2>&1 || true").startswith("1000\ntouch:")


@built
def test_kubeflow_pipelines_can_run_components_in_it(image):
    assert "--component_module_path" in shell(image, "python3 -m kfp.dsl.executor_main --help")


@built
def test_everything_installed_is_pinned(image):
    installed = dict(line.split("==") for line in shell(image, "pip list --format=freeze").split())
    installed = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in installed.items()}
    unpinned = {name for name, version in installed.items() if pins().get(name) != version}
    assert unpinned == {"berth", "pip"}
    assert {"apache-beam", "tensorflow", "jax", "gensim"} <= set(installed)


@built
def test_nothing_of_this_machine_is_in_it(image, index):
    history = podman("history", "--no-trunc", "--format={{.CreatedBy}}", image, check=True).stdout
    assert "pip.conf" in history and not [flag for flag in index if flag in history]
    names = " -o ".join(f"-name {name}" for name in (".git", ".env", "pip.conf", "test_slurm.py"))
    assert shell(image, f"find / -xdev \\( {names} \\) -not -path '/proc/*' 2>/dev/null || true") == ""
    assert shell(image, "find /run/secrets -type f 2>/dev/null || true") == ""
    for place in [flag.split("=")[1].partition(":")[0] for flag in index if flag.startswith("--volume")]:
        if place != "/etc/ssl":  # the certificates are Debian's
            assert shell(image, f"ls -A {place} 2>/dev/null || true") == ""


@built
def test_the_quickstarts_data_is_made_without_compiling_anything(image):
    settings = " ".join(f"--set {setting}" for setting in SHORT)
    kernels = "find . -type f | sort"
    text = (
        f"berth run quickstart --workspace /tmp/workspace --until data {settings} >&2 && ls /tmp/workspace/records"
        f" && echo -- && cd /tmp/.cache/berth && {kernels} && echo -- && cd /opt/kernels && {kernels}"
    )
    made, used, brought = shell(image, text).split("--\n")
    assert len(made.split()) == 3  # short, long, held-out
    assert used == brought and len(brought.split()) > 300


@built
def test_dataflows_workers_start_from_the_same_layers(base, index, image, tmp_path):
    """Beam's boot program comes from Beam's image, which is not at hand: a stand-in takes its place."""
    boot = tmp_path / "boot"
    boot.write_text(
        "#!/bin/sh\nexec python -c 'import pipelines.engine.beam, apache_beam as beam; print(beam.__version__)'\n"
    )
    boot.chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f"FROM {base}\nCOPY boot /opt/apache/beam/boot\n")
    podman("build", f"--tag={BEAM}", "--isolation=chroot", str(tmp_path), check=True)
    try:
        build(base, index, "dataflow", DATAFLOW, f"--build-arg=BEAM_SDK={BEAM}")
        ours, theirs = described(image), described(DATAFLOW)
        layers = ours["RootFS"]["Layers"]
        assert theirs["RootFS"]["Layers"][: len(layers)] == layers
        assert theirs["Config"]["Entrypoint"] == ["/opt/apache/beam/boot"] and theirs["Config"]["User"] == "root"
        added = set(theirs["Config"]["Env"]) - set(ours["Config"]["Env"])
        assert added == {"RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1"}
        assert inside(DATAFLOW).stdout == f"{pins()['apache-beam']}\n"
    finally:
        podman("image", "rm", "--force", DATAFLOW, BEAM)

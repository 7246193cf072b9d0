"""The batch script of docs/slurm.md, with stand-ins for Slurm's commands."""

import json
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from trainer.loop.hosts import Pod

SCRIPT = re.search(
    r"```bash\n(.*?)```", (Path(__file__).parents[1] / "docs" / "slurm.md").read_text(), re.DOTALL
).group(1)
STAND_INS = {
    "scontrol": '[ "$*" = "show hostnames node[1-2]" ] && printf "node1\\nnode2\\n" || echo node1',
    # One process for each task at once; signals go to all of them; the highest status is the step's.
    "srun": """
for task in $(seq 0 $((SLURM_NTASKS - 1))); do SLURM_PROCID=$task "$@" & tasks+=($!); done
trap 'kill -TERM "${tasks[@]}"' TERM
highest=0
for task in "${tasks[@]}"; do
  wait "$task"; status=$?
  while kill -0 "$task" 2>/dev/null; do wait "$task"; status=$?; done
  [ $status -gt $highest ] && highest=$status
done
exit $highest
""",
    "scancel": 'echo "$*" > "$DIRECTORY/cancelled"',
    # It reports how it was started, then ends with the given status, or saves for a second when it is stopped.
    "berth": """
printenv TF_CONFIG > "$DIRECTORY/tensorflow-$SLURM_PROCID"
env | grep ^JAX_ > "$DIRECTORY/jax-$SLURM_PROCID"
trap 'sleep 1; touch "$DIRECTORY/saved-$SLURM_PROCID"; exit 143' TERM
printf '%s\\n' "$@" > "$DIRECTORY/arguments-$SLURM_PROCID"
[ "$STATUS" = forever ] && while true; do sleep 0.1; done
exit $STATUS
""",
}


@pytest.fixture
def start(tmp_path):
    """Starts the script as Slurm does, on some nodes; `berth` ends with the status."""
    for name, text in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    script = tmp_path / "train.sh"
    script.write_text(SCRIPT)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("JAX_", "TF_CONFIG"))}

    def start(status, nodes=2):
        slurm = {
            "SLURM_JOB_NODELIST": "node[1-2]" if nodes == 2 else "node1",
            "SLURM_JOB_NAME": "finbert",
            "SLURM_NTASKS": str(nodes),
            "USER": "someone",
        }
        ours = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "DIRECTORY": str(tmp_path), "STATUS": str(status)}
        command = ["bash", str(script), "recipe.yaml", "--records", "short=a b", "--output", "model"]
        with (tmp_path / "errors").open("w") as errors:
            return subprocess.Popen(command, env={**environment, **slurm, **ours}, stderr=errors)

    return start


def test_each_node_knows_its_place_and_gets_the_flags(start, tmp_path):
    assert start(0).wait() == 0 and (tmp_path / "errors").read_text() == ""
    for number in range(2):
        arguments = (tmp_path / f"arguments-{number}").read_text().splitlines()
        assert arguments == ["train", "recipe.yaml", "--records", "short=a b", "--output", "model"]
        # The same as in a JobSet, but for the hosts' names.
        pod = Pod("node", "", 0, number, 2)
        expected = pod.settings("tensorflow")["TF_CONFIG"]
        for other in range(2):
            expected = expected.replace(pod.host(other), f"node{other + 1}")
        assert json.loads((tmp_path / f"tensorflow-{number}").read_text()) == json.loads(expected)
        jax = dict(line.split("=") for line in (tmp_path / f"jax-{number}").read_text().splitlines())
        assert jax == {**pod.settings("jax"), "JAX_COORDINATOR_ADDRESS": "node1:8476"}


def test_a_single_node_needs_no_others(start, tmp_path):
    assert start(0, nodes=1).wait() == 0
    assert (tmp_path / "tensorflow-0").read_text() == (tmp_path / "jax-0").read_text() == ""


@pytest.mark.parametrize("status", [0, 1, 2])
def test_what_is_finished_or_would_fail_again_needs_no_further_job(start, tmp_path, status):
    assert start(status).wait() == status
    assert (tmp_path / "cancelled").read_text() == "--state=PENDING --user=someone --name=finbert\n"


@pytest.mark.parametrize("status", [70, 75, 137, 143])
def test_what_may_go_on_is_left_to_the_next_job(start, tmp_path, status):
    assert start(status).wait() == status
    assert not (tmp_path / "cancelled").exists()


def test_the_time_limit_lets_every_node_save(start, tmp_path):
    process = start("forever")
    while len(list(tmp_path.glob("arguments-*"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # what --signal=B:TERM sends
    assert process.wait() == 143
    assert len(list(tmp_path.glob("saved-*"))) == 2 and not (tmp_path / "cancelled").exists()


def test_slurm_is_asked_for_what_the_page_says():
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", SCRIPT, re.MULTILINE))
    assert options["dependency"] == "singleton" and options["ntasks-per-node"] == "1"
    assert options["signal"].startswith("B:TERM@")

"""Which tasks run at once."""

import os

import pytest

from berth.app import side_by_side
from berth.app.pipeline_tasks import PipelineTask, PipelineTasks
from berth.recipe.file import load
from berth_dags.pretrain import pretrain_pipeline
from pipelines.engine import resources


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    pipeline = pretrain_pipeline(load("quickstart"))
    return PipelineTasks(pipeline, {"workspace": "w"}, str(tmp_path_factory.mktemp("outputs"))).tasks


def rounds(tasks, slots):
    """Titles of the tasks that run at once, if all take the same time."""
    ended, found = set(), []
    while len(ended) < len(tasks):
        started = set(ended)
        while (task := side_by_side.next_task(tasks, started, ended, slots)) is not None:
            started.add(task.number)
        found.append([tasks[number].title for number in sorted(started - ended)])
        assert found[-1], "nothing can start"
        ended = started
    return found


def test_on_one_core_tasks_follow_each_other_in_the_pipelines_order(tasks):
    assert rounds(tasks, 1) == [[task.title] for task in tasks]


def test_on_two_cores_independent_tasks_run_side_by_side(tasks):
    assert rounds(tasks, 2) == [
        ["extract"],
        ["segment"],
        ["vocabulary"],
        ["held-out records", "records short"],
        ["evaluation set", "records long"],
        ["train"],
        ["evaluate", "export huggingface"],
        ["report"],
    ]


def test_what_uses_all_cores_or_an_accelerator_runs_once_at_a_time():
    names = ("train", "evaluate", "finetune", "train", "export")
    tasks = [PipelineTask(number, name, name, name, frozenset()) for number, name in enumerate(names)]
    assert rounds(tasks, 8) == [["train", "export"], ["evaluate"], ["finetune"], ["train"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], 8),
        (["--direct_num_workers=2", "--direct_running_mode=multi_processing"], 4),
        (["--direct_num_workers", "3"], 2),
        (["--direct_num_workers=0"], 1),
        (["--direct_num_workers=20"], 1),
        (["--direct_num_workers"], 8),
    ],
)
def test_never_more_processes_than_cores(arguments, expected):
    assert side_by_side.slots(arguments, 8) == expected


def test_cores_are_those_that_the_process_may_use():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert resources.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)

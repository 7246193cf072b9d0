"""The tasks of a compiled pipeline: their order, and what their commands get."""

import json
import sys

from berth.app.pipeline_tasks import PipelineTasks, _ordered
from berth.recipe.file import load
from berth_dags.pretrain import pretrain_pipeline


def test_the_order_is_the_same_in_each_process_and_begins_with_what_most_others_wait_for():
    after = {
        "report": {"export", "evaluate", "train"},
        "export": {"train"},
        "evaluate": {"train", "evalset"},
        "train": {"records", "records-2", "evalset"},
        "records-10": {"extract"},
        "records-2": {"extract"},
        "records": {"extract"},
        "evalset": {"records-10"},
        "extract": set(),
    }
    names = ["extract", "records-10", "evalset", "records", "records-2", "train", "evaluate", "export", "report"]
    assert _ordered(after) == names
    assert _ordered(dict(sorted(after.items()))) == names


def test_titles_components_and_predecessors():
    tasks = PipelineTasks(pretrain_pipeline(load("quickstart")), {"workspace": "w"}, "outputs").tasks
    titles = {task.title: task for task in tasks}
    assert titles["records long"].component == "records"
    assert {tasks[number].title for number in titles["train"].after} == {
        "vocabulary",
        "records short",
        "records long",
        "evaluation set",
    }
    assert all(number < task.number for task in tasks for number in task.after)


def test_the_interpreter_may_be_at_a_path_with_a_blank(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/new user's/bin/python")
    tasks = PipelineTasks(pretrain_pipeline(load("quickstart")), {"workspace": "w"}, "outputs")
    shell, _, script, *rest = tasks.command(tasks.tasks[0])
    assert shell == "sh" and """'/new user'"'"'s/bin/python' -m kfp.dsl.executor_main""" in script
    given = json.loads(rest[rest.index("--executor_input") + 1])["inputs"]["parameterValues"]
    assert given["workspace"] == "w" and json.loads(given["recipe"])["name"] == "quickstart"

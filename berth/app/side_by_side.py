"""Which tasks of a local run may run at once: those that wait for none that runs, as many as there are cores."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from berth.app.pipeline_tasks import PipelineTask

# Components that use all cores, and the accelerators where there are some: one of them at a time.
ALONE = ("train", "evaluate", "finetune")


def slots(beam_arguments: Sequence[str], cores: int) -> int:
    """How many tasks run at once: no more than there are cores for the worker processes of each."""
    workers = 1
    for index, argument in enumerate(beam_arguments):
        name, _, value = argument.partition("=")
        value = value or "".join(beam_arguments[index + 1 : index + 2])
        if name == "--direct_num_workers" and value.isdecimal():
            workers = int(value) or cores  # 0: one for each core
    return max(1, cores // workers)


def next_task(
    tasks: Sequence[PipelineTask], started: Collection[int], ended: Collection[int], slots: int
) -> PipelineTask | None:
    """The first task that can start now; None if none can.

    Args:
        tasks: All tasks, in their order.
        started: Numbers of those that have started.
        ended: Numbers of those that have ended well.
        slots: How many run at once.
    """
    running = [number for number in started if number not in ended]
    if len(running) >= slots:
        return None
    is_taken = any(tasks[number].component in ALONE for number in running)
    for task in tasks:
        can_start = task.number not in started and task.after.issubset(ended)
        if can_start and not (is_taken and task.component in ALONE):
            return task
    return None

"""Every stage on tiny inputs, as functions that run it into a directory, in milliseconds.

The data stages, evalset, report, export and the links are the product's; Beam's jobs run in an eager runner, words are
counted without tf.Transform, and the report's pages are rendered once. `train` and `evaluate` are the product's loop,
logs, checkpoints and files around an engine of NumPy: TensorFlow starts threads, so that a process that has loaded it
cannot be forked. Of `finetune` only the writing is here, in the same order, with a process of its own for the
SavedModel; the whole stage is killed in tests/trainer/finetuning, training with TensorFlow in tests/trainer/loop.
"""

from __future__ import annotations

import itertools
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from berth import storage
from berth.errors import BerthError
from berth.formats.records import record_name
from berth.recipe import ExtractOptions, Filter, Recipe, RecordSet, Segmentation, Vocabulary
from berth.stage import Stage, Workspace, run, run_index, stable_names
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from crash import plain_counting
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from support.dump_samples import dump_bytes, page
from support.toy_engine import ToyEngine
from support.trainer_files import RECORDS, VOCABULARY

EAGER = ["--runner=support.eager_runner.EagerRunner", "--no_pipeline_type_check"]
WORKERS = ["--runner=crash.workers.ForkingRunner", "--no_pipeline_type_check"]
WORDS = [
    "".join(parts)
    for parts in itertools.product(("ka", "lo", "mi", "tu"), ("ter", "ing", "an"), ("der", "pre", "con", "wes"))
]

Run = Callable[[str], Any]


class AtOnce:
    """In place of the thread that saves checkpoints: the operations of a run must have one order.

    Those of tests/trainer/loop/test_saving.py are killed while the real thread writes.
    """

    def __init__(self, target: Callable[[], None], **options: object) -> None:
        self.start = target

    def join(self) -> None:
        """It has ended."""


def paragraph(number: int) -> str:
    """A text of some sentences."""
    turned = WORDS[number:] + WORDS[:number]
    return f"{' '.join(turned[:24]).capitalize()}. Dann kam Dr. Meier. {' '.join(turned[24:]).capitalize()} {number}."


class Stages:
    """The stages, by name, and what they read.

    Args:
        base: Directory for the inputs: the dumps, and a workspace in which everything was run undisturbed.
        patch: Replaces what takes long and writes nothing.
    """

    def __init__(self, base: Path, patch: pytest.MonkeyPatch) -> None:
        self._base, self.runs = base, light_runs()
        self._workspace = str(base / "workspace")
        self._make_dumps()
        self._add_data()
        self._add_training()
        self._add_report(patch)

    def _add(self, name: str, do: Callable[[Workspace, list[str]], Any]) -> Any:
        """Add a stage, and run it into the workspace that the others read."""
        self.runs[name] = lambda directory: do(Workspace(directory), EAGER)
        self.runs[f"{name} with workers"] = lambda directory: do(Workspace(directory), WORKERS)
        return do(Workspace(self._workspace), EAGER)

    def _make_dumps(self) -> None:
        place = self._base / "dumps"
        place.mkdir(parents=True)
        template = page(9, "{{{1}}} x", title="Vorlage:Nihongo", namespace=10)
        first = [page(number, paragraph(number)) for number in (1, 2, 3)] + [template]
        second = [page(number, f"{paragraph(number)}\n\n{paragraph(1)}") for number in (3, 4, 5, 6)]
        (place / "a.xml").write_bytes(dump_bytes(first, language="de"))
        (place / "b.xml.bz2").write_bytes(dump_bytes(second, "bz2", language="de"))

    def _add_data(self) -> None:
        from pipelines.evalset import pick_examples
        from pipelines.extract import extract
        from pipelines.filter import filter_articles
        from pipelines.records import create_records
        from pipelines.segment import segment
        from pipelines.vocab import vocabulary

        dumps = Inputs.of(str(self._base / "dumps" / "*"))
        extracted = self._add(
            "extract",
            lambda place, beam: extract(
                dumps=dumps, options=ExtractOptions(), language="de", destination=place, beam_arguments=beam
            ),
        )
        filtered = self._add(
            "filter",
            lambda place, beam: filter_articles(
                articles=extracted.files("*.parquet"),
                options=Filter(duplicates="paragraphs"),
                destination=place,
                beam_arguments=beam,
            ),
        )
        text = self._add(
            "segment",
            lambda place, beam: segment(
                articles=filtered.files("*.parquet"),
                options=Segmentation(shard_lines=10, eval_documents=1),
                seed=1,
                language="de",
                destination=place,
                beam_arguments=beam,
            ),
        ).files("part-*.txt")
        self.vocabulary = self._add(
            "vocab",
            lambda place, beam: vocabulary(
                text=text,
                options=Vocabulary(size=100, sample_sentences=14),
                seed=1,
                destination=place,
                beam_arguments=beam,
            ),
        ).files("vocab.txt")
        options = RecordSet(max_seq_length=32, max_predictions=4)
        self.records = self._add(
            "records",
            lambda place, beam: create_records(
                text=text,
                vocabulary=self.vocabulary,
                options=options,
                lower_case=True,
                seed=7,
                destination=place,
                beam_arguments=beam,
            ),
        ).files(record_name("*.txt", "none"))
        picked = pick_examples(records=self.records, examples=4, destination=Workspace(self._workspace))
        self.held_out = picked.files("*")

    def _add_training(self) -> None:
        from trainer.evaluation.evaluate import evaluate
        from trainer.loop.train import train
        from trainer.serving.export import export

        recipe = Recipe.model_validate(RECIPE)

        def trained(place: Any, **options: Any) -> Any:
            given = {"recipe": recipe, "records": {"short": self.records}, "vocabulary": self.vocabulary}
            return train(**given, evaluation=self.held_out, destination=place, **options)

        self.model = model = trained(Workspace(self._workspace))
        first = trained(Workspace(self._workspace), until=2)
        self.runs["train"] = lambda directory: trained(Workspace(directory))
        self.runs["train, a second slice"] = lambda directory: trained(
            Workspace(directory), until=4, before=first.files("*")
        )
        self.runs["evaluate"] = lambda directory: evaluate(
            model=model.files("*"), records=self.held_out, checkpoints="all", destination=Workspace(directory)
        )
        for kind in ("huggingface", "encoder"):
            self.runs[f"export {kind}"] = lambda directory, kind=kind: export(
                model=model.files("*"), format=kind, destination=Workspace(directory)
            )

    def _add_report(self, patch: pytest.MonkeyPatch) -> None:
        from berth.report.build import build_report
        from support.report_run import make_run

        made = make_run(self._base)
        pages = {"berth.report.page.render": "<html>", "berth.report.markdown.render": "# Report"}
        for place, text in pages.items():  # what is rendered is the same each time, and takes a second
            patch.setattr(place, lambda run, text=text: text)
        self.runs["report"] = lambda directory: build_report(
            recipe=made.recipe, stages=made.stages, planned={}, destination=Workspace(directory)
        )


def light_runs() -> dict[str, Run]:
    """The stages that need no other stage, and no Beam."""
    from pipelines.evalset import pick_examples

    recipe, records, vocabulary = Recipe.model_validate(RECIPE), Inputs.of(str(RECORDS)), Inputs.of(str(VOCABULARY))

    def name(directory: str) -> None:
        inside = storage.join(directory, "train", "0123456789ab")
        storage.make_directory(inside)
        stable_names.link(directory, recipe, "epoch-1/train", inside)
        run_index.record_training(directory, recipe, inside)

    return {
        "evalset": lambda directory: pick_examples(records=records, examples=4, destination=Workspace(directory)),
        "finetune": lambda directory: finetune_writes(vocabulary, Workspace(directory)),
        "names": name,
    }


def finetune_writes(vocabulary: Inputs, place: Workspace) -> Any:
    """What the stage `finetune` writes, as :mod:`trainer.finetuning.results` does; see the module's docstring."""
    from trainer.checkpoints import safetensors

    def work(output: Output) -> None:
        for name in ("finetuning.json", "metrics.jsonl", "predictions-dev.tsv"):
            with storage.atomic_write(output.path(name)) as file:
                file.write(f"of {name}\n".encode())
        safetensors.write(output.path("classifier.safetensors"), {"w": np.arange(64, dtype=np.float32)}, {"labels": []})
        for name in ("bert_config.json", "vocab.txt"):
            with storage.atomic_write(output.path(name)) as file:
                file.write(storage.read_bytes(vocabulary.one().uri))
        child = os.fork()
        if child == 0:
            for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
                with storage.atomic_write(output.path(f"savedmodel/{name}")) as file:
                    file.write(f"of {name}".encode() * 30)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            raise BerthError("the process for the SavedModel was lost")

    return run(Stage("finetune", 2, {}, {"vocabulary": vocabulary}, seed=1), place, work)


def _create(self: Any, begin: Any) -> Any:
    return begin | beam.Create([pickle.loads(each) for each in self.pickled], reshuffle=False)


RECIPE: Mapping[str, Any] = {
    "name": "tiny",
    "seed": 7,
    "corpus": {"language": "de", "sources": [{"path": "dump.bz2"}]},
    "segmentation": {"eval_documents": 1},
    "records": {"short": {"max_seq_length": 32, "max_predictions": 4}},
    "evaluation": {"records": "short", "examples": 4, "every_steps": 2, "batch_size": 4},
    "vocabulary": {"size": 100},
    "model": {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "max_position_embeddings": 32,
    },
    "training": {
        "phases": [
            {"name": "one", "records": "short", "steps": 3, "batch_size": 2, "learning_rate": 0.01},
            {"name": "two", "records": "short", "steps": 2, "batch_size": 2, "learning_rate": 0.01},
        ],
        "checkpoint_every_steps": 2,
        "keep_checkpoints": 1,
        "log_every_steps": 1,
    },
}


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """All stages; kernels are compiled and everything is imported when the first trial begins."""
    from trainer.evaluation import model
    from trainer.loop import training_run

    base = tmp_path_factory.mktemp("stages")
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for module in (model, training_run):
            patch.setattr(module, "create", lambda name, settings: ToyEngine(settings))
        patch.setitem(sys.modules, "pipelines.wordpiece.counting", plain_counting)
        # Beam takes a tenth of a second to make a graph of these steps; here nothing is distributed.
        patch.setattr(CheckedCreate, "expand", _create)
        patch.setattr("berth.stage.lock.WAIT_SECONDS", 0.001)
        patch.setattr("trainer.loop.background.Thread", AtOnce)
        yield Stages(base, patch)
    shutil.rmtree(base, ignore_errors=True)

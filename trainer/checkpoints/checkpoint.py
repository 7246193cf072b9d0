"""A checkpoint of any format: its location, step and files, what is next to it, and its variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.formats.results import TRAINING
from berth.formats.vocabulary import VOCABULARY
from berth.stage.inputs import Inputs
from berth.storage import Pattern
from trainer.checkpoints import encoder, huggingface, safetensors, tensorflow
from trainer.checkpoints.contents import CheckpointContents, read_safetensors
from trainer.models import CONFIG, Architecture

PATTERN = "checkpoint-*.safetensors"
DESCRIPTION = ("bert_config.json", VOCABULARY, TRAINING)
OWN = "training"
# The formats of others and of exports; each module has `exists`, `files` and `read`. The first that exists is taken.
FORMATS: Mapping[str, ModuleType] = {"tensorflow": tensorflow, "encoder": encoder, "huggingface": huggingface}
# Of the formats that are a directory, what is next to a checkpoint is inside.
DIRECTORIES = ("encoder", "huggingface")


def name(step: int) -> str:
    """The file name of a training run's checkpoint after this number of optimizer updates."""
    return f"checkpoint-{step:08d}.safetensors"


def step_of(uri: str) -> int | None:
    """The step in the file name of a training run's checkpoint; None for any other file or directory."""
    match = re.fullmatch(r"checkpoint-(\d+)\.safetensors", storage.basename(uri))
    return int(match.group(1)) if match else None


def list_steps(directory: str) -> list[int]:
    """The steps of the checkpoints in the directory of a training run, ascending."""
    steps = map(step_of, storage.names(Pattern(directory, PATTERN)))
    return sorted(step for step in steps if step is not None)


def prune(directory: str, keep: int, is_scheduled: Callable[[int], bool], best: int | None = None) -> None:
    """Delete all but the newest ``keep`` checkpoints and the one of the step ``best``.

    A checkpoint saved out of schedule (on SIGTERM) is deleted as soon as there is a newer one, so that an interrupted
    run ends with the same files as an undisturbed one.
    """
    steps = list_steps(directory)
    kept = [step for step in steps if is_scheduled(step)][-keep:] + steps[-1:]
    for step in steps:
        if step not in kept and step != best:
            storage.delete(storage.join(directory, name(step)))


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of any format.

    Args:
        uri: A checkpoint file of a training run, the prefix of a TensorFlow checkpoint, or the directory of the others.
        kind: ``training``, or a key of `FORMATS`.
    """

    uri: str
    kind: str

    @classmethod
    def find(cls, uri: str) -> Checkpoint:
        """The checkpoint that a user means.

        Args:
            uri: A checkpoint file of a training run or its directory (then its newest checkpoint), the prefix of a TF1
                or TF2 checkpoint (``…/model.ckpt-28252``) or one of its files, a Hugging Face directory, or that of an
                exported encoder.

        Raises:
            BerthError: if there is none of these. The existence of a named checkpoint file is not checked.
        """
        if step_of(uri) is not None:
            return cls(uri, OWN)
        uri = tensorflow.prefix_of(uri)
        for key, module in FORMATS.items():
            if module.exists(uri):
                return cls(uri, key)
        if steps := list_steps(uri):
            return cls(storage.join(uri, name(steps[-1])), OWN)
        prefixes = tensorflow.prefixes(uri)
        raise BerthError(
            "there is no checkpoint here",
            where=uri,
            found=f"TensorFlow checkpoints with the prefix {', '.join(prefixes)}" if prefixes else "",
            expected="the prefix of a TensorFlow checkpoint (…/bert_model.ckpt), a Hugging Face directory, the "
            "directory of `berth train` or `berth export --format encoder`, or a checkpoint-*.safetensors",
        )

    @property
    def step(self) -> int | None:
        """Optimizer updates before it; None unless it is a training run's."""
        return step_of(self.uri)

    @property
    def named_step(self) -> int | None:
        """Steps before it by its name, also of a TensorFlow checkpoint; None if its name does not say."""
        return tensorflow.step_of(self.uri) if self.kind == "tensorflow" else self.step

    @property
    def directory(self) -> str:
        """The directory with its configuration and vocabulary."""
        return self.uri if self.kind in DIRECTORIES else storage.parent(self.uri)

    @property
    def files(self) -> Inputs:
        """Its files, as the input of a stage; they are hashed."""
        return Inputs.at(self.uri) if self.kind == OWN else _files(FORMATS[self.kind], self.uri)

    def beside(self, name: str) -> str | None:
        """URI of a file in its directory; None if there is none of this name."""
        uri = storage.join(self.directory, name)
        return uri if storage.exists(uri) else None

    @property
    def configuration(self) -> str | None:
        """URI of the model configuration in its directory: ours, or Hugging Face's."""
        return self.beside(CONFIG) or self.beside(huggingface.CONFIG)

    @property
    def vocabulary(self) -> str | None:
        """URI of the vocabulary in its directory."""
        return self.beside(VOCABULARY)

    def read(self, names: Collection[str], architecture: Architecture, layers: int | None = None) -> CheckpointContents:
        """Read variables, and nothing else.

        Args:
            names: Of the variables.
            architecture: Of the model, whose names these are.
            layers: Number of the model's layers; None if only a part of the model is wanted.

        Raises:
            BerthError: if the checkpoint is damaged, holds no model of this architecture, has more layers, or
                weights that no network of the architecture has.
        """
        contents: CheckpointContents
        if self.kind == OWN:
            contents = read_safetensors(self.uri, names, architecture)
        else:
            contents = FORMATS[self.kind].read(self.uri, names, architecture)
        if contents.strange:
            raise of_another_model(
                self.uri,
                f"{len(contents.strange)} weights that nothing would read, for example {min(contents.strange)}",
                f"only weights that the architecture {architecture.name!r} has",
            )
        if layers is not None and contents.layers > layers:  # the model would silently lack the others
            raise of_another_model(self.uri, f"{contents.layers} layers", f"num_hidden_layers {layers}")
        return contents

    def variables(self, architecture: Architecture) -> dict[str, np.ndarray]:
        """All variables of a training run's checkpoint, by name; no optimizer slots, no state.

        Raises:
            BerthError: if the checkpoint is damaged.
        """
        names = set(safetensors.names(self.uri))
        # The name of a slot is that of its variable, and its own.
        variables = {each for each in names if each.rpartition("/")[0] not in names}
        return self.read(
            [each for each in variables if each.startswith(architecture.names.pretraining)], architecture
        ).arrays


def of_another_model(where: str, found: str, expected: str) -> BerthError:
    """The error for a checkpoint that does not belong to the model."""
    return BerthError(
        "the checkpoint belongs to another model",
        where=where,
        found=found,
        expected=expected,
        fix="Give the recipe the model section and the vocabulary of the checkpoint, or put the configuration that "
        "belongs to the checkpoint next to it.",
    )


def _files(module: ModuleType, uri: str) -> Inputs:
    files: Inputs = module.files(uri)
    return files


def beside(uri: str, name: str) -> str | None:
    """URI of a file in the directory of a checkpoint, or in a directory with the files of any model.

    None if there is none of this name.
    """
    is_file = step_of(uri) is not None or tensorflow.exists(uri)
    found = storage.join(storage.parent(uri) if is_file else uri, name)
    return found if storage.exists(found) else None


def of_training(uri: str, every: bool = False) -> Inputs:
    """The newest checkpoint of a training run, finished or not, or one checkpoint file.

    Args:
        uri: The run's output directory, or a checkpoint in it.
        every: Give all checkpoints of the directory instead.

    Raises:
        BerthError: if there is none.
    """
    newest = Checkpoint.find(uri)
    if newest.step is None:
        raise BerthError(
            "there is no checkpoint of `berth train` here", where=uri, expected=f"a directory with {PATTERN}"
        )
    return Inputs.of(Pattern(uri, PATTERN)) if every else Inputs.at(newest.uri)


def with_description(*uris: str) -> Inputs:
    """A training run's checkpoint files with the files in their directory that describe the model: a stage's input."""
    directory = storage.parent(uris[0])
    return Inputs.at(*uris, *(storage.join(directory, name) for name in DESCRIPTION))


def all_of(model: Inputs) -> list[Checkpoint]:
    """All checkpoints among the files of a training run, in order of their steps.

    Raises:
        BerthError: if there is none.
    """
    by_step = {step: file.uri for file in model.files if (step := step_of(file.uri)) is not None}
    if not by_step:
        raise BerthError(
            "there is no checkpoint here",
            where=model.uri,
            expected=PATTERN,
            fix="Name the output directory of `berth train`, or a checkpoint file in it.",
        )
    return [Checkpoint(by_step[step], OWN) for step in sorted(by_step)]


def newest(model: Inputs) -> Checkpoint:
    """The newest checkpoint among the files of a training run. Raises BerthError if there is none."""
    return all_of(model)[-1]

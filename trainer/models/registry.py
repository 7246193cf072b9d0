"""The registry of model architectures, and the one way to a configuration: from a recipe, or from a file."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from berth import storage
from berth.errors import UsageError, summary
from berth.recipe import ModelConfig
from trainer.models.architecture import Architecture, Configuration

# The module of each architecture, which holds it as ARCHITECTURE.
ARCHITECTURES = {
    "bert": "trainer.models.bert",
    "modernbert": "trainer.models.modernbert",
}

# The configuration file of a training run, whatever the architecture; its key `model_type` names the architecture.
CONFIG = "bert_config.json"
# Google's bert_config.json does not say what it is.
DEFAULT = "bert"


def get(name: str) -> Architecture:
    """The architecture of this name.

    Raises:
        UsageError: if there is none.
    """
    if name not in ARCHITECTURES:
        raise UsageError(
            "there is no such model architecture",
            where="model.architecture",
            found=name,
            expected=" or ".join(ARCHITECTURES),
        )
    architecture: Architecture = import_module(ARCHITECTURES[name]).ARCHITECTURE
    return architecture


def configuration_of(model: ModelConfig, vocab_size: int) -> Configuration:
    """The configuration of a recipe's model over a vocabulary of ``vocab_size`` entries."""
    return get(model.architecture).configuration_of(model, vocab_size)


def read_json(uri: str) -> dict[str, Any]:
    """The JSON object in a configuration file next to a checkpoint.

    Raises:
        BerthError: if it is missing, or holds something else.
    """
    try:
        content = json.loads(storage.read_text(uri).removeprefix("\ufeff"))  # some editors write a byte order mark
    except json.JSONDecodeError as error:
        raise UsageError("the file is not JSON", where=f"{uri}, line {error.lineno}", found=error.msg) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits; deep nesting
        raise UsageError("the file is not JSON of a configuration", where=uri, found=summary(error)) from error
    if not isinstance(content, dict):
        raise UsageError("the file is not a JSON object", where=uri, found=type(content).__name__)
    return content


def read_configuration(uri: str) -> Configuration:
    """Read a bert_config.json, or a Hugging Face config.json.

    Raises:
        BerthError: if it is missing, not JSON, of an unknown architecture, or describes no possible model.
    """
    content = read_json(uri)
    name = content.get("model_type", DEFAULT)
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise UsageError(
            "the model configuration is of an unknown architecture",
            where=f"{uri}, key model_type",
            found=str(name),
            expected=" or ".join(ARCHITECTURES),
        )
    return get(name).configuration.parse(content, uri)

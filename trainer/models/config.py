"""bert_config.json: the shape of a model, in the common format of Google's and Hugging Face's checkpoints."""

from __future__ import annotations

import json

from pydantic import ConfigDict, PositiveInt, ValidationError

from berth import storage
from berth.errors import BerthError, UsageError
from berth.recipe import ModelConfig

CONFIG = "bert_config.json"


class BertConfig(ModelConfig):
    """A model's shape: the recipe's `model` section and the size of the vocabulary.

    Keys Berth does not know (``directionality``, ``pooler_type`` …) are kept and written back unchanged.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    vocab_size: PositiveInt

    @classmethod
    def of(cls, model: ModelConfig, vocab_size: int) -> BertConfig:
        """The configuration of a recipe's model over a vocabulary of ``vocab_size`` entries."""
        return cls(**model.model_dump(), vocab_size=vocab_size)

    @classmethod
    def read(cls, uri: str) -> BertConfig:
        """Read a bert_config.json (or a Hugging Face config.json, which holds the same keys and more).

        Raises:
            BerthError: if it is missing, not JSON, or describes no possible BERT.
        """
        try:
            content = json.loads(storage.read_text(uri))
        except json.JSONDecodeError as error:
            raise BerthError(
                "the model configuration is not JSON", where=f"{uri}, line {error.lineno}", found=error.msg
            ) from error
        if not isinstance(content, dict):
            raise BerthError("the model configuration is not a JSON object", where=uri)
        try:
            return cls(**content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise UsageError(
                f"the model configuration is not that of a BERT: {first['msg']}", where=f"{uri}, key {key or '(all)'}"
            ) from error

    def to_json(self) -> bytes:
        """The file's content: the keys that were given, sorted, as Google's scripts write them."""
        return (json.dumps(self.model_dump(exclude_unset=True), indent=2, sort_keys=True) + "\n").encode()

    @property
    def head_size(self) -> int:
        """Features of one attention head."""
        return self.hidden_size // self.num_attention_heads

"""BERT's configuration: the common keys of Google's bert_config.json and Hugging Face's config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PositiveInt, ValidationError

from berth.errors import UsageError
from berth.recipe import ModelConfig


class BertConfig(ModelConfig):
    """A model's shape: the recipe's `model` section and the size of the vocabulary.

    Keys that Berth does not know (``directionality``, ``pooler_type`` …) are kept and written back unchanged.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    vocab_size: PositiveInt

    @classmethod
    def of(cls, model: ModelConfig, vocab_size: int) -> BertConfig:
        """The configuration of a recipe's model over a vocabulary of ``vocab_size`` entries.

        BERT's file does not name its architecture, as Google's does not; that of a variation has the key `model_type`.
        """
        content = model.obeyed()
        if model.architecture != "bert":
            content["model_type"] = model.architecture
        return cls(**content, vocab_size=vocab_size)

    @classmethod
    def parse(cls, content: Mapping[str, Any], uri: str) -> BertConfig:
        """The configuration in a JSON object.

        Args:
            content: The object.
            uri: Its file, for messages.

        Raises:
            UsageError: if it describes no possible BERT.
        """
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

    def huggingface(self, next_sentence: bool) -> dict[str, Any]:
        """Hugging Face's config.json of a model with or without the next-sentence head."""
        return {
            **self.model_dump(exclude_unset=True),
            "architectures": ["BertForPreTraining" if next_sentence else "BertForMaskedLM"],
            "layer_norm_eps": self.layer_norm_eps,
            "model_type": self.architecture,
            "pad_token_id": 0,
            "tie_word_embeddings": True,
        }

    @property
    def head_size(self) -> int:
        """Features of one attention head."""
        return self.hidden_size // self.num_attention_heads

"""BERT's configuration: the common keys of Google's bert_config.json and Hugging Face's config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PositiveInt, ValidationError

from berth.errors import UsageError
from berth.recipe import ModelConfig

# Hugging Face's other names of the activations.
_ACTIVATIONS = {"gelu_python": "gelu", "gelu_fast": "gelu_new", "gelu_pytorch_tanh": "gelu_new"}
# Keys of Hugging Face's configurations that change the network, with the values that Berth's has.
_NETWORK = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "is_encoder_decoder": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
    "pruned_heads": {},
}


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
            UsageError: if it describes no possible BERT, or one that Berth's network is not.
        """
        for key, (found, possible) in _unlike_ours(content).items():
            raise UsageError(
                "the model configuration is that of a model which Berth does not have",
                where=f"{uri}, key {key}",
                found=json.dumps(found),
                expected=json.dumps(possible),
            )
        try:
            return cls(**content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise UsageError(
                f"the model configuration is not that of a BERT: {first['msg']}", where=f"{uri}, key {key or '(all)'}"
            ) from error

    def differences(self, content: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """What no shape shows: activation, epsilon, heads, layers, and keys of other networks.

        Google's files say "gelu" for either form of it, and do not have Hugging Face's keys.
        """
        found = _unlike_ours(content)
        for key in ("num_attention_heads", "num_hidden_layers", "layer_norm_eps"):
            theirs, ours = content.get(key), getattr(self, key)
            if theirs is not None and theirs != ours:
                found[key] = (theirs, ours)
        theirs = content.get("hidden_act")
        possible = [theirs, _ACTIVATIONS.get(str(theirs))]
        if theirs == "gelu" and "model_type" not in content and "architectures" not in content:
            possible.append("gelu_new")
        if theirs is not None and self.hidden_act not in possible:
            found["hidden_act"] = (theirs, self.hidden_act)
        return found

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

    def tensorflow(self) -> dict[str, Any]:
        """bert_config.json in the words of google-research and the Model Garden: their `gelu` is the approximation."""
        content = self.model_dump(exclude_unset=True)
        return {**content, "hidden_act": "gelu" if self.hidden_act == "gelu_new" else self.hidden_act}

    @property
    def head_size(self) -> int:
        """Features of one attention head."""
        return self.hidden_size // self.num_attention_heads


def _unlike_ours(content: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys that describe a network which Berth's BERT is not: value there, and the value that it would have to have."""
    found = {key: (content[key], ours) for key, ours in _NETWORK.items() if content.get(key, ours) not in (ours, None)}
    embedding, hidden = content.get("embedding_size"), content.get("hidden_size")
    if embedding is not None and hidden is not None and embedding != hidden:
        found["embedding_size"] = (embedding, hidden)
    return found

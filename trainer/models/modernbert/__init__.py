"""ModernBERT: https://arxiv.org/abs/2412.13663, as Hugging Face's ModernBertForMaskedLM."""

from __future__ import annotations

import math

from berth.errors import UsageError
from berth.recipe import ModelConfig
from trainer.models.architecture import (
    Architecture,
    FusedAttention,
    HuggingFaceNames,
    Network,
    TensorFlowNames,
    VariableNames,
)
from trainer.models.modernbert import huggingface
from trainer.models.modernbert.configuration import ModernBertConfig
from trainer.models.modernbert.figures import ModernBertFigures

WORD_EMBEDDINGS = "modernbert/embeddings/word_embeddings"


def _pretraining(
    config: ModernBertConfig, next_sentence: bool, precision: str, fused_attention: FusedAttention | None
) -> Network:
    from trainer.models.modernbert.heads import ModernBertForPreTraining

    if next_sentence:
        raise UsageError(
            "ModernBERT has no next-sentence head",
            where="model.architecture",
            found="records with objective: mlm+nsp",
            expected="objective: mlm",
        )
    if fused_attention is not None:
        raise UsageError(
            "ModernBERT's windows have no fused attention", where="training.attention", found="fused", expected="plain"
        )
    network: Network = ModernBertForPreTraining(config, precision)
    return network


def _classifier(config: ModernBertConfig, outputs: int) -> Network:
    from trainer.models.modernbert.heads import ModernBertClassifier

    network: Network = ModernBertClassifier(config, outputs)
    return network


def _initial_stddev(model: ModelConfig, variable: str) -> float:
    """Megatron's initial weights, as ModernBERT's (`_init_weights` in transformers): less for what is added up."""
    is_output = variable.endswith(("/output/kernel", "/transform/dense/kernel"))
    if model.init_method == "megatron" and is_output:
        return model.initializer_range / math.sqrt(2 * model.num_hidden_layers)
    return model.initializer_range


ARCHITECTURE = Architecture(
    name="modernbert",
    configuration=ModernBertConfig,
    figures=ModernBertFigures(),
    names=VariableNames(
        encoder="modernbert/",
        pooler=(),
        heads=("cls/", "modernbert/transform/"),
        next_sentence=None,
        word_embeddings=WORD_EMBEDDINGS,
        vocabulary=(WORD_EMBEDDINGS, "cls/output_bias"),
        is_strange=huggingface.is_strange_here,
    ),
    huggingface=HuggingFaceNames(
        huggingface.name_of, huggingface.candidates, huggingface.convert, huggingface.is_strange, tied={}
    ),
    tensorflow=TensorFlowNames(
        keys_by_name=lambda keys: {},
        convert=lambda variable, array: array,
        strange=lambda keys: [],
        graph=lambda arrays, heads: {},
        expected="no TensorFlow checkpoint: ModernBERT has none. Name a Hugging Face directory",
    ),
    pretraining=_pretraining,
    classifier=_classifier,
    initial_stddev=_initial_stddev,
    reads_vocabulary=False,
    hidden_keys=(
        "layer_types",
        "local_attention",
        "global_rope_theta",
        "local_rope_theta",
        "norm_eps",
        "hidden_activation",
        "classifier_activation",
    ),
)

"""BERT: https://arxiv.org/abs/1810.04805, as in google-research/bert."""

from __future__ import annotations

from trainer.models.architecture import (
    Architecture,
    FusedAttention,
    HuggingFaceNames,
    Network,
    TensorFlowNames,
    VariableNames,
)
from trainer.models.bert import huggingface, names, tensorflow_graph, tensorflow_names
from trainer.models.bert.configuration import BertConfig
from trainer.models.bert.figures import BertFigures

WORD_EMBEDDINGS = "bert/embeddings/word_embeddings"


def _pretraining(
    config: BertConfig, next_sentence: bool, precision: str, fused_attention: FusedAttention | None
) -> Network:
    from trainer.models.bert.heads import BertForPreTraining

    network: Network = BertForPreTraining(config, next_sentence, precision, fused_attention)
    return network


def _classifier(config: BertConfig, outputs: int) -> Network:
    from trainer.models.bert.classifier import BertClassifier

    network: Network = BertClassifier(config, outputs)
    return network


ARCHITECTURE = Architecture(
    name="bert",
    configuration=BertConfig,
    figures=BertFigures(),
    names=VariableNames(
        encoder="bert/",
        pooler=("bert/pooler/",),
        heads=("cls/", "bert/pooler/"),
        next_sentence="cls/seq_relationship/output_weights",
        word_embeddings=WORD_EMBEDDINGS,
        vocabulary=(WORD_EMBEDDINGS, "cls/predictions/output_bias"),
        is_strange=names.is_strange,
    ),
    huggingface=HuggingFaceNames(
        huggingface.name_of, huggingface.candidates, huggingface.convert, huggingface.is_strange, huggingface.TIED
    ),
    tensorflow=TensorFlowNames(
        tensorflow_names.keys_by_name,
        tensorflow_names.convert,
        tensorflow_names.strange,
        tensorflow_graph.graph,
        expected="the Model Garden's BertEncoder or BertEncoderV2",
    ),
    pretraining=_pretraining,
    classifier=_classifier,
)

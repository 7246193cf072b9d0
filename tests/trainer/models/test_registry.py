"""Every registered architecture fulfils the interface."""

import math
import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

from berth.errors import UsageError
from berth.recipe import ModelConfig
from trainer import models
from trainer.engines import Settings, create
from trainer.finetuning.engine import ClassifierEngine
from trainer.finetuning.heads import ClassificationHead

SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
VOCABULARY = 30


@pytest.fixture(params=models.ARCHITECTURES)
def config(request):
    return models.configuration_of(ModelConfig(architecture=request.param, **SIZES), VOCABULARY)


def test_the_registry_holds_what_a_recipe_can_name():
    assert set(models.ARCHITECTURES) == set(get_args(ModelConfig.model_fields["architecture"].annotation))
    with pytest.raises(UsageError, match=r"model\.architecture: there is no such model architecture. Found gpt"):
        models.get("gpt")


@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_an_architecture_has_its_own_name(name):
    assert models.get(name).name == name


@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_plans_load_no_keras(name):
    code = f"import sys; from trainer import models; models.get({name!r}).figures; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_configuration_comes_back_from_its_file(config, tmp_path):
    path = tmp_path / models.CONFIG
    path.write_bytes(config.to_json())
    found = models.read_configuration(str(path))
    assert found == config and found.architecture == config.architecture
    assert found.to_json() == config.to_json()


@pytest.mark.parametrize("next_sentence", [True, False])
def test_names_and_figures_are_those_of_the_network(config, next_sentence):
    architecture = models.get(config.architecture)
    if next_sentence and architecture.names.next_sentence is None:
        with pytest.raises(UsageError, match="has no next-sentence head"):
            create("tensorflow", Settings(config, next_sentence))
        return
    engine = create("tensorflow", Settings(config, next_sentence))
    model = ModelConfig(architecture=config.architecture, **SIZES)
    counted = sum(math.prod(shape) for shape in engine.shapes.values())
    assert architecture.figures.parameters(model, VOCABULARY, next_sentence) == counted
    assert architecture.figures.flops_per_sequence(model, vocab_size=VOCABULARY, length=8, predictions=2) > 0
    names = architecture.names
    assert all(name.startswith(names.pretraining) for name in engine.shapes)
    assert (names.next_sentence in engine.shapes) == next_sentence
    assert all(engine.shapes[name][0] == VOCABULARY for name in names.vocabulary)
    assert engine.shapes[names.word_embeddings] == (VOCABULARY, SIZES["hidden_size"])
    theirs = [architecture.huggingface.name_of(name) for name in engine.shapes]
    assert len(set(theirs)) == len(theirs)
    for name, shape in engine.shapes.items():
        assert architecture.huggingface.name_of(name) in architecture.huggingface.candidates(name)
        array = np.arange(math.prod(shape)).reshape(shape)
        there = architecture.huggingface.convert(name, array)
        np.testing.assert_array_equal(architecture.huggingface.convert(name, there), array)


def test_a_classifier_has_the_encoder_and_its_logits(config):
    architecture = models.get(config.architecture)
    engine = ClassifierEngine(config, ClassificationHead(("a", "b", "c")))
    pretraining = create("tensorflow", Settings(config, next_sentence=False)).shapes
    encoder = {name: shape for name, shape in pretraining.items() if name.startswith(architecture.names.encoder)}
    assert encoder.items() <= engine.shapes.items()
    features = {name: np.ones((2, 5), np.int32) for name in ("input_ids", "input_mask", "segment_ids")}
    assert engine.predict(features).shape == (2, 3)

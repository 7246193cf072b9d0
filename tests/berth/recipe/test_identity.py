"""What of a section goes into a stage's digest: the keys that differ from their defaults, which are pinned here."""

import json

import pytest
from pydantic_core import PydanticUndefined

from berth import recipe as sections
from berth.recipe import Evaluation, Export, Filter, Recipe, RecordSet, Section, Segmentation, Training
from berth.recipe.training import ExpectedAccuracy

REQUIRED = PydanticUndefined
# Every section that a digest covers, with the defaults of its keys. Sections on which no result
# depends (UNPINNED) are not here.
DEFAULTS = {
    "Source": {
        "format": "wikipedia",
        "path": REQUIRED,
        "expected": None,
        "text_field": "text",
        "id_field": None,
        "title_field": None,
        "language_field": None,
        "wrapped": False,
    },
    "Prepared": {"text": REQUIRED, "evaluation": REQUIRED, "expected": {}},
    "ExtractOptions": {
        "keep_headings": False,
        "formulas": "marker",
        "captions": False,
        "tables": False,
        "strict": False,
        "max_document_bytes": 67_108_864,
        "disambiguations": "keep",
        "templates": "auto",
    },
    "Filter": {
        "languages": None,
        "emoji": "keep",
        "unicode": "keep",
        "urls": None,
        "user_names": None,
        "symbols": "keep",
        "min_words": 0,
        "min_characters": 0,
        "duplicates": "keep",
    },
    "Corpus": {"language": "en", "sources": [], "prepared": None, "extract": {}, "filter": None},
    "Segmentation": {
        "segmenter": "punkt",
        "punkt": "corpus",
        "sentence_end_characters": None,
        "shards": 8,
        "shard_lines": None,
        "eval_documents": 0,
    },
    "Vocabulary": {
        "path": None,
        "expected": None,
        "kind": "wordpiece",
        "pieces": "unigram",
        "size": 30522,
        "sample_sentences": None,
        "lower_case": True,
    },
    "RecordSet": {
        "max_seq_length": 128,
        "max_predictions": 20,
        "masked_lm_prob": 0.15,
        "short_seq_prob": 0.1,
        "dupe_factor": 10,
        "whole_word_mask": False,
        "span_masking": False,
        "rng": "reference",
        "objective": "mlm+nsp",
        "compression": "none",
    },
    "ModelConfig": {
        "architecture": "bert",
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-12,
        "global_attn_every_n_layers": 3,
        "local_attention": 128,
        "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
        "norm_eps": 1e-5,
        "embedding_dropout": 0.0,
        "attention_dropout": 0.0,
        "mlp_dropout": 0.0,
        "init_method": "megatron",
    },
    "Initialization": {
        "heads": "optional",
        "vocabulary": "same",
        "new_tokens": "random",
        "expected": {},
        "accuracy": None,
    },
    "Optimizer": {
        "kind": "lamb",
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-6,
        "weight_decay": 0.01,
        "clip_global_norm": 1.0,
        "bias_correction": True,
        "exclude_from_weight_decay": ["LayerNorm", "layer_norm", "bias"],
    },
    "Phase": {
        "name": REQUIRED,
        "records": REQUIRED,
        "steps": REQUIRED,
        "batch_size": REQUIRED,
        "accumulation": 1,
        "learning_rate": REQUIRED,
        "end_learning_rate": 0.0,
        "warmup_steps": 0,
        "start_warmup_step": 0,
        "power": 1.0,
        "schedule": None,
        "optimizer_state": "keep",
    },
    "Schedule": {"from_step": REQUIRED, "total_steps": REQUIRED},
    "Training": {
        "engine": "tensorflow",
        "attention": "plain",
        "precision": "float32",
        "phases": REQUIRED,
        "order": "blocks",
        "order_streams": 64,
        "order_window_mib": 512,
        "read_buffer_mib": 1024,
        "read_cache": None,
        "read_cache_gib": 100,
        "steps_per_epoch": None,
        "checkpoint_every_steps": 1000,
        "keep_checkpoints": 3,
        "log_every_steps": 10,
    },
    "Target": {"metric": "masked_lm_accuracy", "value": REQUIRED},
    "Evaluation": {
        "records": REQUIRED,
        "examples": 1000,
        "batch_size": 64,
        "every_samples": None,
        "every_steps": None,
        "target": None,
        "checkpoints": "newest",
    },
    "FineTuning": {
        "task": REQUIRED,
        "data": REQUIRED,
        "fields": ["text"],
        "label_field": "label",
        "max_seq_length": 128,
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 2e-5,
        "warmup_proportion": 0.1,
        "every_steps": None,
    },
    "Export": {"formats": ["huggingface"]},
    # Read by `report` as a whole, by other stages key by key.
    "Recipe": {
        "name": REQUIRED,
        "description": "",
        "seed": 12345,
        "corpus": REQUIRED,
        "segmentation": {},
        "vocabulary": {},
        "records": REQUIRED,
        "model": {},
        "initial_checkpoint": None,
        "initialization": {},
        "optimizer": {},
        "training": REQUIRED,
        "evaluation": REQUIRED,
        "fine_tuning": {},
        "export": {},
        "statistics": {},
        "published": {},
        "execution": {},
        "cluster": {},
    },
}
UNPINNED = {
    "Cluster",
    "Execution",
    "Expected",
    "FileStatistics",
    "LengthShare",
    "Statistics",
    "TaskResources",
    "Toleration",
}
UNPINNED |= {"Published", "PublishedFigure", "PublishedLine"}
ADVICE = (
    "{name} has other defaults than those that were pinned. Digests omit defaults, so finished stages would be taken "
    "for results of the new ones. If a default changed: raise VERSION in every stage that reads the key, then change "
    "the table. If a key is new and its default leaves all results as they are: add it to the table. See "
    "docs/decisions/003-digest-without-defaults.md."
)


def test_every_section_is_pinned_or_known_to_be_in_no_digest():
    known = {name for name in sections.__all__ if isinstance(getattr(sections, name), type)} - {"Section"}
    assert {name for name in known if issubclass(getattr(sections, name), Section)} == {*DEFAULTS} | UNPINNED


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_change_only_with_the_versions_of_stages(name):
    fields = getattr(sections, name).model_fields
    found = {key: field.get_default(call_default_factory=True) for key, field in fields.items()}
    plain = {key: value.identity() if isinstance(value, Section) else value for key, value in found.items()}
    # By repr: an integer that becomes a float is another JSON text, and False is not 0.
    assert repr(plain) == repr(DEFAULTS[name]), ADVICE.format(name=name)


def test_an_identity_holds_what_differs_from_the_defaults():
    assert RecordSet().identity() == {}
    given = RecordSet(max_seq_length=128, max_predictions=76, dupe_factor=10, rng="keyed")
    assert given.identity() == {"max_predictions": 76, "rng": "keyed"}
    assert Filter(languages=["en"], min_words=0).identity() == {"languages": ["en"]}


def test_an_identity_covers_nested_sections_and_lists():
    phase = {"name": "a", "records": "r", "steps": 3, "batch_size": 8, "learning_rate": 0.1}
    training = Training(engine="jax", phases=[{**phase, "warmup_steps": 0, "accumulation": 2}])
    assert training.identity() == {"engine": "jax", "phases": [{**phase, "accumulation": 2}]}
    assert training.identity(exclude={"engine", "phases"}) == {}
    measured = Evaluation(records="r", every_steps=10, target={"value": 0.7}, checkpoints="all")
    assert measured.identity(include={"every_steps", "target"}) == {"every_steps": 10, "target": {"value": 0.7}}


def test_an_identity_is_json():
    assert json.loads(json.dumps(Export(formats=["encoder"]).identity())) == {"formats": ["encoder"]}


def test_a_null_that_differs_from_the_default_is_part_of_an_identity():
    assert sections.Optimizer(clip_global_norm=None).identity() == {"clip_global_norm": None}


def test_omitted_keys_can_be_looked_up():
    assert RecordSet.default("max_seq_length") == 128
    assert Segmentation.default("shard_lines") is None


def test_a_recipe_is_restored_from_its_identity():
    from berth.recipe import file as recipe_file

    for name in recipe_file.installed():
        recipe = recipe_file.load(name)
        assert Recipe.model_validate_json(json.dumps(recipe.identity())) == recipe


def test_nested_sections_without_a_name_of_their_own_are_pinned_too():
    assert ExpectedAccuracy.default("tolerance") == 0.01

"""The recipe: one typed file that says everything a run depends on. Loading and error texts are in recipe_file.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", description="lower-case letters, digits and single _")]


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Source(Section):
    """Where raw text comes from."""

    format: Literal["wikipedia"] = "wikipedia"
    """Kind of files: `wikipedia` is a MediaWiki XML dump (bz2, multistream bz2, gz or plain)."""
    path: str
    """Local path, gs:// URI, glob pattern of either, or package://PACKAGE/FILE (a file of an installed package)."""


class ExtractOptions(Section):
    """How articles are taken from a dump."""

    keep_headings: bool = False
    """Keep section headings as lines of their own."""
    strict: bool = True
    """A dump that ends early or is damaged is an error; if false, what precedes is kept and the loss counted."""


class Corpus(Section):
    """The raw text."""

    language: str = "en"
    """ISO 639-1 code; chooses seed abbreviations and sentence-end characters."""
    sources: list[Source] = Field(min_length=1)
    """Sources, read as one corpus."""
    extract: ExtractOptions = ExtractOptions()


class Segmentation(Section):
    """How articles become shards of sentences."""

    segmenter: Literal["punkt", "sentencex"] = "punkt"
    """`punkt` (NLTK's algorithm) or `sentencex` (rules for some 240 languages)."""
    punkt: str = "corpus"
    """Punkt's parameters: `corpus` trains them on the corpus itself; otherwise the name of an installed NLTK model
    (`english`) or the path of a directory of one."""
    shards: PositiveInt = 8
    """Number of sentence shards; documents are spread over them by a keyed hash."""
    eval_documents: Annotated[int, Field(ge=0)] = 0
    """Number of documents held out for evaluation."""


class Vocabulary(Section):
    """The WordPiece vocabulary: a given file, or learned from the corpus."""

    path: str | None = None
    """A given vocab.txt; the options below except `lower_case` do not apply then."""
    kind: Literal["wordpiece", "sentencepiece"] = "wordpiece"
    """What learns it. SentencePiece pieces are converted to BERT's form."""
    size: Annotated[int, Field(ge=100)] = 30522
    """Exact number of entries, special tokens included."""
    lower_case: bool = True
    """Lower-case the text and strip accents (an "uncased" model)."""


class RecordSet(Section):
    """One set of masked training records."""

    max_seq_length: Annotated[int, Field(ge=5)] = 128
    """Tokens in a record, padding included."""
    max_predictions: PositiveInt = 20
    """Masked positions in a record at most."""
    masked_lm_prob: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.15
    """Share of the tokens that are predicted."""
    short_seq_prob: Fraction = 0.1
    """Share of the records made shorter on purpose."""
    dupe_factor: PositiveInt = 10
    """How often each document is used, with other masks."""
    whole_word_mask: bool = False
    """Mask whole words rather than single tokens."""
    span_masking: bool = False
    """Mask spans of words (geometric lengths, mean 3). Needs `rng: keyed`."""
    rng: Literal["reference", "keyed"] = "reference"
    """`reference`: the records of the MLPerf and google-research scripts; `keyed`: each record is a function of seed,
    document and duplicate only."""
    objective: Literal["mlm+nsp", "mlm"] = "mlm+nsp"
    """With or without next-sentence pairs. `mlm` packs full sentences and needs `rng: keyed`."""
    compression: Literal["none", "gzip"] = "none"
    """Compression of the TFRecord files."""

    @model_validator(mode="after")
    def _is_possible(self) -> RecordSet:
        if self.max_predictions > self.max_seq_length - 3:
            raise ValueError(
                f"max_predictions ({self.max_predictions}) must be at most max_seq_length - 3 "
                f"({self.max_seq_length - 3}): [CLS] and two [SEP] are never masked"
            )
        if self.rng == "reference" and (self.span_masking or self.objective == "mlm"):
            raise ValueError("span_masking and objective: mlm need rng: keyed; the reference scripts have neither")
        if self.span_masking and self.whole_word_mask:
            raise ValueError(
                "span_masking masks whole words already: give only one of span_masking and whole_word_mask"
            )
        return self


class ModelConfig(Section):
    """The model, in the keys of Google's bert_config.json. `vocab_size` is that of the vocabulary."""

    hidden_size: PositiveInt = 768
    num_hidden_layers: PositiveInt = 12
    num_attention_heads: PositiveInt = 12
    intermediate_size: PositiveInt = 3072
    hidden_act: Literal["gelu", "gelu_new", "relu"] = "gelu"
    """`gelu` is the exact one (erf), `gelu_new` the tanh approximation."""
    hidden_dropout_prob: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    attention_probs_dropout_prob: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    max_position_embeddings: PositiveInt = 512
    type_vocab_size: PositiveInt = 2
    initializer_range: Annotated[float, Field(gt=0.0)] = 0.02
    layer_norm_eps: Annotated[float, Field(gt=0.0)] = 1e-12

    @model_validator(mode="after")
    def _is_possible(self) -> ModelConfig:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be a multiple of num_attention_heads "
                f"({self.num_attention_heads})"
            )
        return self


class Optimizer(Section):
    """The optimizer; learning rates belong to the phases."""

    kind: Literal["lamb", "adamw"] = "lamb"
    beta_1: Fraction = 0.9
    beta_2: Fraction = 0.999
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-6
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    clip_global_norm: Annotated[float, Field(gt=0.0)] | None = 1.0
    """Gradients of all variables together are scaled to this norm at most; null does not clip."""
    bias_correction: bool = True
    """Adam's bias correction (Google's AdamWeightDecayOptimizer has none)."""
    exclude_from_weight_decay: list[str] = ["LayerNorm", "layer_norm", "bias"]
    """Variables whose path contains one of these texts are not decayed (and not layer-adapted by LAMB)."""


class Phase(Section):
    """One phase of training. Steps are optimizer updates."""

    name: Name
    records: str
    """Name of the record set."""
    steps: PositiveInt
    batch_size: PositiveInt
    """Global batch: sequences in one optimizer update."""
    accumulation: PositiveInt = 1
    """Micro-batches one update is summed from; must divide the batch."""
    learning_rate: Annotated[float, Field(gt=0.0)]
    """Peak rate, reached after warm-up."""
    end_learning_rate: Annotated[float, Field(ge=0.0)] = 0.0
    """Rate at the last step."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    start_warmup_step: int = 0
    """Step at which warm-up is counted from; may be negative (MLPerf)."""
    power: Annotated[float, Field(gt=0.0)] = 1.0
    """Exponent of the polynomial decay; 1 is linear."""
    optimizer_state: Literal["keep", "reset"] = "keep"
    """Whether the optimizer's moments are kept from the phase before."""

    @model_validator(mode="after")
    def _is_possible(self) -> Phase:
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) is more than the phase's steps ({self.steps})")
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size ({self.batch_size}) must be a multiple of accumulation ({self.accumulation})")
        return self


class Training(Section):
    """How the model is trained."""

    engine: Literal["tensorflow", "jax"] = "tensorflow"
    """What runs the steps; `jax` needs the extra of that name."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    phases: list[Phase] = Field(min_length=1)
    """Phases, one after the other."""
    checkpoint_every_steps: PositiveInt = 1000
    keep_checkpoints: PositiveInt = 3
    """How many of the newest checkpoints are kept."""
    log_every_steps: PositiveInt = 10
    """Every how many steps a line is added to metrics.jsonl."""


class Evaluation(Section):
    """What the trained model is measured on."""

    records: str
    """Record set whose options the evaluation records are made with, from the held-out documents."""
    examples: PositiveInt = 1000
    """Records picked evenly for the evaluation set."""
    batch_size: PositiveInt = 64


class Export(Section):
    """What the trained model is exported to."""

    formats: list[Literal["huggingface", "savedmodel"]] = ["huggingface"]


class Recipe(Section):
    """A whole run, from raw text to an evaluated model."""

    name: Name
    """Name of the recipe."""
    description: str = ""
    """What it is for, in a sentence."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 12345
    """Everything random is derived from it."""
    corpus: Corpus
    segmentation: Segmentation = Segmentation()
    vocabulary: Vocabulary = Vocabulary()
    records: dict[Name, RecordSet] = Field(min_length=1)
    """Record sets by name; training phases refer to them."""
    model: ModelConfig = ModelConfig()
    initial_checkpoint: str | None = None
    """Weights to start from; null starts from random weights."""
    optimizer: Optimizer = Optimizer()
    training: Training
    evaluation: Evaluation
    export: Export = Export()

    @model_validator(mode="after")
    def _is_possible(self) -> Recipe:
        known = ", ".join(self.records)
        for index, phase in enumerate(self.training.phases):
            if phase.records not in self.records:
                raise ValueError(
                    f"training.phases.{index}.records names the record set {phase.records!r}; there are: {known}"
                )
        names = [phase.name for phase in self.training.phases]
        if len(set(names)) < len(names):
            raise ValueError(f"training.phases: two phases have the same name ({', '.join(names)})")
        if self.evaluation.records not in self.records:
            raise ValueError(f"evaluation.records names the record set {self.evaluation.records!r}; there are: {known}")
        if self.segmentation.eval_documents == 0:
            raise ValueError("segmentation.eval_documents is 0, but evaluation needs held-out documents")
        longest = max(self.records.values(), key=lambda records: records.max_seq_length).max_seq_length
        if longest > self.model.max_position_embeddings:
            raise ValueError(
                f"a record set has max_seq_length {longest}, more than model.max_position_embeddings "
                f"({self.model.max_position_embeddings})"
            )
        return self

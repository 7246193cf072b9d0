"""The recipe: one typed file that says everything a run depends on. Loading and error texts are in recipe_file.py."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", description="lower-case letters, digits and single _")]
FieldName = Annotated[str, Field(min_length=1)]
Token = Annotated[str, Field(pattern=r"^\S+$", description="text without white space")]
EndCharacter = Annotated[str, Field(pattern=r"^[^\w\s]$", description="one character, no letter, digit or white space")]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="a Kubernetes name")]
# A container image with a tag other than `latest`, a digest, or both.
_IMAGE_PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
_IMAGE_TAG, _IMAGE_DIGEST = r":(?!latest(?:@|$))[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", r"@sha256:[0-9a-f]{64}"
IMAGE_REFERENCE = re.compile(f"{_IMAGE_PATH}(?:{_IMAGE_TAG}|(?:{_IMAGE_TAG})?{_IMAGE_DIGEST})")
# A place that pods share. Only characters that mean nothing to a shell, to Kubernetes ($(NAME)) or to YAML.
SHARED_PLACE = re.compile(r"(?:gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]|/[\w.=-]+)(?:/[\w.=-]+)*/?")


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Source(Section):
    """Where raw text comes from."""

    format: Literal["wikipedia", "sentences", "documents", "jsonl", "parquet"] = "wikipedia"
    """Kind of files: `wikipedia` is a MediaWiki XML dump (bz2, multistream bz2, gz or plain); `sentences` has one
    sentence a line and an empty line between documents, which segmentation keeps; `documents` is plain text, one
    document a file; of `jsonl` (JSON Lines) each line, of `parquet` each row is a document. `sentences` and `jsonl`
    may be compressed (gz, bz2, zst)."""
    path: str
    """Local path, gs:// URI, glob pattern of either, or package://PACKAGE/FILE (a file of an installed package)."""
    text_field: FieldName = "text"
    """Field (`jsonl`) or column (`parquet`) of the text."""
    id_field: FieldName | None = None
    """Field or column of a document's id, unique in its file; null takes its place in the file."""
    title_field: FieldName | None = None
    """Field or column of the title."""
    language_field: FieldName | None = None
    """Field or column of the language's code."""
    wrapped: bool = False
    """The lines of `documents` are wrapped: a paragraph ends at an empty line, not at the end of its line."""

    @model_validator(mode="after")
    def _is_possible(self) -> Source:
        named = [name for name in ("id_field", "title_field", "language_field") if getattr(self, name) is not None]
        if self.text_field != "text":
            named.append("text_field")
        if named and self.format not in ("jsonl", "parquet"):
            raise ValueError(f"{named[0]} is for jsonl and parquet: a source of the format {self.format} has no fields")
        if self.wrapped and self.format != "documents":
            raise ValueError(f"wrapped is for documents, not for {self.format}")
        return self


class Prepared(Section):
    """Text that is segmented already: one sentence a line, an empty line after each document (MLPerf's format)."""

    text: str
    """Path, gs:// URI or glob pattern of the shards: `results/part-*-of-00500`."""
    evaluation: str
    """The held-out documents: `results/eval.txt`."""


class ExtractOptions(Section):
    """How articles are taken from a dump."""

    keep_headings: bool = False
    """Keep section headings as lines of their own."""
    formulas: Literal["marker", "drop_sentence"] = "marker"
    """What becomes of a sentence with a formula (`<math>`, `<chem>`, `<ce>`): `marker` leaves `[FORMULA]` in its
    place; `drop_sentence` drops the sentence."""
    captions: bool = False
    """Keep the captions of images and tables as lines of their own."""
    tables: bool = False
    """Keep tables as text: a line for each row, ` | ` between its cells. Tables within tables go."""
    strict: bool = False
    """Damage in a dump (cut or corrupt streams, bytes that are not UTF-8) is an error; if false, the pages around it
    are kept, and what is lost is counted and named."""
    disambiguations: Literal["keep", "drop"] = "keep"
    """Pages that only list the meanings of a title: articles like others, or left out and counted."""
    templates: Literal["auto", "dump", "builtin"] = "auto"
    """What is known of templates: `builtin` is a table made for English Wikipedia, with names from other languages;
    `dump` adds what the dump's own template pages say, for which its pages are put by (two fifths of their size) until
    all templates are read; `auto` does so for any language but English."""


class Filter(Section):
    """What the articles go through before they are segmented, in this order."""

    languages: Annotated[list[str], Field(min_length=1)] | None = None
    """Keep only documents whose language field (JSONL, Parquet) is one of these, exactly; null keeps all."""
    emoji: Literal["keep", "remove", "name"] = "keep"
    """Emoji as they are, left out, or by their English CLDR names (`:red_heart:`)."""
    unicode: Literal["keep", "NFC", "NFKC"] = "keep"
    """Unicode normalisation form. NFKC also makes full-width letters, ligatures and presentation forms plain."""
    urls: Token | None = None
    """Replace web addresses by this text, for instance `twitterurl`; null keeps them."""
    user_names: Token | None = None
    """Replace user names (@name) by this text, for instance `twitteruser`; null keeps them."""
    symbols: Literal["keep", "remove"] = "keep"
    """Whether characters of the Unicode categories So (pictures, ornaments) and Co (private use) stay."""
    min_words: Annotated[int, Field(ge=0)] = 0
    """Leave out documents of fewer words, counted between white space."""
    min_characters: Annotated[int, Field(ge=0)] = 0
    """Leave out documents of fewer characters, without line ends."""
    duplicates: Literal["keep", "documents", "paragraphs"] = "keep"
    """Of documents, or of paragraphs, whose normalised text is equal, keep one."""


class Corpus(Section):
    """The raw text."""

    language: str = "en"
    """ISO 639-1 code; chooses seed abbreviations and sentence-end characters."""
    sources: list[Source] = []
    """Sources, read as one corpus."""
    prepared: Prepared | None = None
    """Text that is segmented already, instead of sources: there is nothing to extract or to segment then."""
    extract: ExtractOptions = ExtractOptions()
    filter: Filter | None = None
    """Normalisation, de-duplication and other conditions on documents; null leaves the stage out."""

    @property
    def patterns(self) -> list[str]:
        """The paths and patterns of all files of the corpus."""
        given = [self.prepared.text, self.prepared.evaluation] if self.prepared is not None else []
        return [source.path for source in self.sources] + given

    @model_validator(mode="after")
    def _is_possible(self) -> Corpus:
        if not self.sources and self.prepared is None:
            raise ValueError("neither sources nor prepared is given: one of them says what the raw text is")
        if self.prepared is None:
            return self
        if self.sources:
            raise ValueError("sources and prepared are both given: prepared text has no sources (sources: [])")
        if self.extract != ExtractOptions():
            raise ValueError("extract is given, but nothing is extracted from prepared text (extract: null)")
        if self.filter is not None:
            raise ValueError("filter is given, but prepared text is not filtered (filter: null)")
        return self

    @field_validator("extract", mode="before")
    @classmethod
    def _of_base(cls, value: Any) -> Any:
        """Null takes back what a recipe inherits by `extends`."""
        return ExtractOptions() if value is None else value


class Segmentation(Section):
    """How articles become shards of sentences."""

    segmenter: Literal["punkt", "sentencex"] = "punkt"
    """`punkt` (NLTK's algorithm) or `sentencex` (rules for some 240 languages)."""
    punkt: str = "corpus"
    """Punkt's parameters: `corpus` trains them on the corpus itself; otherwise the name of an installed NLTK model
    (`english`) or the path of a directory of one."""
    sentence_end_characters: Annotated[list[EndCharacter], Field(min_length=1)] | None = None
    """Characters that may end a sentence, for Punkt; null takes those of the language: `. ? !` and, for instance, `؟`,
    `。` or `।`."""
    shards: PositiveInt = 8
    """Number of sentence shards; documents are spread over them by a keyed hash."""
    eval_documents: Annotated[int, Field(ge=0)] = 0
    """Number of documents held out for evaluation."""

    @model_validator(mode="after")
    def _is_possible(self) -> Segmentation:
        if self.segmenter == "sentencex" and self.sentence_end_characters is not None:
            raise ValueError("sentence_end_characters is for the segmenter punkt; sentencex has rules of its own")
        return self


class Vocabulary(Section):
    """The WordPiece vocabulary: a given file, or learned from the corpus."""

    path: str | None = None
    """A given vocab.txt; the options below except `lower_case` do not apply then."""
    kind: Literal["wordpiece", "sentencepiece"] = "wordpiece"
    """What learns it. SentencePiece pieces are converted to BERT's form."""
    size: Annotated[int, Field(ge=100)] = 30522
    """Exact number of entries, special tokens included."""
    sample_sentences: PositiveInt | None = None
    """Learn from so many sentences, chosen by keyed hashes; null takes all."""
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


class Initialization(Section):
    """How the model's first weights follow from `initial_checkpoint`."""

    heads: Literal["optional", "required"] = "optional"
    """`optional`: pre-training heads (and the pooler) that the checkpoint lacks begin with random weights, and a
    warning names them; `required`: that is an error."""
    vocabulary: Literal["same", "by_token", "by_position"] = "same"
    """`same`: another vocabulary than the checkpoint's is an error; `by_token`: a token keeps its embedding wherever
    it stands now (needs the checkpoint's vocab.txt in its directory); `by_position`: the table is cut off or
    lengthened."""
    new_tokens: Literal["random", "mean"] = "random"
    """What the embeddings of tokens that the checkpoint lacks begin with: random numbers, or the mean of all."""


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
    """What runs the steps; `jax` needs the extra of that name. Either continues what the other began."""
    attention: Literal["plain", "fused"] = "plain"
    """`fused` never writes the attention scores to memory (on NVIDIA GPUs by cuDNN's flash attention, elsewhere as XLA
    compiles it). Needs `engine: jax` and `model.attention_probs_dropout_prob: 0`: those kernels cannot drop scores by
    masks that are the same on any device."""
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    phases: list[Phase] = Field(min_length=1)
    """Phases, one after the other."""
    checkpoint_every_steps: PositiveInt = 1000
    keep_checkpoints: PositiveInt = 3
    """How many of the newest checkpoints are kept."""
    log_every_steps: PositiveInt = 10
    """Every how many steps a line is added to metrics.jsonl."""


def _one_problem(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """One message for a value that is none of several kinds; pydantic would give one for each."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValueError(f"found {value!r}, expected a number of sequences above 0, or mlperf") from error


class Target(Section):
    """A figure of the evaluation at which training ends."""

    metric: Literal["masked_lm_accuracy", "masked_lm_loss", "next_sentence_accuracy", "next_sentence_loss"] = (
        "masked_lm_accuracy"
    )
    """An accuracy (0 to 1) must come up to the value, a loss (nats) down to it."""
    value: float
    """For example 0.720, the masked_lm_accuracy of MLPerf."""


class Evaluation(Section):
    """What the model is measured on, and when."""

    records: str
    """Record set whose options the evaluation records are made with, from the held-out documents."""
    examples: PositiveInt = 1000
    """Records picked evenly for the evaluation set."""
    batch_size: PositiveInt = 64
    """Records evaluated at once; the figures do not depend on it but for rounding."""
    every_samples: Annotated[PositiveInt | Literal["mlperf"], WrapValidator(_one_problem)] | None = None
    """Evaluate during training too: before the first step, after every so many sequences of a phase, and at its end.
    `mlperf` is MLPerf's interval, which follows from the phase's batch. The best checkpoint is then kept too."""
    every_steps: PositiveInt | None = None
    """The same, counted in optimizer updates through all phases."""
    target: Target | None = None
    """Training ends as soon as an evaluation reaches it; needs every_samples or every_steps."""
    checkpoints: Literal["newest", "all"] = "newest"
    """Which of the checkpoints that training left are evaluated after it; `all` gives the report a curve."""

    @property
    def is_during_training(self) -> bool:
        """Whether the model is evaluated before its training has ended."""
        return self.every_samples is not None or self.every_steps is not None

    @model_validator(mode="after")
    def _is_possible(self) -> Evaluation:
        if self.every_samples is not None and self.every_steps is not None:
            raise ValueError("give only one of every_samples and every_steps")
        if self.target is not None and not self.is_during_training:
            raise ValueError("a target needs evaluations during training: give every_samples or every_steps")
        return self


class Export(Section):
    """What the trained model is exported to."""

    formats: list[Literal["huggingface", "savedmodel", "encoder"]] = ["huggingface"]


class Toleration(Section):
    """A taint of nodes that a pod accepts, in Kubernetes' words."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    """Only with `operator: Equal`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """null accepts all effects."""


class TaskResources(Section):
    """What one stage asks the cluster for, and what happens when it fails. Requests are limits."""

    cpus: Annotated[float, Field(gt=0.0)] = 4.0
    """Processor cores."""
    memory_gib: PositiveInt = 16
    """Memory in GiB."""
    accelerator: str | None = None
    """A machine shape of `berth k8s --shapes`, for instance `l4-1` or `v5litepod-16`; null asks for none."""
    hosts: PositiveInt = 1
    """Machines that train together (`berth k8s`). A TPU slice has the hosts of its shape instead."""
    spot: bool = False
    """Run on spot machines: cheaper, and taken away at any moment."""
    node_selector: dict[str, str] = {}
    """Labels a node must have, besides those that the accelerator asks for."""
    tolerations: list[Toleration] = []
    """Taints that are accepted, besides those of the accelerator and of spot machines."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often a failed task is started again. What it had completed is kept."""
    backoff_seconds: PositiveInt = 60
    """Seconds before the first retry; doubled each time, an hour at most."""
    timeout_hours: Annotated[float, Field(gt=0.0)] | None = None
    """Hours after which a task is stopped; null lets it run."""
    cache: bool = False
    """Let Kubeflow Pipelines answer from its own cache. Without it a finished stage answers within seconds, and notices
    what the cache does not: a changed input file, a deleted output."""


class Cluster(Section):
    """Where and how the stages run on Kubernetes. Results do not depend on it."""

    image: str | None = None
    """Image by tag or digest (better: `REGISTRY/NAME@sha256:…`); null takes BERTH_IMAGE, or `berth-python`."""
    namespace: DnsLabel = "berth"
    """Kubernetes namespace of the jobs that `berth k8s` renders."""
    workspace: str | None = None
    """gs:// URI where everything is written and found again; `--workspace` says otherwise."""
    service_account: DnsLabel = "berth"
    """Kubernetes service account of the pipeline's tasks; jobs of `berth k8s` have one each, named in k8s/base."""
    queue: DnsLabel = "berth"
    """Kueue's LocalQueue that jobs wait in."""
    max_restarts: Annotated[int, Field(ge=0)] = 10
    """How often a training job is started again from its newest checkpoint."""
    termination_grace_seconds: PositiveInt = 300
    """Seconds a stopped training has to save a checkpoint. Spot machines give 15 to 30 whatever stands here."""
    defaults: TaskResources = TaskResources()
    """For all stages."""
    stages: dict[Name, TaskResources] = {}
    """By stage (`extract`, `records`, `train` …); what is not said here is taken from `defaults`."""

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, content: Any) -> Any:
        """Put the given defaults under each stage's own values."""
        if not isinstance(content, dict) or not isinstance(content.get("stages"), dict):
            return content
        defaults = content.get("defaults")
        if not isinstance(defaults, dict):
            return content
        stages = {
            name: {**defaults, **own} if isinstance(own, dict) else own for name, own in content["stages"].items()
        }
        return {**content, "stages": stages}

    @model_validator(mode="after")
    def _is_possible(self) -> Cluster:
        if self.image is not None and not IMAGE_REFERENCE.fullmatch(self.image):
            raise ValueError(
                f"image {self.image!r} is no image by tag or digest (REGISTRY/NAME:TAG, REGISTRY/NAME@sha256:…); "
                "the tag `latest` is refused: nobody could say later what ran"
            )
        if self.workspace is not None and not SHARED_PLACE.fullmatch(self.workspace):
            raise ValueError(f"workspace {self.workspace!r} is neither a gs:// URI nor an absolute path of a mount")
        return self

    def task(self, stage: str) -> TaskResources:
        """The resources of a stage."""
        return self.stages.get(stage, self.defaults)


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
    """Weights to start from: prefix of a TF1 or TF2 checkpoint (`…/bert_model.ckpt`), Hugging Face directory, output of
    `berth train` or `berth export --format encoder`; null starts from random weights."""
    initialization: Initialization = Initialization()
    optimizer: Optimizer = Optimizer()
    training: Training
    evaluation: Evaluation
    export: Export = Export()
    cluster: Cluster = Cluster()

    @field_validator("segmentation", mode="before")
    @classmethod
    def _of_base(cls, value: Any) -> Any:
        """Null takes back what a recipe inherits by `extends`."""
        return Segmentation() if value is None else value

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
        if self.training.attention == "fused":
            if self.training.engine != "jax":
                raise ValueError("training.attention: fused needs training.engine: jax; TensorFlow has no such kernel")
            if self.model.attention_probs_dropout_prob > 0.0:
                raise ValueError(
                    "training.attention: fused needs model.attention_probs_dropout_prob: 0 (it is "
                    f"{self.model.attention_probs_dropout_prob:g}): a fused kernel would leave this dropout out"
                )
        if self.initial_checkpoint is None and self.initialization != Initialization():
            raise ValueError("initialization says how to fit a checkpoint, but initial_checkpoint names none")
        if self.evaluation.records not in self.records:
            raise ValueError(f"evaluation.records names the record set {self.evaluation.records!r}; there are: {known}")
        target = self.evaluation.target
        if target is not None and target.metric.startswith("next_sentence"):
            trained = {self.records[phase.records].objective for phase in self.training.phases}
            if "mlm+nsp" not in trained:
                raise ValueError(f"evaluation.target.metric is {target.metric}, but no phase has objective: mlm+nsp")
        if self.corpus.prepared is not None:
            if self.segmentation != Segmentation():
                raise ValueError(
                    "segmentation is given, but corpus.prepared is segmented already; leave it out (segmentation: null)"
                )
        elif self.segmentation.eval_documents == 0:
            raise ValueError("segmentation.eval_documents is 0, but evaluation needs held-out documents")
        longest = max(self.records.values(), key=lambda records: records.max_seq_length).max_seq_length
        if longest > self.model.max_position_embeddings:
            raise ValueError(
                f"a record set has max_seq_length {longest}, more than model.max_position_embeddings "
                f"({self.model.max_position_embeddings})"
            )
        return self

"""Sections of the recipe about data: corpus, sentences, vocabulary, records."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveInt,
    field_validator,
    model_validator,
)

from berth.formats.records import MAX_SEQ_LENGTH, MIN_SEQ_LENGTH
from berth.recipe.section import Expected, FieldName, Fraction, Section

Token = Annotated[str, Field(pattern=r"^\S+$", description="text without white space")]
EndCharacter = Annotated[str, Field(pattern=r"^[^\w\s]$", description="one character, no letter, digit or white space")]


class Source(Section):
    """Where raw text comes from."""

    format: Literal["wikipedia", "sentences", "documents", "jsonl", "parquet"] = "wikipedia"
    """Kind of files: `wikipedia` is a MediaWiki XML dump (bz2, multistream bz2, gz or plain); `sentences` has one
    sentence a line and an empty line between documents, which segmentation keeps; `documents` is plain text, one
    document a file; of `jsonl` (JSON Lines) each line, of `parquet` each row is a document. `sentences` and `jsonl`
    may be compressed (gz, bz2, zst)."""
    path: str
    """Local path, gs:// URI, glob pattern of either, or package://PACKAGE/FILE (a file of an installed package)."""
    expected: Expected | None = None
    """What the file must be, if it is a single one; a stage that finds another one says so before any work."""
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
        if named and self.format in ("wikipedia", "sentences", "documents"):
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
    expected: dict[str, Expected] = {}
    """What files among them must be, by their names (`eval.txt`)."""


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
    shard_lines: PositiveInt | None = None
    """Lines of a shard, about (sentences, and the empty line behind each document): the number of shards is that of
    all lines, through this, rounded up. `shards` does not apply then."""
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
    """A given vocab.txt; nothing is learned then. `berth plan` still takes its size from `size`."""
    expected: Expected | None = None
    """What the given file must be."""
    kind: Literal["wordpiece", "sentencepiece"] = "wordpiece"
    """What learns it. SentencePiece pieces are converted to BERT's form."""
    pieces: Literal["unigram", "bpe"] = "unigram"
    """SentencePiece's kind of model."""
    size: Annotated[int, Field(ge=100)] = 30522
    """Exact number of entries, special tokens included."""
    sample_sentences: PositiveInt | None = None
    """Learn from so many sentences, chosen by keyed hashes; null takes all."""
    lower_case: bool = True
    """Lower-case the text and strip accents (an "uncased" model)."""

    @model_validator(mode="after")
    def _is_possible(self) -> Vocabulary:
        if self.pieces != "unigram" and self.kind != "sentencepiece":
            raise ValueError(f"pieces: {self.pieces} is for kind: sentencepiece, not for {self.kind}")
        if self.expected is not None and self.path is None:
            raise ValueError("expected is for a given vocabulary, but path names none")
        return self


class RecordSet(Section):
    """One set of masked training records."""

    max_seq_length: Annotated[int, Field(ge=MIN_SEQ_LENGTH, le=MAX_SEQ_LENGTH)] = 128
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


class Statistics(Section):
    """What is known of the whole corpus, for `berth plan`; nothing else reads it."""

    records_per_pass: dict[str, PositiveInt] = {}
    """Records that one pass over it (`dupe_factor: 1`) gives, by record set."""

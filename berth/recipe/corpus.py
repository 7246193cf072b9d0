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
from berth.recipe.section import Expected, FieldName, Fraction, Location, Section

Token = Annotated[str, Field(pattern=r"^\S+$", description="text without white space")]
EndCharacter = Annotated[str, Field(pattern=r"^[^\w\s]$", description="one character, no letter, digit or white space")]


class Source(Section):
    """One source of raw text."""

    format: Literal["wikipedia", "sentences", "documents", "jsonl", "parquet"] = "wikipedia"
    """Format of the files. `wikipedia`: a MediaWiki XML dump (bz2, multistream bz2, gz or plain). `sentences`: one
    sentence per line and an empty line between documents; sentence splitting keeps these lines. `documents`: plain
    text, one document per file. `jsonl` (JSON Lines): one document per line. `parquet`: one document per row.
    `sentences` and `jsonl` may be compressed (gz, bz2, zst)."""
    path: Location
    """Local path or gs:// URI, each also as a glob pattern, or package://PACKAGE/FILE (a file of an installed
    package)."""
    expected: Expected | None = None
    """Size and digests of the file, for a source that is a single file. They are checked before any work."""
    text_field: FieldName = "text"
    """Field (`jsonl`) or column (`parquet`) of the text."""
    id_field: FieldName | None = None
    """Field or column of a document's id, unique in its file. By default the id is the document's position in the
    file."""
    title_field: FieldName | None = None
    """Field or column of the title. By default there is none."""
    language_field: FieldName | None = None
    """Field or column of the language code. By default there is none."""
    wrapped: bool = False
    """For `documents` with wrapped lines: a paragraph ends at an empty line, not at the end of each line."""

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
    """Text that is already split into sentences: one per line, an empty line after each document (MLPerf's format)."""

    text: Location
    """Path, gs:// URI or glob pattern of the shards: `results/part-*-of-00500`."""
    evaluation: Location
    """Path or gs:// URI of the held-out documents: `results/eval.txt`."""
    expected: dict[str, Expected] = {}
    """Size and digests of some of the files, by file name (`eval.txt`). A file next to them that is not read
    (`eval.md5`) is checked if it exists."""


class ExtractOptions(Section):
    """How articles are extracted from a MediaWiki dump."""

    keep_headings: bool = False
    """Keep section headings as separate lines."""
    formulas: Literal["marker", "drop_sentence"] = "marker"
    """Handling of formulas (`<math>`, `<chem>`, `<ce>`): `marker` replaces each by `[FORMULA]`; `drop_sentence` drops
    the sentence that contains it."""
    captions: bool = False
    """Keep captions of images and tables as separate lines."""
    tables: bool = False
    """Keep tables as text: one line per row, ` | ` between cells. Nested tables are dropped."""
    strict: bool = False
    """Treat damage (truncated or corrupt streams, bytes that are not UTF-8) as an error. Otherwise the pages around it
    are kept, and the losses are counted and logged."""
    max_document_bytes: PositiveInt = 64 << 20
    """Longer pages (their XML, without earlier revisions), documents and lines are skipped and counted
    (`rejected_too_long`), or with `strict` an error. They are not held in memory. MediaWiki's own limit for a page's
    text is 2 MiB."""
    disambiguations: Literal["keep", "drop"] = "keep"
    """Whether to keep disambiguation pages, which only list the meanings of a title. Dropped ones are counted."""
    templates: Literal["auto", "dump", "builtin"] = "auto"
    """How templates are expanded. `builtin`: by a table made for English Wikipedia, with names from other languages.
    `dump`: also by the template pages in the dump itself; its pages are spooled to disk (two fifths of their size)
    until all templates are read. `auto`: `dump` for every language except English."""


class Filter(Section):
    """Filters and normalisation of articles before they are split into sentences, applied in this order."""

    languages: Annotated[list[str], Field(min_length=1)] | None = None
    """Keep only documents whose language field (JSONL, Parquet) equals one of these codes. By default all are kept."""
    emoji: Literal["keep", "remove", "name"] = "keep"
    """Keep emoji, remove them, or replace them by their English CLDR names (`:red_heart:`)."""
    unicode: Literal["keep", "NFC", "NFKC"] = "keep"
    """Unicode normalisation form. NFKC also replaces full-width letters, ligatures and presentation forms by plain
    letters."""
    urls: Token | None = None
    """Replace web addresses by this token, for example `twitterurl`. By default they are kept."""
    user_names: Token | None = None
    """Replace user names (@name) by this token, for example `twitteruser`. By default they are kept."""
    symbols: Literal["keep", "remove"] = "keep"
    """Keep or remove characters of the Unicode categories So (pictures, ornaments) and Co (private use)."""
    min_words: Annotated[int, Field(ge=0)] = 0
    """Drop documents with fewer words (separated by white space)."""
    min_characters: Annotated[int, Field(ge=0)] = 0
    """Drop documents with fewer characters, not counting line ends."""
    duplicates: Literal["keep", "documents", "paragraphs"] = "keep"
    """Remove duplicate `documents` or `paragraphs`: of those with equal normalised text, one is kept."""


class Corpus(Section):
    """The raw text, as sources or already prepared."""

    language: str = "en"
    """ISO 639-1 code of the text. It selects known abbreviations and sentence-end characters."""
    sources: list[Source] = []
    """Sources of raw text, read as one corpus."""
    prepared: Prepared | None = None
    """Text that is already split into sentences, instead of `sources`. Extraction and sentence splitting are then
    skipped."""
    extract: ExtractOptions = ExtractOptions()
    filter: Filter | None = None
    """Normalisation, deduplication and filters. By default there is no such stage."""

    @property
    def patterns(self) -> list[str]:
        """The paths and patterns of all files of the corpus."""
        given = [self.prepared.text, self.prepared.evaluation] if self.prepared is not None else []
        return [source.path for source in self.sources] + given

    @model_validator(mode="after")
    def _is_possible(self) -> Corpus:
        if not self.sources and self.prepared is None:
            raise ValueError("neither sources nor prepared is given: give one of them as the raw text")
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
        """Null removes what a recipe inherits by `extends`."""
        return ExtractOptions() if value is None else value


class Segmentation(Section):
    """How articles are split into sentences and written to shards."""

    segmenter: Literal["punkt", "sentencex"] = "punkt"
    """Sentence splitter: `punkt` (NLTK's algorithm) or `sentencex` (rules for some 240 languages)."""
    punkt: Location = "corpus"
    """Punkt's parameters: `corpus` trains them on the corpus itself; otherwise the name of an installed NLTK model
    (`english`) or the directory of one."""
    sentence_end_characters: Annotated[list[EndCharacter], Field(min_length=1)] | None = None
    """Characters that may end a sentence, for Punkt. By default those of the language: `. ? !` and, for example, `؟`,
    `。` or `।`."""
    shards: PositiveInt = 8
    """Number of sentence shards. Documents are distributed over them by a keyed hash."""
    shard_lines: PositiveInt | None = None
    """Approximate number of lines per shard, instead of `shards`: the number of shards is the number of all lines
    (sentences, and an empty line after each document) divided by this, rounded up."""
    eval_documents: Annotated[int, Field(ge=0)] = 0
    """Number of documents held out for evaluation."""

    @model_validator(mode="after")
    def _is_possible(self) -> Segmentation:
        if self.segmenter == "sentencex" and self.sentence_end_characters is not None:
            raise ValueError("sentence_end_characters is for the segmenter punkt; sentencex has rules of its own")
        return self


class Vocabulary(Section):
    """The vocabulary: a given file, or learned from the corpus."""

    path: Location | None = None
    """Path or gs:// URI of a vocab.txt to use instead of learning one. `berth plan` still takes its size from
    `size`."""
    expected: Expected | None = None
    """Size and digests of the given file. They are checked before any work."""
    kind: Literal["wordpiece", "sentencepiece"] = "wordpiece"
    """Algorithm that learns the vocabulary. SentencePiece pieces are converted to BERT's form (`##`)."""
    pieces: Literal["unigram", "bpe"] = "unigram"
    """SentencePiece model type, for `kind: sentencepiece`."""
    size: Annotated[int, Field(ge=100)] = 30522
    """Number of entries, exactly, including special tokens."""
    sample_sentences: PositiveInt | None = None
    """Learn from this many sentences, sampled by keyed hashes. By default from all."""
    lower_case: bool = True
    """Lower-case text and strip accents (an "uncased" model)."""

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
    """Tokens per record, including padding."""
    max_predictions: PositiveInt = 20
    """Maximum number of masked positions per record."""
    masked_lm_prob: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.15
    """Fraction of the tokens that are masked and predicted."""
    short_seq_prob: Fraction = 0.1
    """Fraction of the records that are made shorter at random."""
    dupe_factor: PositiveInt = 10
    """Number of times each document is used, each time with other masks."""
    whole_word_mask: bool = False
    """Mask whole words instead of single tokens."""
    span_masking: bool = False
    """Mask spans of words (geometric lengths, mean 3). Needs `rng: keyed`."""
    rng: Literal["reference", "keyed"] = "reference"
    """Random number generator. `reference`: the same records as the scripts of MLPerf and google-research. `keyed`:
    each record depends only on the seed, its document and the duplicate's number."""
    objective: Literal["mlm+nsp", "mlm"] = "mlm+nsp"
    """Training objective: `mlm+nsp` makes next-sentence pairs; `mlm` packs full sentences and needs `rng: keyed`."""
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

"""Public Beam transforms, for use in other pipelines: Wikipedia dumps → documents → sentences → masked records.

They give what the stages extract, segment and records give for the same documents. Elements are typed: the named tuples
:class:`Document` and :class:`SplitDocument` have schemas, so that all runners encode them, and Beam checks the types
when the pipeline is built.

Example:
    >>> import apache_beam as beam
    >>> from pipelines.transforms import MakeMaskedRecords, ReadWikipedia, SplitSentences
    >>> with beam.Pipeline() as pipeline:
    ...     records = (
    ...         pipeline
    ...         | ReadWikipedia("enwiki-latest-pages-articles-multistream.xml.bz2")
    ...         | SplitSentences(language="en")
    ...         | MakeMaskedRecords("vocab.txt", shards=512, seed=1)
    ...     )
    ...     records | beam.io.WriteToTFRecord("records", file_name_suffix=".tfrecord")
"""

# No `from __future__ import annotations`: Beam's schemas need the named tuples' types, not their text.
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from berth.errors import BerthError, UsageError
from berth.formats.articles import document_id
from berth.formats.record_blocks import BlockWriter
from berth.formats.vocabulary import Vocabulary
from berth.recipe import ExtractOptions, RecordSet
from berth.stage.inputs import Inputs
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.error_policy import ErrorPolicy
from pipelines.mlm import keyed, reference
from pipelines.mlm.instances import Generated, documents_of
from pipelines.mlm.record_encoder import layout_of, write_instances
from pipelines.mlm.tokenizer import Tokenizer
from pipelines.sentences.languages import seed_abbreviations, sentence_end_characters
from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_parameters import PunktModel, find_model, load_model
from pipelines.sentences.segmenter import Split, punkt_split
from pipelines.sentences.sharding import order_of, shard_of
from pipelines.wikitext.articles import ArticleExtractor
from pipelines.wikitext.dump.pages import header_of
from pipelines.wikitext.dump.parts import DumpPart, open_dump
from pipelines.wikitext.dump.reading import RangeStatus
from pipelines.wikitext.extraction import reads_templates
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.definitions import derive
from pipelines.wikitext.templates.pages import EntryReader
from pipelines.wikitext.templates.table import TemplateDefinitions

# Records that are encoded together.
BATCH_RECORDS = 1024
# Framing of a TFRecord: length, checksum of the length; record; checksum of the record.
_LENGTH_BYTES, _CHECKSUM_BYTES = 8, 4


class Document(NamedTuple):
    """A document.

    Attributes:
        id: Its stable id, unique in the corpus: it decides the document's shard and its order there.
        text: Its text, one paragraph a line.
        title: Its title, or "".
        url: Its address, or "".
        revision: Of a page of a wiki, the id of the revision; else 0.
        timestamp: Of a page of a wiki, the time of the revision in ISO 8601; else "".
    """

    id: str
    text: str
    title: str = ""
    url: str = ""
    revision: int = 0
    timestamp: str = ""


class SplitDocument(NamedTuple):
    """A document as sentences.

    Attributes:
        id: Its stable id, as that of :class:`Document`.
        sentences: Its sentences, without line feeds.
    """

    id: str
    sentences: list[str]


for _element in (Document, SplitDocument):
    beam.coders.registry.register_coder(_element, beam.coders.RowCoder)


@beam.typehints.with_output_types(Document)
class ReadWikipedia(beam.PTransform):  # type: ignore[misc]
    """Reads the articles of MediaWiki dumps as clean text.

    The files are cut into parts of 64 MiB, where their compression permits it, and read in parallel. Of pages of one
    wiki with one id, the first counts. Beam counts each kind of page (namespace ``ReadWikipedia``).

    Args:
        patterns: Dumps, as paths, gs:// URIs or glob patterns of these: XML, plain, bz2 (single- or multistream) or gz.
        options: What to keep, and whether damage is an error.
        language: The language to assume for a dump that does not name its own.

    Raises:
        UsageError: If a pattern matches no file.
        BerthError: If a file is not a dump. When the pipeline runs: if a dump is damaged and ``options.strict``.

    Example:
        >>> documents = pipeline | ReadWikipedia("nowiki-*.xml.bz2", options=ExtractOptions(tables=True))
    """

    def __init__(self, *patterns: str, options: ExtractOptions | None = None, language: str = "en") -> None:
        super().__init__()
        options = options or ExtractOptions()
        dumps = [open_dump(uri, language) for pattern in patterns for uri in Inputs.find(pattern)]
        if not dumps:
            raise UsageError("no dump is given", expected="at least one path or pattern")
        parts = [(part, dump.wiki) for dump in dumps for part in dump.parts]
        self._parts = [_Part(index, part, wiki, options) for index, (part, wiki) in enumerate(parts)]

    def expand(self, begin: Any) -> Any:
        """A PCollection of :class:`Document`."""
        articles = (
            begin
            | "parts" >> CheckedCreate(self._parts)
            | "extract" >> beam.FlatMap(_extract, self._definitions(begin)).with_output_types(_Article)
        )
        # Only ids are grouped, never text. A part has each id once.
        repeated = (
            articles
            | "id" >> beam.Map(_page_and_part).with_output_types(tuple[tuple[str, int], int])
            | "by id" >> beam.CombinePerKey(_FirstOfSeveral())
            | "repeated" >> beam.Filter(lambda item: item[1] is not None)
        )
        return (
            articles
            | "first" >> beam.Filter(_is_first, beam.pvalue.AsDict(repeated))
            | "document" >> beam.Map(lambda article: article.document).with_output_types(Document)
        )

    def _definitions(self, begin: Any) -> Any:
        """Wiki's key → its template definitions, as a side input."""
        parts = [part for part in self._parts if reads_templates(part.options, part.wiki)]
        if not parts:
            return {}
        definitions = (
            begin
            | "template parts" >> CheckedCreate(parts)
            | "read templates" >> beam.Map(_read_templates)
            | "by wiki" >> beam.GroupByKey()
            | "define" >> beam.Map(_define)
        )
        return beam.pvalue.AsDict(definitions)


@beam.typehints.with_input_types(Document)
@beam.typehints.with_output_types(SplitDocument)
class SplitSentences(beam.PTransform):  # type: ignore[misc]
    """Splits documents into sentences with Punkt, as NLTK does; documents without text are dropped.

    Args:
        punkt: Punkt's parameters: a :class:`~pipelines.sentences.punkt_parameters.PunktModel`; the path of a
            ``punkt.json`` (from `berth segment`) or of a directory of NLTK's punkt_tab files; the name of a model that
            NLTK has installed (``"english"``); or None for the abbreviations and sentence-end characters that Berth
            knows of the language, without anything learned.
        language: Code of the language, for the sentence-end characters and, without ``punkt``, the abbreviations.

    Raises:
        UsageError: If there is no such Punkt model.
        BerthError: If the model cannot be read.

    Example:
        >>> sentences = documents | SplitSentences(punkt="english")
    """

    def __init__(self, *, punkt: PunktModel | str | None = None, language: str = "en") -> None:
        super().__init__()
        ends = sentence_end_characters(language)
        if punkt is None:
            punkt = PunktModel(seed_abbreviations(language), frozenset(), frozenset(), {}, ends)
        elif isinstance(punkt, str):
            punkt = load_model(find_model(punkt), ends)
        self._punkt = punkt.to_json()

    def expand(self, documents: Any) -> Any:
        """A PCollection of :class:`SplitDocument`."""
        return documents | "split" >> beam.ParDo(_Split(self._punkt)).with_output_types(SplitDocument)


@beam.typehints.with_input_types(SplitDocument)
@beam.typehints.with_output_types(bytes)
class MakeMaskedRecords(beam.PTransform):  # type: ignore[misc]
    """Makes BERT's masked records: serialized ``tf.train.Example`` with the features that docs/training.md lists.

    Documents are distributed over shards by keyed hashes of their ids. The records of a shard depend on its documents,
    the vocabulary, the options and the seed, on nothing else; they are emitted in the order of the stage's files. A
    random next sentence comes from another document of the same shard. A worker holds one shard's tokens and instances:
    for each MB of English text about 0.4 MB and, with 10 duplicates, 1.2 MB.

    Args:
        vocabulary: Path or gs:// URI of a WordPiece ``vocab.txt``, which workers read.
        shards: Number of shards, at least that of workers; the text of a shard must fit into a worker's memory.
        seed: Seed of the masking, and key of the hashes.
        lower_case: Whether the vocabulary is lower-cased.
        options: Lengths, masking and generator (``rng``: ``keyed``, or the ``reference`` script's). ``compression`` has
            no effect.

    Raises:
        UsageError: If ``shards`` is not positive.
        BerthError: If the vocabulary cannot be used. When the pipeline runs: if a shard has a single document, and the
            keyed generator needs another one for next sentences.

    Example:
        >>> options = RecordSet(rng="keyed", max_seq_length=512, max_predictions=76)
        >>> records = sentences | MakeMaskedRecords("vocab.txt", shards=64, seed=1, options=options)
    """

    def __init__(
        self, vocabulary: str, *, shards: int, seed: int, lower_case: bool = True, options: RecordSet | None = None
    ) -> None:
        super().__init__()
        if shards < 1:
            raise UsageError("the number of shards is not positive", found=str(shards), expected="at least 1")
        Vocabulary.read(vocabulary)  # an error here is clearer than one from a worker
        self._shards, self._seed = shards, seed
        self._maker = _RecordMaker(vocabulary, lower_case, options or RecordSet(), seed)

    def expand(self, documents: Any) -> Any:
        """A PCollection of bytes."""
        keyed_documents = tuple[int, SplitDocument]
        return (
            documents
            | "shard" >> beam.Map(_with_shard, self._seed, self._shards).with_output_types(keyed_documents)
            | "by shard" >> beam.GroupByKey()
            | "records" >> beam.ParDo(self._maker).with_output_types(bytes)
        )


@dataclass(frozen=True)
class _Part:
    """One part of a dump, with its index in the corpus."""

    index: int
    part: DumpPart
    wiki: Wiki
    options: ExtractOptions

    @property
    def status(self) -> RangeStatus:
        """A new status for reading the part."""
        return RangeStatus(self.part.uri, ErrorPolicy.of(self.options))


class _Article(NamedTuple):
    """A document with its wiki and page id, and the index of the part that it is from."""

    wiki: str
    page: int
    part: int
    document: Document


def _extract(part: _Part, definitions: dict[str, TemplateDefinitions]) -> Iterator[_Article]:
    status = part.status
    extractor = ArticleExtractor(part.wiki, part.options, status, definitions.get(part.wiki.key))
    for article in extractor.articles(part.part.read(status)):
        name = document_id(article.url, article.id)
        time = article.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ") if article.timestamp else ""
        document = Document(name, article.text, article.title, article.url, article.revision, time)
        yield _Article(part.wiki.key, article.id, part.index, document)
    for counter, count in extractor.counters.items():
        beam.metrics.Metrics.counter("ReadWikipedia", str(counter)).inc(count)


def _page_and_part(article: _Article) -> tuple[tuple[str, int], int]:
    return (article.wiki, article.page), article.part


class _FirstOfSeveral(beam.CombineFn):  # type: ignore[misc]
    """The first of the parts that hold a page; None if there is only one."""

    def create_accumulator(self) -> tuple[int, int | None]:
        return 0, None

    def add_input(self, accumulator: tuple[int, int | None], part: int) -> tuple[int, int | None]:
        return self.merge_accumulators([accumulator, (1, part)])

    def merge_accumulators(self, accumulators: Iterable[tuple[int, int | None]]) -> tuple[int, int | None]:
        merged = list(accumulators)
        return sum(count for count, _ in merged), min((part for _, part in merged if part is not None), default=None)

    def extract_output(self, accumulator: tuple[int, int | None]) -> int | None:
        count, part = accumulator
        return part if count > 1 else None


def _is_first(article: _Article, repeated: dict[tuple[str, int], int]) -> bool:
    return repeated.get((article.wiki, article.page), article.part) == article.part


def _read_templates(part: _Part) -> tuple[str, tuple[int, str, list[dict[str, Any]]]]:
    reader = EntryReader(part.wiki)
    entries = [entry for xml in part.part.read(part.status) for entry in reader.entries(xml, header_of(xml))]
    return part.wiki.key, (part.index, part.wiki.language, entries)


def _define(
    grouped: tuple[str, Iterable[tuple[int, str, list[dict[str, Any]]]]],
) -> tuple[str, TemplateDefinitions]:
    key, parts = grouped
    ordered = sorted(parts, key=lambda part: part[0])
    return key, derive((entry for _, _, entries in ordered for entry in entries), ordered[0][1])


class _Split(beam.DoFn):  # type: ignore[misc]
    """Splits a document with the parameters of a punkt.json."""

    def __init__(self, punkt: bytes) -> None:
        self._punkt = punkt
        self._split: Split | None = None

    def setup(self) -> None:
        self._split = punkt_split(self._punkt)

    def process(self, document: Document) -> Iterator[SplitDocument]:
        assert self._split is not None  # Beam calls setup first
        lines, _ = self._split(Lines.of_texts([document.text]))
        if sentences := lines.texts()[0].splitlines():
            yield SplitDocument(document.id, sentences)


def _with_shard(document: SplitDocument, seed: int, shards: int) -> tuple[int, SplitDocument]:
    return shard_of(document.id, seed, shards), document


class _RecordMaker(beam.DoFn):  # type: ignore[misc]
    """Makes the records of one shard. Its tokenizer belongs to one thread, as a DoFn does."""

    def __init__(self, vocabulary: str, lower_case: bool, options: RecordSet, seed: int) -> None:
        self._uri, self._lower_case, self._options, self._seed = vocabulary, lower_case, options, seed
        self._tokenizer: Tokenizer | None = None

    def setup(self) -> None:
        self._tokenizer = Tokenizer(Vocabulary.read(self._uri), self._lower_case)

    def process(self, grouped: tuple[int, Iterable[SplitDocument]]) -> Iterator[bytes]:
        assert self._tokenizer is not None  # Beam calls setup first
        shard, grouped_documents = grouped
        vocabulary, options = self._tokenizer.vocabulary, self._options
        text = b"".join(_lines(document) for document in self._ordered(grouped_documents))
        documents = documents_of(self._tokenizer.encode(text, f"shard {shard}"))
        del text
        if options.rng == "keyed":
            generated = keyed.create_instances(documents, vocabulary, options, self._seed, f"shard {shard}")
        else:
            generated = reference.create_instances(documents, vocabulary, options, self._seed)
        layout = layout_of(vocabulary, options.max_seq_length, options.max_predictions, options.objective == "mlm+nsp")
        for start in range(0, len(generated.order), BATCH_RECORDS):
            batch = Generated(generated.instances, generated.order[start : start + BATCH_RECORDS], {})
            framed = io.BytesIO()
            write_instances(BlockWriter(framed, is_gzip=False), documents, batch, layout)
            yield from _unframed(framed.getvalue())

    def _ordered(self, documents: Iterable[SplitDocument]) -> Iterator[SplitDocument]:
        """The documents in the order of their keyed hashes; of several with one id, one."""
        previous = None
        for document in sorted(documents, key=lambda one: (order_of(one.id, self._seed), one.id, list(one.sentences))):
            if document.id != previous:
                yield document
            previous = document.id


def _lines(document: SplitDocument) -> bytes:
    """A document in the format of sentence shards."""
    if any("\n" in sentence for sentence in document.sentences):
        raise BerthError("a sentence holds a line feed", where=document.id, fix="Split the text by SplitSentences.")
    return "".join(f"{sentence}\n" for sentence in [*document.sentences, ""]).encode()


def _unframed(content: bytes) -> Iterator[bytes]:
    """The records in the bytes of a TFRecord file."""
    at = 0
    while at < len(content):
        start = at + _LENGTH_BYTES + _CHECKSUM_BYTES
        stop = start + int.from_bytes(content[at : at + _LENGTH_BYTES], "little")
        yield content[start:stop]
        at = stop + _CHECKSUM_BYTES

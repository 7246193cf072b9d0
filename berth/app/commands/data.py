"""Commands that make data: extract, filter, segment, vocab, records, evalset, index, explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from berth import storage
from berth.app.commands.options import (
    BEAM,
    BEAM_HELP,
    Articles,
    Output,
    Records,
    Text,
    Vocab,
    beam_arguments,
)
from berth.app.section_options import SectionCommand, from_recipe
from berth.errors import UsageError

if TYPE_CHECKING:
    from berth.recipe import ExtractOptions, Filter, RecordSet, Segmentation, Vocabulary
    from berth.stage.inputs import Inputs


@from_recipe(
    language="corpus.language",
    options="corpus.extract",
    workers="execution.workers",
    text_field="corpus.sources.text_field",
    id_field="corpus.sources.id_field",
    title_field="corpus.sources.title_field",
    language_field="corpus.sources.language_field",
    wrapped="corpus.sources.wrapped",
)
def extract(
    context: typer.Context,
    *,
    dump: Annotated[
        list[str],
        typer.Option(
            "--dump", metavar="FILE", help="MediaWiki XML dump; repeatable, or a glob pattern.", parser=storage.path
        ),
    ] = [],  # noqa: B006  typer's way of an empty list
    source: Annotated[
        list[str],
        typer.Option(
            "--source",
            metavar="FORMAT='GLOB'",
            help="Other text: sentences, documents, jsonl or parquet. Repeatable; all sources become one corpus.",
        ),
    ] = [],  # noqa: B006
    output: Output,
    language: str,
    options: ExtractOptions,
    text_field: str,
    id_field: str | None,
    title_field: str | None,
    language_field: str | None,
    wrapped: bool,
    workers: int | None,
) -> None:
    """Extract articles (Parquet) from Wikipedia dumps and other text."""
    flags = beam_arguments(context, output, [*dump, *(one.partition("=")[2] for one in source)], workers=workers)
    from berth.stage import Directory
    from pipelines.corpora.sources import find, given
    from pipelines.extract import extract

    fields = {"text_field": text_field, "id_field": id_field, "title_field": title_field}
    fields["language_field"] = language_field
    dumps, corpora = find(given(dump, source, wrapped=wrapped, **fields))
    result = extract(
        dumps=dumps,
        corpora=corpora,
        language=language,
        options=options,
        destination=Directory(output),
        beam_arguments=flags,
    )
    typer.echo(result.uri)


@from_recipe(options="corpus.filter", workers="execution.workers")
def filter_(context: typer.Context, articles: Articles, output: Output, options: Filter, workers: int | None) -> None:
    """Normalise articles; drop those that are too short, in other languages or duplicates."""
    flags = beam_arguments(context, output, [articles], workers=workers)
    from berth.stage import Directory
    from pipelines.filter import filter_articles

    result = filter_articles(
        articles=_articles_in(articles), options=options, destination=Directory(output), beam_arguments=flags
    )
    typer.echo(result.uri)


@from_recipe(options="segmentation", language="corpus.language", seed="seed", workers="execution.workers")
def segment(
    context: typer.Context,
    articles: Articles,
    output: Output,
    options: Segmentation,
    language: str,
    seed: int,
    workers: int | None,
) -> None:
    """Split articles into sentences, in shards, with documents held out for evaluation."""
    sources = [context.get_parameter_source(name) for name in ("shards", "shard_lines")]
    if all(source is not None and source.name == "COMMANDLINE" for source in sources):
        raise UsageError("both --shards and --shard-lines are given", expected="only one of them")
    flags = beam_arguments(context, output, [articles], workers=workers)
    from berth.stage import Directory
    from pipelines.segment import segment

    result = segment(
        articles=_articles_in(articles),
        options=options,
        seed=seed,
        language=language,
        destination=Directory(output),
        beam_arguments=flags,
    )
    typer.echo(result.uri)


@from_recipe(options="vocabulary", seed="seed", workers="execution.workers")
def vocab(
    context: typer.Context, text: Text, output: Output, options: Vocabulary, seed: int, workers: int | None
) -> None:
    """Learn a vocabulary from sentence shards."""
    flags = beam_arguments(context, output, text, workers=workers)
    from berth.stage import Directory
    from berth.stage.inputs import Inputs
    from pipelines.vocab import vocabulary

    result = vocabulary(
        text=Inputs.of(*text),
        given=None,
        options=options,
        seed=seed,
        destination=Directory(output),
        beam_arguments=flags,
    )
    typer.echo(result.uri)


@from_recipe(options="records", lower_case="vocabulary.lower_case", seed="seed", workers="execution.workers")
def records(
    context: typer.Context,
    text: Text,
    vocab: Vocab,
    output: Output,
    options: RecordSet,
    lower_case: bool,
    seed: int,
    workers: int | None,
) -> None:
    """Make masked records (TFRecord) from sentence shards."""
    flags = beam_arguments(context, output, [*text, vocab], workers=workers)
    from berth.stage import Directory
    from berth.stage.inputs import Inputs
    from pipelines.records import create_records

    result = create_records(
        text=Inputs.of(*text),
        vocabulary=Inputs.at(vocab),
        options=options,
        lower_case=lower_case,
        seed=seed,
        destination=Directory(output),
        beam_arguments=flags,
    )
    typer.echo(result.uri)


@from_recipe(examples="evaluation.examples")
def evalset(records: Records, output: Output, examples: int) -> None:
    """Pick n of N records evenly for evaluation: those numbered int(i * (N / n))."""
    from berth.stage import Directory
    from berth.stage.inputs import Inputs
    from pipelines.evalset import pick_examples

    typer.echo(pick_examples(records=Inputs.of(*records), examples=examples, destination=Directory(output)).uri)


def explain(
    records: Annotated[str, typer.Argument(metavar="RECORDS", help="A TFRecord file.", parser=storage.path)],
    index: Annotated[int, typer.Option("--index", min=0, help="Number of the record, starting at 0.")],
    vocab: Vocab,
) -> None:
    """Show one record as text: segments, masked positions, label, padding."""
    from pipelines.explain import explain

    typer.echo(explain(records, index, vocab))


def index(
    files: Annotated[
        list[str],
        typer.Argument(metavar="RECORDS", help="TFRecord files; names or glob patterns.", parser=storage.path),
    ],
) -> None:
    """Write an index beside TFRecord files from elsewhere, so that training reads them in parts, where they are."""
    from berth.stage.indexing import write_index
    from berth.stage.inputs import Inputs

    for uri in [uri for text in files for uri in Inputs.find(text)]:
        typer.echo(write_index(uri))


def _articles_in(directory: str) -> Inputs:
    from berth.stage.inputs import Inputs

    return Inputs.of(storage.Pattern(directory, "articles-*.parquet"))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for name, command in {
        "extract": extract,
        "filter": filter_,
        "segment": segment,
        "vocab": vocab,
        "records": records,
    }.items():
        app.command(name, cls=SectionCommand, context_settings=BEAM, epilog=BEAM_HELP)(command)
    app.command(cls=SectionCommand)(evalset)
    app.command()(index)
    app.command()(explain)

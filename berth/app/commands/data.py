"""Commands of the data side: extract, filter, segment, vocab, records, evalset, explain."""

from __future__ import annotations

from typing import Annotated

import typer

from berth.app.commands import options
from berth.app.commands.options import BEAM, BEAM_HELP, beam_arguments
from berth.errors import UsageError
from berth.stage import Directory, Result
from berth.stage.inputs import Inputs


def extract(
    context: typer.Context,
    output: options.Output,
    dump: Annotated[
        list[str], typer.Option("--dump", metavar="FILE", help="MediaWiki XML dump; globs and repeats.")
    ] = [],  # noqa: B006
    source: Annotated[
        list[str],
        typer.Option(
            "--source",
            metavar="FORMAT='GLOB'",
            help="Other text: sentences, documents, jsonl or parquet. Repeats; all sources become one corpus.",
        ),
    ] = [],  # noqa: B006  typer's way of an empty list
    language: options.Language = "en",
    keep_headings: Annotated[bool, typer.Option(help="Dumps: keep section headings as lines of their own.")] = False,
    captions: Annotated[bool, typer.Option(help="Dumps: keep captions of images and tables as lines.")] = False,
    tables: Annotated[bool, typer.Option(help="Dumps: keep tables as text, a line a row.")] = False,
    formulas: Annotated[
        str, typer.Option(metavar="marker|drop_sentence", help="Dumps: leave [FORMULA], or drop the sentence.")
    ] = "marker",
    disambiguations: Annotated[
        str, typer.Option(metavar="keep|drop", help="Dumps: pages that only list the meanings of a title.")
    ] = "keep",
    templates: Annotated[
        str,
        typer.Option(
            metavar="auto|dump|builtin", help="Dumps: read the template pages first; auto: unless it is English."
        ),
    ] = "auto",
    text_field: Annotated[str, typer.Option(metavar="NAME", help="jsonl, parquet: field of the text.")] = "text",
    id_field: Annotated[str | None, typer.Option(metavar="NAME", help="jsonl, parquet: field of the id.")] = None,
    title_field: Annotated[str | None, typer.Option(metavar="NAME", help="jsonl, parquet: field of the title.")] = None,
    language_field: Annotated[
        str | None, typer.Option(metavar="NAME", help="jsonl, parquet: field of the language.")
    ] = None,
    wrapped: Annotated[bool, typer.Option("--wrapped", help="documents: paragraphs end at empty lines.")] = False,
    strict: Annotated[bool, typer.Option(help="What cannot be read is an error; otherwise it is counted.")] = False,
) -> None:
    """Make articles (Parquet) from Wikipedia dumps and other text."""
    flags = beam_arguments(context, output, [*dump, *(one.partition("=")[2] for one in source)])
    from berth.recipe import ExtractOptions
    from pipelines.corpora.sources import find, given
    from pipelines.extract import extract

    fields = {"text_field": text_field, "id_field": id_field, "title_field": title_field}
    fields["language_field"] = language_field
    dumps, corpora = find(given(dump, source, wrapped=wrapped, **fields))
    _report(
        extract(
            dumps=dumps,
            corpora=corpora,
            language=language,
            options=options.checked(
                ExtractOptions,
                keep_headings=keep_headings,
                captions=captions,
                tables=tables,
                formulas=formulas,
                strict=strict,
                disambiguations=disambiguations,
                templates=templates,
            ),
            destination=Directory(output),
            beam_arguments=flags,
        )
    )


def filter(
    context: typer.Context,
    articles: options.Articles,
    output: options.Output,
    languages: Annotated[
        list[str] | None, typer.Option("--language", metavar="CODE", help="Keep documents of this language; repeats.")
    ] = None,
    urls: Annotated[str | None, typer.Option(metavar="TOKEN", help="Replace web addresses by this.")] = None,
    user_names: Annotated[str | None, typer.Option(metavar="TOKEN", help="Replace @names by this.")] = None,
    emoji: Annotated[str, typer.Option(metavar="keep|remove|name", help="What becomes of emoji.")] = "keep",
    unicode: Annotated[str, typer.Option(metavar="keep|NFC|NFKC", help="Normalisation form.")] = "keep",
    symbols: Annotated[str, typer.Option(metavar="keep|remove", help="What becomes of pictures, ornaments.")] = "keep",
    min_words: Annotated[int, typer.Option(help="Leave out documents of fewer words.")] = 0,
    min_characters: Annotated[int, typer.Option(help="Leave out documents of fewer characters.")] = 0,
    duplicates: Annotated[
        str, typer.Option(metavar="keep|documents|paragraphs", help="Of equal ones keep one.")
    ] = "keep",
) -> None:
    """Normalise articles; leave out those that are short, foreign or duplicates."""
    flags = beam_arguments(context, output, [articles])
    from berth.recipe import Filter
    from pipelines.filter import filter_articles

    _report(
        filter_articles(
            articles=Inputs.of(articles.rstrip("/") + "/articles-*.parquet"),
            options=options.checked(
                Filter,
                languages=languages or None,
                urls=urls,
                user_names=user_names,
                emoji=emoji,
                unicode=unicode,
                symbols=symbols,
                min_words=min_words,
                min_characters=min_characters,
                duplicates=duplicates,
            ),
            destination=Directory(output),
            beam_arguments=flags,
        )
    )


def segment(
    context: typer.Context,
    articles: options.Articles,
    output: options.Output,
    eval_documents: Annotated[int, typer.Option("--eval-documents", min=0, help="Documents held out.")],
    seed: options.Seed,
    shards: Annotated[int | None, typer.Option("--shards", min=1, help="Number of sentence shards.")] = None,
    shard_lines: Annotated[
        int | None, typer.Option("--shard-lines", min=1, help="Lines of a shard, about, instead of their number.")
    ] = None,
    segmenter: Annotated[str, typer.Option(metavar="punkt|sentencex", help="What finds sentence ends.")] = "punkt",
    punkt: Annotated[
        str, typer.Option(metavar="corpus|NAME|PATH", help="Where Punkt's parameters are from.")
    ] = "corpus",
    language: options.Language = "en",
    sentence_end_characters: Annotated[
        str | None, typer.Option(metavar="CHARACTERS", help="What may end a sentence; else as the language has it.")
    ] = None,
) -> None:
    """Split articles into sentences, spread over shards, with documents held out for evaluation."""
    flags = beam_arguments(context, output, [articles])
    from berth.recipe import Segmentation
    from pipelines.segment import segment

    if (shards is None) == (shard_lines is None):
        given = "neither" if shards is None else "both"
        raise UsageError(f"{given} of --shards and --shard-lines is given", expected="one of them")
    sizes = {"shard_lines": shard_lines} if shards is None else {"shards": shards}
    _report(
        segment(
            articles=Inputs.of(articles.rstrip("/") + "/articles-*.parquet"),
            options=options.checked(
                Segmentation,
                segmenter=segmenter,
                punkt=punkt,
                sentence_end_characters=None if sentence_end_characters is None else list(sentence_end_characters),
                eval_documents=eval_documents,
                **sizes,
            ),
            seed=seed,
            language=language,
            destination=Directory(output),
            beam_arguments=flags,
        )
    )


def vocab(
    context: typer.Context,
    text: options.Text,
    output: options.Output,
    size: Annotated[int, typer.Option("--size", help="Exact number of entries, special tokens included.")],
    seed: options.Seed,
    kind: Annotated[str, typer.Option(metavar="wordpiece|sentencepiece", help="What learns it.")] = "wordpiece",
    pieces: Annotated[str, typer.Option(metavar="unigram|bpe", help="SentencePiece's kind of model.")] = "unigram",
    lower_case: Annotated[bool, typer.Option("--lower-case/--cased", help="Lower-case and strip accents.")] = False,
    sample_sentences: Annotated[int | None, typer.Option(help="Learn from so many random sentences.")] = None,
) -> None:
    """Learn a vocabulary from sentence shards."""
    flags = beam_arguments(context, output, text)
    from berth.recipe import Vocabulary
    from pipelines.vocab import vocabulary

    _report(
        vocabulary(
            text=Inputs.of(*text),
            given=None,
            options=options.checked(
                Vocabulary,
                kind=kind,
                pieces=pieces,
                size=size,
                lower_case=lower_case,
                sample_sentences=sample_sentences,
            ),
            seed=seed,
            destination=Directory(output),
            beam_arguments=flags,
        )
    )


def records(
    context: typer.Context,
    text: options.Text,
    vocab: options.Vocab,
    output: options.Output,
    max_seq_length: Annotated[int, typer.Option(help="Tokens in a record, padding included.")] = 128,
    max_predictions: Annotated[int, typer.Option(help="Masked positions in a record at most.")] = 20,
    masked_lm_prob: Annotated[float, typer.Option(help="Share of the tokens that are predicted.")] = 0.15,
    short_seq_prob: Annotated[float, typer.Option(help="Share of the records made shorter on purpose.")] = 0.1,
    dupe_factor: Annotated[int, typer.Option(help="How often each document is used, with other masks.")] = 10,
    seed: options.Seed = 12345,
    lower_case: Annotated[bool, typer.Option("--lower-case/--cased", help="Lower-case and strip accents.")] = True,
    whole_word_mask: Annotated[bool, typer.Option(help="Mask whole words rather than single tokens.")] = False,
    span_masking: Annotated[bool, typer.Option(help="Mask spans of words; needs --rng keyed.")] = False,
    rng: Annotated[str, typer.Option(metavar="reference|keyed", help="Generator of the masks.")] = "reference",
    objective: Annotated[str, typer.Option(metavar="mlm+nsp|mlm", help="With or without sentence pairs.")] = "mlm+nsp",
    compression: Annotated[str, typer.Option(metavar="none|gzip", help="Compression of the files.")] = "none",
) -> None:
    """Make masked records (TFRecord) from sentence shards."""
    flags = beam_arguments(context, output, [*text, vocab])
    from berth.recipe import RecordSet
    from pipelines.records import create_records

    _report(
        create_records(
            text=Inputs.of(*text),
            vocabulary=Inputs.of(vocab),
            options=options.checked(
                RecordSet,
                max_seq_length=max_seq_length,
                max_predictions=max_predictions,
                masked_lm_prob=masked_lm_prob,
                short_seq_prob=short_seq_prob,
                dupe_factor=dupe_factor,
                whole_word_mask=whole_word_mask,
                span_masking=span_masking,
                rng=rng,
                objective=objective,
                compression=compression,
            ),
            lower_case=lower_case,
            seed=seed,
            destination=Directory(output),
            beam_arguments=flags,
        )
    )


def evalset(
    records: options.Records,
    output: options.Output,
    examples: Annotated[int, typer.Option("--examples", min=1, help="Records to pick, evenly.")],
) -> None:
    """Pick evaluation records evenly: of N records, those numbered int(i * (N / n))."""
    from pipelines.evalset import pick_examples

    _report(pick_examples(records=Inputs.of(*records), examples=examples, destination=Directory(output)))


def explain(
    records: Annotated[str, typer.Argument(metavar="RECORDS", help="A TFRecord file.")],
    index: Annotated[int, typer.Option("--index", min=0, help="Which record, from 0.")],
    vocab: options.Vocab,
) -> None:
    """Show one record as a person reads it: segments, masks, label, padding."""
    from pipelines.explain import explain

    typer.echo(explain(records, index, vocab))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (extract, filter, segment, vocab, records):
        app.command(context_settings=BEAM, epilog=BEAM_HELP)(command)
    for plain in (evalset, explain):
        app.command()(plain)


def _report(result: Result) -> None:
    """The command's result: where it stands."""
    typer.echo(result.uri)

"""The sources of a recipe: which files they name, and their parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from berth.errors import UsageError
from berth.recipe import Source
from berth.stage.inputs import Inputs

if TYPE_CHECKING:
    from pipelines.corpora.reading import Part

DUMPS = "wikipedia"
WITH_FIELDS = {"jsonl", "parquet"}


@dataclass(frozen=True)
class TextCorpus:
    """The files of one source that is not a dump.

    Attributes:
        source: Format and fields.
        files: The files.
    """

    source: Source
    files: Inputs

    @property
    def parameters(self) -> dict[str, Any]:
        """What its articles depend on besides the files."""
        return self.source.identity(exclude={"path", "expected"})

    def parts(self) -> Sequence[Part]:
        """The parts, in order: they depend on the files and nothing else.

        Raises:
            BerthError: for files of another form.
        """
        from pipelines.corpora import documents, jsonl, sentences, tables

        readers: dict[str, Callable[[Inputs, Source], Sequence[Part]]] = {
            "sentences": sentences.parts,
            "documents": documents.parts,
            "jsonl": jsonl.parts,
            "parquet": tables.parts,
        }
        return readers[self.source.format](self.files, self.source)


def find(sources: Sequence[Source]) -> tuple[Inputs | None, list[TextCorpus]]:
    """The files of some sources: all dumps together (None without any), and the other sources in their order.

    Raises:
        UsageError: where a source names no file, or two sources files of the same name.
    """
    dumps = [source.path for source in sources if source.format == DUMPS]
    corpora = [
        TextCorpus(source, Inputs.of_tree(source.path) if source.format == "documents" else Inputs.of(source.path))
        for source in sources
        if source.format != DUMPS
    ]
    # The documents' ids begin with the files' names.
    names = Counter(file.name for corpus in corpora for file in corpus.files.files)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UsageError(
            f"two sources have a file called {twice[0]}",
            where=", ".join(corpus.files.uri for corpus in corpora),
            fix="Rename one of them: documents are told apart by their files' names.",
        )
    return (Inputs.of(*dumps) if dumps else None), corpora


def given(dumps: Sequence[str], others: Sequence[str], wrapped: bool, **fields: str | None) -> list[Source]:
    """The sources that flags name.

    Args:
        dumps: Dumps, as ``--dump`` gives them.
        others: ``FORMAT=GLOB``, as ``--source`` gives them.
        wrapped: For those that have documents.
        fields: For those that have fields.

    Raises:
        UsageError: for no source, an unknown format, or fields where none of the sources has any.
    """
    formats = get_args(Source.model_fields["format"].annotation)
    for name, value in fields.items():
        if value == "":
            raise UsageError("the name of a field is empty", where="--" + name.replace("_", "-"))
    sources = [Source(path=path) for path in dumps]
    for text in others:
        kind, _, path = text.partition("=")
        if kind not in formats or not path:
            raise UsageError(
                "a source cannot be understood",
                where=f"--source {text}",
                expected=f"FORMAT=GLOB, where FORMAT is one of {', '.join(formats)}",
            )
        options = {**(fields if kind in WITH_FIELDS else {}), "wrapped": wrapped and kind == "documents"}
        sources.append(Source.model_validate({"format": kind, "path": path, **options}))
    if not sources:
        raise UsageError("no source is given", expected="--dump FILE, or --source FORMAT=GLOB")
    found = {source.format for source in sources}
    if any(value for name, value in fields.items() if (name, value) != ("text_field", "text")) and not (
        found & WITH_FIELDS
    ):
        raise UsageError("fields are named, but no source has any", expected="--source jsonl=GLOB or parquet=GLOB")
    if wrapped and "documents" not in found:
        raise UsageError("--wrapped is given, but no source of documents", expected="--source documents=GLOB")
    return sources

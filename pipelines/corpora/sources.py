"""The sources of a recipe: the files that they name, and their parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from berth import storage
from berth.errors import UsageError
from berth.recipe import Source
from berth.stage.inputs import Inputs
from pipelines.corpora.formats import corpus_format, names_with

if TYPE_CHECKING:
    from pipelines.corpora.reading import Part

DUMPS = "wikipedia"


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
        """The options of the source that its articles depend on, besides the files."""
        return self.source.identity(exclude={"path", "expected"})

    def parts(self) -> Sequence[Part]:
        """The parts, in order. They depend on nothing but the files and the source.

        Raises:
            BerthError: For files of another format.
        """
        return corpus_format(self.source.format).parts(self.files, self.source)


def find(sources: Sequence[Source]) -> tuple[Inputs | None, list[TextCorpus]]:
    """The files of sources: all dumps together (None without any), and the other sources in their order.

    Raises:
        UsageError: If a source names no file, or two sources name files of the same name.
    """
    dumps = [source.path for source in sources if source.format == DUMPS]
    corpora = [
        TextCorpus(source, corpus_format(source.format).files(source.path))
        for source in sources
        if source.format != DUMPS
    ]
    # The ids of documents begin with the names of their files.
    names = Counter(file.name for corpus in corpora for file in corpus.files.files)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UsageError(
            f"two sources have a file called {twice[0]}",
            where=", ".join(corpus.files.uri for corpus in corpora),
            fix="Rename one of them: the ids of documents begin with the names of their files.",
        )
    return (Inputs.of(*dumps) if dumps else None), corpora


def given(dumps: Sequence[str], others: Sequence[str], wrapped: bool, **fields: str | None) -> list[Source]:
    """The sources that flags of the command line name.

    Args:
        dumps: Dumps, as ``--dump`` gives them.
        others: ``FORMAT=GLOB``, as ``--source`` gives them.
        wrapped: Option of the formats that it applies to.
        fields: Options of the formats that have fields.

    Raises:
        UsageError: For no source, an unknown format, or options that apply to none of the sources.
    """
    formats = get_args(Source.model_fields["format"].annotation)
    for name, value in fields.items():
        if value == "":
            raise UsageError("the name of a field is empty", where="--" + name.replace("_", "-"))
    sources = [Source(path=path) for path in dumps]
    options = {**fields, "wrapped": wrapped}
    for text in others:
        name, _, given_path = text.partition("=")
        path = storage.path(given_path)
        if name not in formats or not path:
            raise UsageError(
                "a source cannot be understood",
                where=f"--source {text}",
                expected=f"FORMAT=GLOB, where FORMAT is one of {', '.join(formats)}",
            )
        applicable = corpus_format(name).options if name != DUMPS else ()
        used = {key: value for key, value in options.items() if key in applicable}
        sources.append(Source.model_validate({"format": name, "path": path, **used}))
    if not sources:
        raise UsageError("no source is given", expected="--dump FILE, or --source FORMAT=GLOB")
    for key, given_value in options.items():
        possible = names_with(key)
        if given_value != Source.model_fields[key].default and not any(source.format in possible for source in sources):
            raise UsageError(
                f"--{key.replace('_', '-')} is given, but it applies to no source",
                expected=" or ".join(f"--source {name}=GLOB" for name in possible),
            )
    return sources

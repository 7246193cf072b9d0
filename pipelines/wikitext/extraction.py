"""The extraction of all dumps of a corpus: what is done once for all their parts, before and after them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pyarrow.parquet as pq

from berth import storage
from berth.recipe import ExtractOptions
from berth.stage.output import Output
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.progress import shard_progress
from pipelines.engine.runner import pipeline
from pipelines.engine.shards import shard_names
from pipelines.wikitext.dump.parts import Dump, DumpPart, open_dump
from pipelines.wikitext.dump.siteinfo import Wiki
from pipelines.wikitext.dump.spool import PIECES as PAGES
from pipelines.wikitext.dump.spool import spool_name
from pipelines.wikitext.omissions import PIECES as LOSS_PIECES
from pipelines.wikitext.omissions import Losses
from pipelines.wikitext.shard import PartTask, losses_name
from pipelines.wikitext.templates.pages import PIECES as TEMPLATE_PIECES
from pipelines.wikitext.templates.pages import TemplateTask, derive, read_piece, write_derived

log = logging.getLogger("berth.extract")

LOSSES = "losses.json"
TEMPLATES = "templates.json"
# The built-in table is that of English Wikipedia.
_LANGUAGES_OF_TABLE = ("en", "simple")


class DumpExtraction:
    """The dumps of a corpus, in order.

    Args:
        uris: Dump files.
        language: Language to assume for dumps that do not name theirs.
        options: What to keep, and whether damage is an error.
        output: Where everything goes.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: for a file that is missing or not a dump.
    """

    def __init__(
        self, uris: Sequence[str], language: str, options: ExtractOptions, output: Output, beam_arguments: Sequence[str]
    ) -> None:
        self.options, self.output, self.beam_arguments = options, output, beam_arguments
        self.dumps = [open_dump(uri, language) for uri in uris]

    @cached_property
    def parts(self) -> list[tuple[Dump, DumpPart]]:
        """The parts of all dumps: each becomes a shard."""
        return [(dump, part) for dump in self.dumps for part in dump.parts]

    def tasks(self, names: Sequence[str]) -> list[PartTask]:
        """The work on all parts, each with the name of its shard."""
        return [
            PartTask(part, name, dump.wiki, self.options, self.output, TEMPLATES if self._reads(dump.wiki) else "")
            for (dump, part), name in zip(self.parts, names, strict=True)
        ]

    def _reads(self, wiki: Wiki) -> bool:
        """Whether the template pages of a wiki are read."""
        if self.options.templates == "auto":
            return wiki.language.partition("-")[0] not in _LANGUAGES_OF_TABLE
        return self.options.templates == "dump"

    def read_templates(self, names: Sequence[str]) -> None:
        """Derive what templates show from the pages of the dumps. To be called before the tasks run.

        Args:
            names: The shards that the parts become.
        """
        parts = [
            (dump, part, name) for (dump, part), name in zip(self.parts, names, strict=True) if self._reads(dump.wiki)
        ]
        if parts and not self.output.is_complete(TEMPLATES):
            self._read_templates(parts)
        storage.delete(self.output.path(TEMPLATE_PIECES))

    def _read_templates(self, parts: Sequence[tuple[Dump, DumpPart, str]]) -> None:
        pieces = shard_names(f"{TEMPLATE_PIECES}/part", len(parts), "json")
        tasks = [
            TemplateTask(part, piece, spool_name(name), dump.wiki, self.options.strict, self.output)
            for (dump, part, name), piece in zip(parts, pieces, strict=True)
            if not self.output.is_complete(piece)
        ]
        sizes = {task.name: task.part.stop - task.part.start for task in tasks}
        run = pipeline(self.beam_arguments, self.output, len(tasks))
        with shard_progress("templates", self.output, sizes, unit="B"), run as job:
            _ = job | "parts" >> CheckedCreate(tasks) | "templates" >> beam.Map(lambda task: task.run())
        entries: dict[str, list[dict[str, object]]] = {}
        languages = {}
        for (dump, _, _), piece in zip(parts, pieces, strict=True):
            languages[dump.wiki.key] = dump.wiki.language
            entries.setdefault(dump.wiki.key, []).extend(read_piece(self.output, piece))
        derived = {key: derive(found, languages[key]) for key, found in entries.items()}
        write_derived(self.output, TEMPLATES, derived)
        for key, one in derived.items():
            counts = len(one.aliases), len(one.bodies), len(one.disambiguations)
            log.info("templates of %s: %d redirects and %d bodies show text, %d mark disambiguations", key, *counts)

    def reject_duplicates(self, names: Sequence[str]) -> None:
        """Of pages of one wiki with one id the first counts: extract the parts again that hold others, without them."""
        tasks = self.tasks(names)
        if len(tasks) < 2:
            return
        of_wiki: dict[str, list[PartTask]] = {}
        for task in tasks:
            of_wiki.setdefault(task.wiki.key, []).append(task)
        again = [replace(task, earlier=ids) for found in of_wiki.values() for task, ids in self._repeated(found)]
        if again:
            log.warning("%d parts hold pages of earlier parts; they are extracted again without those", len(again))
            with pipeline(self.beam_arguments, self.output, len(again)) as job:
                _ = job | "parts" >> CheckedCreate(again) | "again" >> beam.Map(lambda task: task.run())

    def _repeated(self, tasks: Sequence[PartTask]) -> Iterator[tuple[PartTask, frozenset[int]]]:
        """The parts with articles that have the ids of earlier ones, and those ids."""
        found = []
        for task in tasks:
            with storage.open_read(self.output.path(task.name)) as file:
                found.append(pq.read_table(file, columns=["id"])["id"].to_numpy())
        ids = np.concatenate(found)
        parts = np.repeat(np.arange(len(found)), [len(one) for one in found])
        order = np.argsort(ids, kind="stable")
        repeated = order[1:][ids[order[1:]] == ids[order[:-1]]]
        for number in np.unique(parts[repeated]):
            yield tasks[number], frozenset(ids[repeated[parts[repeated] == number]].tolist())

    def write_losses(self, names: Sequence[str]) -> None:
        """Write the report of what was dropped. To be called after all parts are extracted."""
        if not self.output.is_complete(LOSSES):
            losses = Losses()
            for name in names:
                losses.read(self.output, losses_name(name))
            losses.write_report(self.output, LOSSES)
        for pieces in (LOSS_PIECES, PAGES):
            storage.delete(self.output.path(pieces))

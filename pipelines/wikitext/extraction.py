"""The extraction of all dumps of a corpus: the steps before and after the extraction of their parts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from operator import methodcaller

import numpy as np
import pyarrow.parquet as pq

from berth import storage
from berth.formats.results import OMISSIONS, TEMPLATES
from berth.machines.process_memory import EXTRACT_BYTES
from berth.recipe import ExtractOptions
from berth.stage.output import Output
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.progress import shard_progress
from pipelines.engine.runner import pipeline
from pipelines.engine.shards import shard_names
from pipelines.engine.work import Work
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.dump.parts import Dump, DumpPart, open_dump
from pipelines.wikitext.dump.spool import DIRECTORY as SPOOL_DIRECTORY
from pipelines.wikitext.dump.spool import spool_name
from pipelines.wikitext.omissions import DIRECTORY as OMISSIONS_DIRECTORY
from pipelines.wikitext.omissions import Omissions, omissions_name
from pipelines.wikitext.shard import PartTask
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.definitions import derive, read_entries, write_definitions
from pipelines.wikitext.templates.pages import DIRECTORY as TEMPLATES_DIRECTORY
from pipelines.wikitext.templates.pages import TemplateTask

log = logging.getLogger("berth.extract")

# The built-in table is that of English Wikipedia.
_LANGUAGES_OF_TABLE = ("en", "simple")


def reads_templates(options: ExtractOptions, wiki: Wiki) -> bool:
    """Whether the template pages of a wiki are read."""
    if options.templates == "auto":
        return wiki.language.partition("-")[0] not in _LANGUAGES_OF_TABLE
    return options.templates == "dump"


class DumpExtraction:
    """The dumps of a corpus, in order.

    Args:
        uris: Dump files.
        language: Language to assume for dumps that do not name theirs.
        options: What to keep.
        errors: What happens at input that cannot be read.
        output: The stage's output.
        beam_arguments: Flags for Beam.

    Raises:
        BerthError: For a file that is missing or not a dump.
    """

    def __init__(
        self,
        uris: Sequence[str],
        language: str,
        options: ExtractOptions,
        errors: ErrorPolicy,
        output: Output,
        beam_arguments: Sequence[str],
    ) -> None:
        self.options, self.errors, self.output, self.beam_arguments = options, errors, output, beam_arguments
        self.dumps = [open_dump(uri, language) for uri in uris]

    @cached_property
    def parts(self) -> list[tuple[Dump, DumpPart]]:
        """The parts of all dumps: each becomes a shard."""
        return [(dump, part) for dump in self.dumps for part in dump.parts]

    def tasks(self, names: Sequence[str]) -> list[PartTask]:
        """The tasks of all parts, which write shards of these names."""
        return [
            PartTask(
                part,
                name,
                dump.wiki,
                self.options,
                self.errors,
                self.output,
                TEMPLATES if reads_templates(self.options, dump.wiki) else "",
            )
            for (dump, part), name in zip(self.parts, names, strict=True)
        ]

    def read_templates(self, names: Sequence[str]) -> None:
        """Read the template pages of the dumps and write their definitions. Call it before the tasks run.

        Args:
            names: The shards that the parts become.
        """
        parts = [
            (dump, part, name)
            for (dump, part), name in zip(self.parts, names, strict=True)
            if reads_templates(self.options, dump.wiki)
        ]
        if parts and not self.output.is_complete(TEMPLATES):
            self._read_templates(parts)
        storage.delete(self.output.path(TEMPLATES_DIRECTORY))

    def _read_templates(self, parts: Sequence[tuple[Dump, DumpPart, str]]) -> None:
        entry_files = shard_names(f"{TEMPLATES_DIRECTORY}/part", len(parts), "json")
        tasks = [
            TemplateTask(part, file, spool_name(name), dump.wiki, self.errors, self.output)
            for (dump, part, name), file in zip(parts, entry_files, strict=True)
            if not self.output.is_complete(file)
        ]
        sizes = {task.name: task.size for task in tasks}
        run = pipeline(self.beam_arguments, self.output, len(tasks), size=sum(sizes.values()), memory=EXTRACT_BYTES)
        with shard_progress("templates", self.output, sizes, unit="B"), run as job:
            _ = job | "parts" >> CheckedCreate(tasks) | "templates" >> beam.ParDo(Work(methodcaller("run")))
        entries: dict[str, list[dict[str, object]]] = {}
        languages = {}
        for (dump, _, _), file in zip(parts, entry_files, strict=True):
            languages[dump.wiki.key] = dump.wiki.language
            entries.setdefault(dump.wiki.key, []).extend(read_entries(self.output, file))
        definitions = {key: derive(found, languages[key]) for key, found in entries.items()}
        write_definitions(self.output, TEMPLATES, definitions)
        for key, one in definitions.items():
            counts = len(one.aliases), len(one.bodies), len(one.disambiguations)
            log.info("templates of %s: %d redirects and %d bodies show text, %d mark disambiguations", key, *counts)

    def reject_duplicates(self, names: Sequence[str]) -> None:
        """Of pages of one wiki with one id keep the first: extract again the parts that hold others, without them."""
        tasks = self.tasks(names)
        if len(tasks) < 2:
            return
        of_wiki: dict[str, list[PartTask]] = {}
        for task in tasks:
            of_wiki.setdefault(task.wiki.key, []).append(task)
        again = [replace(task, earlier=ids) for found in of_wiki.values() for task, ids in self._repeated(found)]
        if again:
            log.warning("%d parts hold pages of earlier parts; they are extracted again without those", len(again))
            for task in again:
                self.output.discard(task.name)
            size = sum(task.size for task in again)
            with pipeline(self.beam_arguments, self.output, len(again), size=size, memory=EXTRACT_BYTES) as job:
                _ = job | "parts" >> CheckedCreate(again) | "again" >> beam.ParDo(Work(methodcaller("run")))

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

    def write_omissions(self, names: Sequence[str]) -> None:
        """Write the report of omitted words. Call it after all parts are extracted."""
        if not self.output.is_complete(OMISSIONS):
            omissions = Omissions()
            for name in names:
                omissions.read(self.output, omissions_name(name))
            omissions.write_report(self.output, OMISSIONS)
        for directory in (OMISSIONS_DIRECTORY, SPOOL_DIRECTORY):
            storage.delete(self.output.path(directory))

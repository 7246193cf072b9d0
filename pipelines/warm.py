"""Compiles the data side's kernels into this machine's cache: ``python -m pipelines.warm [GROUP ...]``.

Container images contain all groups, so that no worker has to compile. `berth run` compiles the groups that its recipe
needs, several at once, each in a process.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial

from berth import kernel_cache
from berth.formats.vocabulary import SPECIAL_TOKENS
from berth.recipe import ExtractOptions, RecordSet, Segmentation, Source
from berth.stage import Workspace
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.corpora.sources import find
from pipelines.extract import extract
from pipelines.mlm.shard import RecordShards
from pipelines.segment import segment
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki

SMALL, LARGE = 100, (1 << 16) + 1  # numbers of tokens whose ids take two bytes, and four
TEXT = b"Dr. Smith left. \xe2\x80\x9cStop!\xe2\x80\x9d he said."
# A wiki whose template pages are read, as in all languages but English.
DUMP = """<mediawiki xml:lang="de">
<siteinfo><dbname>dewiki</dbname><base>https://de.wikipedia.org/wiki/Start</base></siteinfo>
<page><title>Vorlage:Zahl</title><ns>10</ns><id>1</id><revision><id>1</id>
<text>&lt;b&gt;{{{1}}}&lt;/b&gt; Meter</text></revision></page>
<page><title>Anfang</title><ns>0</ns><id>2</id><revision><id>2</id>
<text>Dr. Maier &amp;amp; S. Huber gingen {{Zahl|3}} weit.
Danach: {{lang|en|“Stop!”}} Und weiter.</text></revision></page>
<page><title>Ende</title><ns>0</ns><id>3</id><revision><id>3</id>
<text>{| class="a"
! Jahr !! Ort
|-
| 1900 || [[Wien|in Wien]]
|}
Die Formel &lt;math&gt;x&lt;/math&gt; gilt. Sie steht hier.</text></revision></page>
</mediawiki>
"""


def _cleanup(directory: str) -> None:
    Cleaner(Wiki()).clean_lines(TEXT)


def _parser(directory: str) -> None:
    Cleaner(Wiki()).scan(TEXT)


def _dump(directory: str) -> None:
    dump = f"{directory}/dump.xml"
    with open(dump, "w", encoding="utf-8") as file:
        file.write(DUMP)
    options = ExtractOptions(tables=True, formulas="drop_sentence")
    extract(dumps=Inputs.at(dump), options=options, destination=Workspace(directory))


def _sentences(directory: str) -> None:
    with open(f"{directory}/document.txt", "wb") as file:
        file.write(TEXT)
    workspace = Workspace(directory)
    _, corpora = find([Source(format="documents", path=f"{directory}/document.txt")])
    extracted = extract(corpora=corpora, options=ExtractOptions(), destination=workspace)
    articles = Inputs.of_stage(extracted.uri, "*.parquet")
    segment(articles=articles, options=Segmentation(shards=1), seed=1, language="en", destination=workspace)


def _records(directory: str, rng: str, size: int) -> None:
    vocabulary = f"{directory}/{size}.txt"
    with open(vocabulary, "w", encoding="utf-8") as file:
        file.write("\n".join([*SPECIAL_TOKENS, *map(str, range(size - len(SPECIAL_TOKENS)))]))
    RecordShards(vocabulary, True, RecordSet.model_validate({"rng": rng}), 1, Output(directory)).compile()


# The slowest first. The last uses those of `cleanup` and `parser`.
GROUPS: dict[str, Callable[[str], None]] = {
    "cleanup": _cleanup,
    "parser": _parser,
    "keyed": partial(_records, rng="keyed", size=SMALL),
    "reference": partial(_records, rng="reference", size=SMALL),
    "sentences": _sentences,
    "keyed-large": partial(_records, rng="keyed", size=LARGE),
    "reference-large": partial(_records, rng="reference", size=LARGE),
    "dump": _dump,
}


def main() -> None:
    """Compile the groups of kernels that the command line names, or all, if that was not done before."""
    for name in sys.argv[1:] or GROUPS:
        if kernel_cache.is_compiled(name):
            continue
        with tempfile.TemporaryDirectory() as directory:
            GROUPS[name](directory)
        kernel_cache.set_compiled(name)


if __name__ == "__main__":
    main()

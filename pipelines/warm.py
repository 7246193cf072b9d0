"""Compiles the data side's kernels into this machine's cache: ``python -m pipelines.warm``.

For container images, so that no worker has to compile.
"""

from __future__ import annotations

import itertools
import tempfile

from berth.formats.vocabulary import SPECIAL_TOKENS
from berth.recipe import ExtractOptions, RecordSet, Segmentation
from berth.stage import Workspace
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.extract import extract
from pipelines.mlm.shard import RecordShards
from pipelines.segment import segment

SMALL, LARGE = 100, (1 << 16) + 1  # numbers of tokens whose ids take two bytes, and four
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


def main() -> None:
    """Run the stages on a small dump; make records by both generators, with ids of two and of four bytes."""
    with tempfile.TemporaryDirectory() as directory:
        workspace = Workspace(directory)
        dump = f"{directory}/dump.xml"
        with open(dump, "w", encoding="utf-8") as file:
            file.write(DUMP)
        options = ExtractOptions(tables=True, formulas="drop_sentence")
        extracted = extract(dumps=Inputs.at(dump), options=options, destination=workspace)
        articles = Inputs.of_stage(extracted.uri, "*.parquet")
        segment(articles=articles, options=Segmentation(shards=1), seed=1, language="de", destination=workspace)
        for size, rng in itertools.product((SMALL, LARGE), ("reference", "keyed")):
            vocabulary = f"{directory}/{size}.txt"
            with open(vocabulary, "w", encoding="utf-8") as file:
                file.write("\n".join([*SPECIAL_TOKENS, *map(str, range(size - len(SPECIAL_TOKENS)))]))
            records = RecordSet.model_validate({"rng": rng})
            RecordShards(vocabulary, True, records, 1, Output(directory)).compile()


if __name__ == "__main__":
    main()

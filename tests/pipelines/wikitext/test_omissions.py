"""What extraction dropped: ranked over the corpus, the same for any number of workers and after a kill."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from berth.errors import BerthError
from berth.recipe import ExtractOptions
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from pipelines.extract import extract
from pipelines.wikitext import omissions as omissions_module
from pipelines.wikitext.dump import parts as dump_module
from pipelines.wikitext.omissions import Omissions
from pipelines.wikitext.shard import PartTask
from support.dump_samples import page

PAGES = [
    page(
        number,
        "Kept words here. {{Box|name=one two|three}} {{Note|" + "word " * number + "}} {{empty}} {{convert|5|km}}",
    )
    for number in range(1, 13)
]


def run(path: str, output: Path, *arguments: str):
    return extract(
        dumps=Inputs.of(path), options=ExtractOptions(), destination=Directory(str(output)), beam_arguments=arguments
    )


def report(output: Path) -> dict:
    return json.loads((output / "losses.json").read_text())


def test_templates_are_ranked_by_the_words_they_dropped(write_dump, tmp_path):
    result = run(write_dump(PAGES), tmp_path / "out")
    found = report(tmp_path / "out")
    assert found["templates"] == [
        {"name": "note", "uses": 12, "words": 78},
        {"name": "box", "uses": 12, "words": 36},
    ]
    assert found["words_dropped"] == 114 == result.manifest.counters["dropped_words"]
    assert found["words_kept"] == 12 * 5 == result.manifest.counters["words"]  # "5 kilometres" among them
    assert found["share_dropped"] == round(114 / 174, 6)
    assert found["other_templates"] == {"templates": 0, "uses": 0, "words": 0}
    assert not [file for file in (tmp_path / "out").iterdir() if re.match(r"\.(?!revisions)", file.name)]


@pytest.mark.reproducibility
def test_the_report_does_not_depend_on_workers_or_kills(write_dump, monkeypatch, tmp_path):
    monkeypatch.setattr(dump_module, "PART_BYTES", 1500)
    path = write_dump(PAGES)
    run(path, tmp_path / "one")
    run(path, tmp_path / "four", "--direct_num_workers=4", "--direct_running_mode=multi_threading")
    whole, done = PartTask.run, []

    def stops_after_two(task):
        if len(done) == 2:
            raise BerthError("stopped")
        done.append(whole(task))

    with monkeypatch.context() as patch, pytest.raises(BerthError, match="stopped"):
        patch.setattr(PartTask, "run", stops_after_two)
        run(path, tmp_path / "killed")
    run(path, tmp_path / "killed")
    expected = (tmp_path / "one/losses.json").read_bytes()
    assert (tmp_path / "four/losses.json").read_bytes() == expected
    assert (tmp_path / "killed/losses.json").read_bytes() == expected


def test_of_very_many_templates_the_rest_is_summed(monkeypatch):
    monkeypatch.setattr(omissions_module, "MAX_LISTED", 2)
    omissions = Omissions()
    omissions.add([("a", 1, 1), ("b", 1, 3), ("c", 1, 3), ("c", 1, 0), ("d", 1, 2)])
    found = omissions.report()
    assert [one["name"] for one in found["templates"]] == ["c", "b"]
    assert found["other_templates"] == {"templates": 2, "uses": 2, "words": 3}


def test_shares_of_parts_add_up(tmp_path):
    output = Output(str(tmp_path))
    total = Omissions()
    for number in range(2):
        part = Omissions()
        part.kept = 10
        part.add([("ä \u202e<b>", 1, 2)])
        part.write(output, f"{number}.json")
        total.read(output, f"{number}.json")
    assert (total.kept, total.uses["ä \u202e<b>"], total.words["ä \u202e<b>"]) == (20, 2, 4)

"""The dump source, held against Beam's own tests of sources: ranges, reentrant reads, dynamic splits."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.io import source_test_utils
from apache_beam.testing.util import assert_that, equal_to

from berth import storage
from berth.recipe import ExtractOptions
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.storage import cloud as cloud_storage
from pipelines.engine.runner import pipeline
from pipelines.error_policy import ErrorPolicy
from pipelines.extract import extract
from pipelines.wikitext.dump import parts as dump_module
from pipelines.wikitext.dump.parts import open_dump
from pipelines.wikitext.dump.reading import RangeStatus
from pipelines.wikitext.dump.source import DumpSource
from support.dump_samples import dump_bytes, page

PAGES = [page(number, f"Page {number}: " + "ä€😀 word " * (number * 7 % 40)) for number in range(1, 14)]
WHOLE = [xml.strip().encode() for xml in PAGES]
SPLITTABLE, WHOLE_FILES = ["xml", "multistream"], ["bz2", "gz", "utf-16", "utf-16-le", "utf-16-be"]


def only_file(uri: str, **options) -> tuple:
    """The source of one file as Beam reads it, with its range."""
    (bundle,) = DumpSource(uri, **options).split(float("inf"))
    return bundle.source, bundle.start_position, bundle.stop_position


@pytest.mark.parametrize("form", SPLITTABLE + WHOLE_FILES)
@pytest.mark.parametrize("size", [100, 999, 5000])
def test_bundles_hold_what_the_file_holds(write_dump, form, size):
    uri = write_dump(PAGES, form)
    bundles = DumpSource(uri).split(size)
    source_test_utils.assert_sources_equal_reference_source(
        only_file(uri), [(bundle.source, bundle.start_position, bundle.stop_position) for bundle in bundles]
    )
    assert source_test_utils.read_from_source(*only_file(uri)) == WHOLE


@pytest.mark.parametrize("form", SPLITTABLE + WHOLE_FILES)
def test_a_file_can_be_read_several_times_at_once(write_dump, form):
    source_test_utils.assert_reentrant_reads_succeed(only_file(write_dump(PAGES, form)))


@pytest.mark.parametrize("form", SPLITTABLE)
def test_ranges_split_while_they_are_read(write_dump, form):
    source, start, stop = only_file(write_dump(PAGES, form))
    source_test_utils.assert_split_at_fraction_exhaustive(source, start, stop)


@pytest.mark.parametrize("form", WHOLE_FILES)
def test_a_split_of_what_is_one_stream_leaves_nothing_behind_it(write_dump, form):
    source, _, _ = only_file(write_dump(PAGES, form))
    outcome = source_test_utils.ExpectedSplitOutcome.MUST_BE_CONSISTENT_IF_SUCCEEDS
    assert source_test_utils.assert_split_at_fraction_behavior(source, 3, 0.5, outcome) == (len(PAGES), 0)
    with pytest.raises(ValueError, match="no non-trivial split"):
        source_test_utils.assert_split_at_fraction_exhaustive(source, perform_multi_threaded_test=False)


@pytest.mark.parametrize("form", SPLITTABLE)
def test_a_split_fails_behind_what_was_read_and_where_splitting_is_forbidden(write_dump, form):
    uri = write_dump(PAGES, form)
    source, _, _ = only_file(uri)
    source_test_utils.assert_split_at_fraction_fails(source, len(PAGES) - 1, 0.1)
    source_test_utils.assert_split_at_fraction_fails(source, 0, 0.5)
    unsplittable, start, _ = only_file(uri, splittable=False)
    assert source_test_utils.read_from_source(unsplittable, start, None) == WHOLE
    assert unsplittable.get_range_tracker(start, None).try_split(100) is None


def test_several_files_by_pattern(write_dump, tmp_path):
    for name, form in [("a", "xml"), ("b", "multistream"), ("c", "gz"), ("d", "bz2")]:
        write_dump([page(ord(name), name)], form, name=name)
    with pipeline() as job:
        found = job | beam.io.Read(DumpSource(str(tmp_path / "*.*"))) | beam.Map(lambda xml: xml.count(b"<revision>"))
        assert_that(found, equal_to([1, 1, 1, 1]))


def test_a_pattern_without_files_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No files found"):
        DumpSource(str(tmp_path / "*.xml"))


def test_parts_of_the_extraction_are_the_bundles_of_the_source(write_dump, monkeypatch):
    monkeypatch.setattr(dump_module, "PART_BYTES", 700)
    uri = write_dump(PAGES, "multistream")
    parts = open_dump(uri).parts
    bundles = list(DumpSource(uri).split(700))
    assert [(part.start, part.stop) for part in parts] == [
        (bundle.start_position, bundle.stop_position) for bundle in bundles
    ]
    for part, bundle in zip(parts, bundles, strict=True):
        tracker = bundle.source.get_range_tracker(None, None)
        assert list(part.read(RangeStatus(uri, ErrorPolicy(strict=True)))) == list(bundle.source.read(tracker))


@pytest.fixture
def bucket(bucket, monkeypatch):
    """As Beam's client sees it: there are no credentials, and it would look for them for twenty seconds."""
    monkeypatch.setattr("apache_beam.internal.gcp.auth._Credentials._credentials_init", True)
    return bucket


@pytest.mark.parametrize("form", ["xml", "multistream", "gz"])
def test_dumps_in_cloud_storage(bucket, tmp_path, monkeypatch, form):
    (tmp_path / "dump").write_bytes(dump_bytes(PAGES, form))
    cloud_storage.upload(str(tmp_path / "dump"), f"{bucket}/dump.{form}")
    monkeypatch.setattr(dump_module, "PART_BYTES", 700)
    opened = open_dump(f"{bucket}/dump.{form}")
    found = [xml for part in opened.parts for xml in part.read(RangeStatus(part.uri, ErrorPolicy(strict=True)))]
    assert found == WHOLE
    assert (len(opened.parts) > 1) == (form != "gz")
    assert source_test_utils.read_from_source(*only_file(f"{bucket}/*.{form}")) == WHOLE


@pytest.mark.reproducibility
def test_the_whole_extraction_in_cloud_storage(bucket, tmp_path, monkeypatch):
    template = page(99, "{{{1}}}", title="Template:Liten", namespace=10)
    (tmp_path / "dump").write_bytes(dump_bytes([*PAGES, page(50, "Et {{liten|skip}}."), template], "xml", "nb"))
    cloud_storage.upload(str(tmp_path / "dump"), f"{bucket}/in/dump.xml")
    monkeypatch.setattr(dump_module, "PART_BYTES", 3000)
    here, there = (
        extract(dumps=Inputs.of(dump), options=ExtractOptions(), language="nb", destination=Directory(output))
        for dump, output in [
            (str(tmp_path / "dump"), str(tmp_path / "out")),
            (f"{bucket}/in/dump.xml", f"{bucket}/out"),
        ]
    )
    assert here.manifest.counters == there.manifest.counters
    assert there.manifest.files == here.manifest.files
    assert {"losses.json", "templates.json"} < {file.path for file in there.manifest.files}
    names = set(storage.names_below(f"{bucket}/out"))
    assert names == {"manifest.json", ".revisions.json", *(file.path for file in there.manifest.files)}

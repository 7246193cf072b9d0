"""Blocks: what is read is the block of the index, whatever happens to the file; else an error, or another attempt."""

import os
import resource
import shutil
import signal
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from berth import retry, storage
from berth.errors import BerthError, UsageError
from berth.formats.record_index import RecordIndex
from berth.formats.records import INDEX
from berth.stage.inputs import Inputs
from support.record_blocks import FRAME, LIMITS, RECORDS, block, numbers_of, write_shard
from trainer.data import block as block_module
from trainer.data import index
from trainer.data.block_cache import BlockCache
from trainer.data.buffer import BlockBuffer
from trainer.data.index import open_table
from trainer.data.records import RecordSet

BLOCK = RECORDS * FRAME
# A connection that is dropped is left to the garbage collector by urllib3.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two files of three blocks, once plain and once compressed block by block."""
    directory = tmp_path_factory.mktemp("made")
    for kind in ("plain", "gzip"):
        for shard in range(2):
            write_shard(str(directory / kind), f"{shard}.tfrecord", shard * 3 * RECORDS, 3, is_gzip=kind == "gzip")
    return directory


@pytest.fixture
def files(made, tmp_path):
    """A copy of the plain files."""
    shutil.copytree(made / "plain", tmp_path / "files")
    return tmp_path / "files"


def open_set(directory, **options):
    return RecordSet(Inputs.of(f"{directory}/*.tfrecord"), LIMITS, **options)


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_records_are_read_in_any_order(made, kind):
    opened = open_set(made / kind)
    order = np.random.default_rng(1).permutation(6 * RECORDS)[:500]
    assert numbers_of(opened.read(order)).tolist() == order.tolist()
    assert opened.location(3 * RECORDS + 7).endswith("1.tfrecord, record 7")


def rewritten(path, offset, content):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(content)


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_damaged_block_is_named_with_its_file_and_offset(made, kind, tmp_path):
    shutil.copytree(made / kind, tmp_path / "files")
    path = tmp_path / "files" / "1.tfrecord"
    offset = int(RecordIndex.from_bytes((tmp_path / f"files/1.tfrecord{INDEX}").read_bytes(), "").offsets[1])
    before = path.stat()
    rewritten(path, offset + 1000, b"damage")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    inputs = Inputs.of(f"{made / kind}/*.tfrecord")  # hashed before it was damaged
    table = open_table(inputs, None)
    shard = block_module.Shard(str(path), str(path), None, table.shards[1].index)
    block_module.fetch(shard, 0)
    with pytest.raises(BerthError, match=rf"1\.tfrecord, block 1 at byte {offset}[:,]"):
        block_module.fetch(shard, 1)


def test_other_records_in_place_of_a_block_are_refused(files):
    """Whole, undamaged and of the right size: fewer records, then more."""
    opened = open_table(Inputs.of(f"{files}/*.tfrecord"), None).shards[0]
    for content in (block(0, RECORDS - 1) + b"\0" * FRAME, block(0)[FRAME:] + block(0, 1)[: FRAME - 1] + b"x"):
        rewritten(files / "0.tfrecord", BLOCK, content)
        shard = block_module.Shard(opened.uri, opened.name, None, opened.index)
        with pytest.raises(BerthError, match=r"0\.tfrecord, block 1 at byte"):
            block_module.fetch(shard, 1)


@pytest.mark.parametrize("change", ["rewritten", "replaced", "cut"])
def test_a_file_that_changes_while_it_is_read_is_an_error(files, change):
    """Also where the new content is records: of another order, from another file."""
    opened = open_set(files)
    opened.read(np.arange(3))
    path = files / "0.tfrecord"
    if change == "rewritten":
        rewritten(path, BLOCK, block(10 * RECORDS))
        os.utime(path, ns=(1, 1))
    elif change == "replaced":
        shutil.copy(files / "1.tfrecord", files / "new")
        os.utime(files / "new", ns=(1, 1))
        os.replace(files / "new", path)
    else:
        with open(path, "r+b") as file:
            file.truncate(BLOCK + 5)
    with pytest.raises(BerthError, match=r"0\.tfrecord: a file was changed while it was in use"):
        opened.read(np.array([RECORDS]))


def test_the_index_of_another_file_is_refused(files):
    shutil.copy(files / f"1.tfrecord{INDEX}", files / f"0.tfrecord{INDEX}")
    with pytest.raises(BerthError, match=r"0\.tfrecord\.index: this is the index of another file"):
        open_set(files)
    (files / f"0.tfrecord{INDEX}").write_bytes(b"BERTHIDX")
    with pytest.raises(BerthError, match=r"0\.tfrecord\.index: this is not an index"):
        open_set(files)


def test_an_index_is_made_once_where_there_is_none(files, monkeypatch, tmp_path):
    monkeypatch.setenv("BERTH_CACHE", str(tmp_path / "user"))
    monkeypatch.setattr(index, "WORTH_KEEPING", 1)
    expected = [(files / f"{name}.tfrecord{INDEX}").read_bytes() for name in (0, 1)]
    for name in (0, 1):
        (files / f"{name}.tfrecord{INDEX}").unlink()
    opened = open_set(files)
    assert [shard.index.to_bytes() for shard in opened.table.shards] == expected
    kept = sorted((tmp_path / "user" / "indexes").iterdir())
    assert len(kept) == 2
    with monkeypatch.context() as patch:
        patch.setattr(index, "index_of", None)  # not again
        assert open_set(files).count == 6 * RECORDS
    kept[0].write_bytes(b"damaged")
    assert open_set(files).count == 6 * RECORDS


@pytest.mark.parametrize("where", [None, "cache"])
def test_a_file_that_is_compressed_as_a_whole_is_unpacked_once(made, where, tmp_path, monkeypatch):
    """Where the recipe says, or for as long as it is used. Members without their index are such a file too."""
    (tmp_path / "in").mkdir()
    shutil.copy(made / "gzip" / "0.tfrecord", tmp_path / "in")
    unpacked = str(tmp_path / where) if where else None
    opened = open_set(tmp_path / "in", unpacked=unpacked)
    shard = opened.table.shards[0]
    assert numbers_of(opened.read(np.arange(5, 3 * RECORDS, 400))).tolist() == [*range(5, 3 * RECORDS, 400)]
    assert opened.location(3) == f"{tmp_path}/in/0.tfrecord, record 3"
    if where:
        monkeypatch.setattr(index, "index_of", None)
        assert open_set(tmp_path / "in", unpacked=unpacked).count == 3 * RECORDS
    uri = shard.uri
    assert storage.exists(uri)
    opened._buffer.close()
    del opened, shard
    assert storage.exists(uri) == bool(where)


# The cache on a local disk


def test_what_was_read_once_is_read_from_the_cache(files, tmp_path):
    for _ in range(2):
        cache = BlockCache(str(tmp_path / "cache"), 100 * BLOCK)
        opened = open_set(files, buffer=BlockBuffer(cache=cache))
        assert numbers_of(opened.read(np.array([0, 4 * RECORDS]))).tolist() == [0, 4 * RECORDS]
        assert len(list((tmp_path / "cache").iterdir())) == 2
    inputs = Inputs.of(f"{files}/*.tfrecord")
    for path in files.glob("*.tfrecord"):
        path.unlink()
    opened = RecordSet(inputs, LIMITS, BlockBuffer(cache=BlockCache(str(tmp_path / "cache"), 100 * BLOCK)))
    assert numbers_of(opened.read(np.array([1]))).tolist() == [1]
    with pytest.raises(BerthError, match="no such file"):
        opened.read(np.array([RECORDS]))


def test_the_cache_may_be_on_another_disk(files):
    """Blocks are renamed inside its directory only."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        assert os.stat(directory).st_dev != os.stat(files).st_dev
        cache = BlockCache(directory, 100 * BLOCK)
        open_set(files, buffer=BlockBuffer(cache=cache)).read(np.array([0]))
        assert [path.name[64:] for path in Path(directory).iterdir()] == ["-00000000.block"]


@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_cache_gives_no_wrong_record(files, tmp_path, damage):
    cache = BlockCache(str(tmp_path / "cache"), 100 * BLOCK)
    open_set(files, buffer=BlockBuffer(cache=cache)).read(np.array([0]))
    (kept,) = (tmp_path / "cache").iterdir()
    content = kept.read_bytes()
    kept.write_bytes({"cut": content[:-1], "changed": content[:-1] + b"?", "other": block(9, 3)}[damage])
    assert numbers_of(open_set(files, buffer=BlockBuffer(cache=cache)).read(np.array([7]))).tolist() == [7]
    assert kept.read_bytes() == content


def test_the_cache_keeps_to_its_size_and_drops_the_oldest(files, tmp_path):
    cache = BlockCache(str(tmp_path / "cache"), 2 * BLOCK)
    for record in (0, RECORDS, 2 * RECORDS, 3 * RECORDS):
        open_set(files, buffer=BlockBuffer(cache=cache)).read(np.array([record]))
    names = sorted(path.name[64:] for path in (tmp_path / "cache").iterdir())
    assert names == ["-00000000.block", "-00000002.block"]
    BlockCache(str(tmp_path / "cache"), BLOCK).write("ab" * 32, 5, memoryview(b"x"))  # another run, with less room
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.fixture
def full_disk():
    """Files can grow to 64 KiB only; more gives the error that a full disk gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_ends_caching_not_training(files, tmp_path, caplog, full_disk):
    cache = BlockCache(str(tmp_path / "cache"), 100 * BLOCK)
    opened = open_set(files, buffer=BlockBuffer(cache=cache))
    assert numbers_of(opened.read(np.array([0, 3 * RECORDS]))).tolist() == [0, 3 * RECORDS]
    assert caplog.text.count("no more blocks are kept there") == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"the cache of blocks must be on a local disk"):
        BlockCache("gs://bucket/cache", 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(BerthError, match="cannot write here"):
        BlockCache(str(tmp_path / "file" / "cache"), 1)


# The buffer


def test_the_buffer_keeps_what_was_used_last(files):
    buffer = BlockBuffer(capacity=2 * BLOCK + 50_000)
    opened = open_set(files, buffer=buffer)
    for record in (0, RECORDS, 0, 2 * RECORDS):
        opened.read(np.array([record]))
    assert sorted(number for _, number in buffer._held) == [0, 2]
    assert buffer.used <= buffer.capacity


def test_blocks_are_read_ahead_up_to_a_quarter_of_the_buffer(files, monkeypatch):
    asked, go_on = [], threading.Event()

    def slow(shard, number, cache):
        asked.append(number)
        go_on.wait(10)
        return block_module.fetch(shard, number, cache)

    monkeypatch.setattr("trainer.data.buffer.fetch", slow)
    buffer = BlockBuffer(capacity=16 * BLOCK)
    opened = open_set(files, buffer=buffer)
    opened.expect(np.arange(6 * RECORDS))
    assert len(buffer._asked) == 5
    go_on.set()
    assert numbers_of(opened.read(np.arange(0, 6 * RECORDS, 100))).tolist() == [*range(0, 6 * RECORDS, 100)]
    assert len(asked) == 6  # none twice
    buffer.close()


def test_an_error_while_reading_ahead_is_raised_where_the_record_is_needed(files):
    opened = open_set(files)
    rewritten(files / "0.tfrecord", 100, b"damage")
    opened.expect(np.arange(4 * RECORDS))
    assert numbers_of(opened.read(np.array([3 * RECORDS]))).tolist() == [3 * RECORDS]
    for _ in range(2):
        with pytest.raises(BerthError, match=r"0\.tfrecord: a file was changed"):
            opened.read(np.array([0]))


# Cloud Storage


@pytest.fixture
def objects(made, bucket):
    """The plain files in a bucket, as an input."""
    for path in (made / "plain").iterdir():
        with storage.atomic_write(f"{bucket}/records/{path.name}") as file:
            file.write(path.read_bytes())
    return Inputs.of(f"{bucket}/records/*.tfrecord")


def downloads(proxy):
    return [request for request in proxy.requests if "/download/" in request and "index" not in request]


def test_blocks_of_a_bucket_are_read_by_one_request_each(objects, proxy):
    opened = RecordSet(objects, LIMITS)
    assert downloads(proxy) == []  # no record is read to start
    order = np.array([5, RECORDS + 1, 4 * RECORDS, 6, RECORDS])
    for _ in range(2):
        assert numbers_of(opened.read(order)).tolist() == order.tolist()
        assert len(downloads(proxy)) == 3


def damage(content):
    return content[:500] + b"?" + content[501:]


@pytest.mark.parametrize("fault", ["drop", "deaf", "cut", 503, 429, damage])
def test_faults_of_a_bucket_in_the_middle_are_passed_over(objects, proxy, fault):
    opened = RecordSet(objects, LIMITS)
    proxy.faults = [("/download/", fault, 3)]
    order = np.arange(0, 6 * RECORDS, 100)
    assert numbers_of(opened.read(order)).tolist() == order.tolist()
    assert len(downloads(proxy)) == 6 + 3


def test_what_arrives_damaged_each_time_is_an_error(objects, proxy):
    opened = RecordSet(objects, LIMITS)
    proxy.faults = [("/download/", damage, 10**6)]
    with pytest.raises(BerthError, match=r"records/0\.tfrecord, block 0 at byte 0, record 0: a record is damaged"):
        opened.read(np.array([0]))
    assert len(downloads(proxy)) == retry.ATTEMPTS


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(objects, proxy):
    opened = RecordSet(objects, LIMITS)
    proxy.faults = [(f"generation={objects.files[0].revision}", 404, 1)]
    with pytest.raises(BerthError, match=r"0\.tfrecord, bytes 0 to .* was replaced, deleted or shortened"):
        opened.read(np.array([0]))

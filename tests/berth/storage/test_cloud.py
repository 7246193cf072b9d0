"""Cloud Storage behaves like local files; the real client against an emulator."""

import collections
import io
import os
import re
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from berth import retry, storage
from berth.errors import BerthError, UsageError
from berth.stage import Stage, Workspace, lease, run
from berth.stage.inputs import Inputs
from berth.storage import cloud as cloud_storage
from berth.storage import cloud_credentials, cloud_range, cloud_reader, cloud_upload
from support.stub_server import StubHandler, StubServer

# A connection that is dropped is left to the garbage collector by urllib3.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_written_object_is_read_back_and_deleted(bucket):
    uri = storage.join(bucket, "deep", "file.txt")
    with storage.atomic_write(uri) as file:
        file.write(b"whole")
    assert (storage.exists(uri), storage.size(uri), storage.read_text(uri)) == (True, 5, "whole")
    assert storage.glob(storage.Pattern(bucket + "/deep", "*.txt")) == [uri]
    storage.delete(bucket + "/deep")
    assert not storage.exists(uri)


def test_a_failed_write_leaves_no_object(bucket):
    uri = storage.join(bucket, "failed.txt")
    with pytest.raises(ZeroDivisionError), storage.atomic_write(uri) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert not storage.exists(uri)


def test_a_missing_object_is_explained(bucket):
    with pytest.raises(BerthError, match="there is no such object"):
        storage.read_bytes(bucket + "/nothing")


def test_a_stage_runs_once_in_a_bucket(bucket, tmp_path):
    (tmp_path / "in.txt").write_text("hello")
    stage = Stage("demo", 1, {}, {"text": Inputs.of(str(tmp_path / "in.txt"))})

    def work(output):
        with output.shard("a.txt") as shard:
            shard.write(b"a")
            shard.counters["letters"] += 1

    first = run(stage, Workspace(bucket + "/w"), work)
    again = run(stage, Workspace(bucket + "/w"), work)
    assert (first.was_up_to_date, again.was_up_to_date) == (False, True)
    assert again.manifest.counters == {"letters": 1}
    assert storage.names_below(first.uri) == [".revisions.json", "a.txt", "manifest.json"]
    assert Inputs.of(first.uri + "/*.txt").digest == first.files("*.txt").digest


@pytest.mark.parametrize("error", [KeyboardInterrupt, BerthError("lost"), UsageError("impossible")])
def test_a_failed_stage_leaves_the_objects_of_remote_workers(error, bucket):
    """Cloud Storage has no directories: only the objects under its prefix show that a stage has started."""
    stage, workspace = Stage("demo", 1, {}), Workspace(f"{bucket}/shared-{error!r:.10}")

    def work(output):
        with storage.atomic_write(output.path(".temporary/graph")) as file:
            file.write(b"of a job that goes on")
        raise error

    def found():
        return storage.names_below(workspace.directory(stage))

    for _ in range(2):
        with pytest.raises((BerthError, KeyboardInterrupt)):
            run(stage, workspace, work)
        assert found() == ([] if isinstance(error, UsageError) else [".stage.json", ".temporary/graph"])


def test_wrong_use_deletes_nothing_of_a_started_stage(bucket):
    stage, workspace = Stage("demo", 1, {}), Workspace(f"{bucket}/begun")

    def begin(output):
        with output.shard("a.txt") as shard:
            shard.write(b"a")
        raise KeyboardInterrupt

    def refuse(output):
        raise UsageError("impossible")

    with pytest.raises(KeyboardInterrupt):
        run(stage, workspace, begin)
    with pytest.raises(UsageError):
        run(stage, workspace, refuse)
    assert storage.exists(workspace.directory(stage) + "/a.txt")


def write(uri, content):
    with storage.atomic_write(uri) as file:
        file.write(content)


@pytest.fixture
def in_parts(monkeypatch):
    """Files of more than 5,000 bytes are sent in parts of 2,000."""
    monkeypatch.setattr(cloud_upload, "LARGE_BYTES", 5000)
    monkeypatch.setattr(cloud_upload, "PART_BYTES", 2000)


def test_large_files_are_uploaded_in_parts_that_are_repeated_on_their_own(bucket, proxy, in_parts):
    content = bytes(range(256)) * 25
    proxy.faults = [("PUT .*partNumber=2", 503, 1), ("PUT .*partNumber=4", "drop", 1)]
    write(f"{bucket}/parts", content)
    assert sum("partNumber" in request for request in proxy.requests) == 4 + 2
    assert storage.read_bytes(f"{bucket}/parts") == content


def test_an_upload_in_parts_that_fails_is_cancelled_and_leaves_what_was_there(bucket, proxy, in_parts):
    uri = f"{bucket}/kept"
    write(uri, b"before")
    proxy.faults = [("PUT .*partNumber=3", 503, 100)]
    with pytest.raises(BerthError, match="cannot be reached"):
        write(uri, bytes(6400))
    assert any(request.startswith("DELETE") and "uploadId" in request for request in proxy.requests)
    proxy.faults = []
    assert storage.read_bytes(uri) == b"before"


def test_an_object_whose_parts_were_put_together_wrongly_is_an_error(bucket, proxy, in_parts, monkeypatch):
    monkeypatch.setattr(proxy, "parts", collections.defaultdict(lambda: Forgetful()))
    with pytest.raises(BerthError, match=r"wrong: the copy differs from its original \(CRC32C\)"):
        write(f"{bucket}/wrong", bytes(6400))
    assert not storage.exists(f"{bucket}/wrong")


class Forgetful(dict):
    """Parts of an upload, of which the third is lost."""

    def items(self):
        return [item for item in super().items() if item[0] != 3]


def test_an_object_is_replaced_or_deleted_only_if_it_has_the_named_generation(bucket, proxy):
    uri = f"{bucket}/versions/é #1"
    first = cloud_storage.replace(b"1", uri, 0)
    assert cloud_storage.replace(b"2", uri, 0) is None
    second = cloud_storage.replace(b"2", uri, first)
    assert second not in (None, first)
    assert cloud_storage.replace(b"3", uri, first) is None
    cloud_storage.delete_version(uri, first)
    assert cloud_storage.read_version(uri) == (b"2", second)
    cloud_storage.delete_version(uri, second)
    cloud_storage.delete_version(uri, second)
    assert cloud_storage.read_version(uri) is None
    assert cloud_storage.replace(b"4", uri, second) is None


def test_a_second_launcher_in_a_bucket_is_refused(bucket, proxy, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(lease, "POLL_SECONDS", 0.05)
    stage, workspace = Stage("demo", 1, {}), Workspace(f"{bucket}/two-launchers")

    def work(output):
        with pytest.raises(BerthError, match="another process is working on this output"):
            run(stage, workspace, lambda output: pytest.fail("two launchers"))
        write(output.path("a.txt"), b"a")

    assert [file.path for file in run(stage, workspace, work).manifest.files] == ["a.txt"]
    assert storage.names_below(workspace.directory(stage)) == [".revisions.json", "a.txt", "manifest.json"]


def test_sequential_reads_fetch_growing_ranges_and_seeks_short_ones(bucket, proxy, monkeypatch):
    monkeypatch.setattr(cloud_reader, "SHORTEST", 1000)
    monkeypatch.setattr(cloud_reader, "LONGEST", 8000)
    monkeypatch.setattr(cloud_storage, "BUFFER_BYTES", 100)
    content = bytes(range(256)) * 200
    write(f"{bucket}/large", content)
    with storage.open_read(f"{bucket}/large") as file:
        proxy.requests.clear()
        assert b"".join(iter(lambda: file.read(70), b"")) == content
        assert len(proxy.requests) == 9  # of 1, 2, 4, 8, 8, 8 … thousand bytes
        proxy.requests.clear()
        for offset in (40_000, 7, 50_000):
            file.seek(offset)
            assert file.read(300) == content[offset : offset + 300]
        assert (file.seek(-10, io.SEEK_END), file.read(), file.read()) == (len(content) - 10, content[-10:], b"")
        assert len(proxy.requests) == 4
        file.seek(10)
        assert file.read() == content[10:]
        assert len(proxy.requests) == 5


def test_a_column_of_a_table_is_read_without_the_rest(bucket, proxy):
    buffer = io.BytesIO()
    table = {"id": range(1000), "text": [os.urandom(2000).hex() for _ in range(1000)]}
    pq.write_table(pa.table(table), buffer, compression="none")
    write(f"{bucket}/table.parquet", buffer.getvalue())
    lengths = []
    proxy.faults = [("GET /download/", lambda body: lengths.append(len(body)) or body, 100)]
    with storage.open_read(f"{bucket}/table.parquet") as file:
        assert pq.read_table(file, columns=["id"])["id"].to_pylist() == list(range(1000))
    assert sum(lengths) < len(buffer.getvalue()) / 4


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(bucket, proxy):
    uri = f"{bucket}/replaced"
    write(uri, b"a" * 500_000)
    with storage.open_read(uri) as file:
        assert file.read(5) == b"aaaaa"
        generation = re.search(r"generation=(\d+)", proxy.requests[-1])[1]
        # The emulator gives the new generation then; the real one, whose clients ask for the old one, answers 404.
        proxy.faults = [(f"generation={generation}", 404, 1)]
        with pytest.raises(BerthError, match="was replaced or deleted while it was being read"):
            file.read()


def test_a_range_of_an_object_is_one_request(bucket, proxy):
    uri = f"{bucket}/a range/ü"
    write(uri, bytes(range(256)) * 10)
    revision = storage.revision(uri)
    proxy.requests.clear()
    assert storage.read_range(uri, 250, 10, revision) == bytes([*range(250, 256), *range(4)])
    assert len(proxy.requests) == 1 and f"generation={revision}" in proxy.requests[0]
    for fault in ("drop", "deaf", 503, "cut", 429):
        proxy.faults = [("GET", fault, 2)]
        assert storage.read_range(uri, 0, 3, revision) == b"\0\1\2"
    proxy.faults = [("GET", "cut", 10**6)]
    proxy.requests.clear()
    with pytest.raises(BerthError, match="Cloud Storage cannot be reached") as error:
        storage.read_range(uri, 0, 3, revision)
    assert error.value.exit_status == 75
    assert sum("/o/a range" in request for request in proxy.requests) == retry.ATTEMPTS


def test_a_range_that_an_object_does_not_have_is_an_error(bucket, proxy):
    """One that lies about its size, or was replaced: at once, and never fewer bytes."""
    uri = f"{bucket}/short"
    write(uri, b"a" * 100)
    revision = storage.revision(uri)
    with pytest.raises(BerthError, match=r"short: .*another part.* Found bytes 90-99. Expected bytes 90-109"):
        storage.read_range(uri, 90, 20, revision)
    for status in (404, 416):
        proxy.faults = [(f"generation={revision}", status, 1)]
        with pytest.raises(BerthError, match=r"short, bytes 90 to 94: the object was replaced, deleted or shortened"):
            storage.read_range(uri, 90, 5, revision)
    proxy.faults = [("GET", 403, 10)]
    with pytest.raises(BerthError, match="denies access"):
        storage.read_range(uri, 90, 5, revision)


def test_an_answer_that_trickles_in_is_broken_off_and_asked_for_again(bucket, proxy, monkeypatch):
    """A byte at a time, always before the client's own limit, which is for the time between two packets."""
    uri = f"{bucket}/slow"
    write(uri, b"abcdefgh" * 10)
    monkeypatch.setattr(cloud_range, "SECONDS", 0.3)
    proxy.faults = [("GET", "slow", 2)]
    proxy.requests.clear()
    assert storage.read_range(uri, 0, 80) == b"abcdefgh" * 10
    assert len(proxy.requests) == 3
    proxy.faults = [("GET", "slow", 10**6)]
    with pytest.raises(BerthError, match=r"slow: Cloud Storage cannot be reached. Found .* of 80 bytes arrived in 0.3"):
        storage.read_range(uri, 0, 80)


def test_a_lost_connection_is_tried_again_by_the_policy_then_explained(bucket, proxy):
    write(f"{bucket}/lost", b"found")
    for fault in ("drop", "deaf", 503, "cut"):
        proxy.faults = [("GET", fault, 2)]
        assert storage.read_bytes(f"{bucket}/lost") == b"found"
        proxy.faults = [("GET", fault, 10**6)]
        proxy.requests.clear()
        with pytest.raises(BerthError, match="gs://berth-test/lost: Cloud Storage cannot be reached") as error:
            storage.read_bytes(f"{bucket}/lost")
        assert error.value.exit_status == 75
        # The client also asks for the bucket, once, in a thread of its own.
        assert sum("/o/lost" in request for request in proxy.requests) == retry.ATTEMPTS


def test_missing_buckets_and_denied_access_are_errors(bucket, proxy):
    for use in (
        storage.read_bytes,
        storage.names_below,
        storage.size,
        storage.exists,
        storage.delete,
        storage.is_directory,
    ):
        proxy.faults = [("GET", 403, 10)]
        with pytest.raises(BerthError, match=r"denies access\. Found .*denied by the test"):
            use(f"{bucket}/x")
        proxy.faults = [("GET", 404, 10)]
        with pytest.raises(BerthError, match=r"there is no such bucket\. Found no bucket berth-test"):
            use(f"{bucket}/x")
    proxy.faults = [("POST", 404, 10)]
    with pytest.raises(BerthError, match="there is no such bucket"):
        write(f"{bucket}/x", b"x")


@pytest.mark.parametrize("uri", ["gs://Upper/x", "gs://a/x", "gs:///x", "gs://under_/x", "gs://sp ace/x"])
def test_an_invalid_bucket_name_reaches_no_server(uri):
    with pytest.raises(UsageError, match="this is not a valid bucket name"):
        storage.exists(uri)


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """A machine that is not Google's, and a user who has not logged in."""
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setattr(cloud_credentials, "_PRODUCT_NAME", tmp_path / "product_name")
    cloud_storage.client.cache_clear()
    yield tmp_path
    cloud_storage.client.cache_clear()


def test_without_credentials_one_short_probe_decides(nobody, monkeypatch):
    """google-auth's own search for a metadata server, which takes 20 s where none answers, does not begin."""
    searches = []
    monkeypatch.setattr("google.auth.default", lambda *arguments, **options: searches.append(arguments))
    monkeypatch.setattr(cloud_credentials, "PROBE_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(cloud_credentials, "METADATA_SERVER", silent.getsockname())
        with pytest.raises(BerthError, match=r"no credentials for Google Cloud Storage\..*application-default"):
            storage.exists("gs://some-bucket/x")
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # there was no second connection
            silent.accept()
    assert searches == []


def test_where_there_may_be_credentials_google_auth_is_asked(nobody, monkeypatch):
    monkeypatch.setattr(cloud_credentials, "METADATA_SERVER", ("127.0.0.1", 1))
    with pytest.raises(BerthError, match="no credentials"):
        cloud_credentials.check_credentials()
    (nobody / "product_name").write_text("Google Compute Engine\n")
    cloud_credentials.check_credentials()
    (nobody / "product_name").write_text("Other\n")
    (nobody / "application_default_credentials.json").write_text("{}")
    cloud_credentials.check_credentials()
    (nobody / "application_default_credentials.json").unlink()
    with StubServer(MetadataServer) as server:
        monkeypatch.setattr(cloud_credentials, "METADATA_SERVER", server.server_address)
        cloud_credentials.check_credentials()


class MetadataServer(StubHandler):
    """Answers as the metadata server of a machine of Google's does."""

    def respond(self, body):
        self.send(200, b"", {"Metadata-Flavor": self.headers["Metadata-Flavor"]})

"""`berth sync`: what is copied, what is left, and what happens when the connection or the right to copy is lost."""

import re
import signal
import subprocess
import sys
import time

import pytest

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage import Stage, Workspace, run, transfer
from berth.stage.inputs import Inputs
from berth.stage.transfer import sync

# A connection that is dropped is left to the garbage collector by urllib3.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FILES = {"a.txt": b"a" * 1000, "deep/b.bin": bytes(range(256)) * 40, "deep/manifest.json": b"{}", "empty": b""}


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "source"
    for name, content in FILES.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


@pytest.fixture
def place(bucket, request):
    """An empty prefix of the bucket."""
    return f"{bucket}/{re.sub(r'[^a-z0-9_]+', '-', request.node.name)}"


def test_what_a_link_leads_to_is_copied_once(source, place, caplog):
    """`WORKSPACE/results` links to directories of the workspace, which are copied under their own names."""
    (source / "results").mkdir()
    (source / "results" / "newest").symlink_to("../deep")
    sync(str(source), place)
    assert objects(place) == FILES
    assert "links" not in caplog.text


def contents(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def objects(place):
    return {name: storage.read_bytes(storage.join(place, name)) for name in storage.names_below(place)}


def names(result, place):
    return [file.destination.removeprefix(f"{place}/") for file in result.copied]


def test_a_directory_goes_there_and_back_and_is_copied_once(place, source, tmp_path):
    first = sync(str(source), place)
    assert objects(place) == FILES
    assert names(first, place)[-1] == "deep/manifest.json"
    assert (sync(str(source), place).copied, sync(str(source) + "/", place + "/").skipped) == ((), 4)
    back = tmp_path / "back"
    assert names(sync(place, str(back)), str(back))[-1] == "deep/manifest.json"
    assert contents(back) == FILES
    assert sync(place, str(back)).copied == ()


def test_within_cloud_storage_nothing_passes_through_this_machine(place, source, proxy):
    sync(str(source), f"{place}/one")
    proxy.requests.clear()
    assert len(sync(f"{place}/one", f"{place}/two").copied) == 4
    assert not [request for request in proxy.requests if "/download/" in request or "/upload/" in request]
    assert objects(f"{place}/two") == FILES


def test_what_differs_is_copied_again_even_with_the_same_size(place, source, tmp_path):
    sync(str(source), place)
    (source / "a.txt").write_bytes(b"b" * 1000)
    assert names(sync(str(source), place), place) == ["a.txt"]
    back = tmp_path / "back"
    sync(place, str(back))
    (back / "deep" / "b.bin").write_bytes(b"short")
    assert names(sync(place, str(back)), str(back)) == ["deep/b.bin"]
    assert contents(back) == {**FILES, "a.txt": b"b" * 1000}


def test_a_single_file_gets_a_new_name_or_goes_into_a_directory(place, source, tmp_path):
    sync(str(source / "a.txt"), f"{place}/new.txt")
    sync(str(source / "a.txt"), f"{place}/into/")
    sync(str(source / "a.txt"), f"{place}/into")  # is a directory now
    assert set(objects(place)) == {"new.txt", "into/a.txt"}
    sync(f"{place}/new.txt", str(tmp_path))
    sync(f"{place}/new.txt", str(tmp_path / "other.txt"))
    assert (tmp_path / "new.txt").read_bytes() == (tmp_path / "other.txt").read_bytes() == FILES["a.txt"]


def test_patterns_name_files_by_their_paths_below_the_fixed_part(place, source, tmp_path):
    sync(f"{source}/**/*.bin", place)
    assert set(objects(place)) == {"deep/b.bin"}
    sync(f"{place}/deep/*.bin", str(tmp_path / "back"))
    assert set(contents(tmp_path / "back")) == {"b.bin"}


def test_what_a_process_leaves_beside_its_work_is_not_copied(place, source):
    for name in (".lock", "deep/.b.bin.tmp"):
        (source / name).write_bytes(b"?")
    (source / ".stage.json").write_bytes(b"{}")
    sync(str(source), place)
    assert set(objects(place)) == {*FILES, ".stage.json"}


def test_the_lease_of_a_running_stage_is_not_copied(place, source, tmp_path):
    sync(str(source), place)
    with storage.atomic_write(storage.join(place, ".lease")) as file:
        file.write(b"{}")
    sync(place, str(tmp_path / "back"))
    assert set(contents(tmp_path / "back")) == set(FILES)


def test_large_files_go_in_chunks_both_ways(place, source, proxy, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "BATCH_BYTES", 5000)
    monkeypatch.setattr(transfer, "CHUNK_BYTES", 3000)
    sync(str(source), place)
    assert sum("partNumber" in request for request in proxy.requests) == 4
    assert objects(place) == FILES
    proxy.requests.clear()
    sync(place, str(tmp_path / "back"))
    assert sum("/download/" in request and "b.bin" in request for request in proxy.requests) == 4
    assert contents(tmp_path / "back") == FILES


def test_a_finished_stage_is_one_at_its_new_place_too(place, source, tmp_path):
    stage = Stage("demo", 1, {}, {"text": Inputs.of(str(source / "a.txt"))})

    def work(output):
        with output.shard("a.txt") as shard:
            shard.write(b"a")

    run(stage, Workspace(str(tmp_path / "w")), work)
    sync(str(tmp_path / "w"), place)
    assert run(stage, Workspace(place), work).was_up_to_date


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/absolute", "a//b", ".", "line\\nbreak"])
def test_an_objects_name_cannot_leave_the_directory(name, place, source, proxy, tmp_path):
    sync(str(source / "a.txt"), f"{place}/harmless")
    proxy.faults = [(r"GET .*/o\?", lambda body: body.replace(b"harmless", name.encode()), 10)]
    with pytest.raises(UsageError, match="this is not a valid file name"):
        sync(place, str(tmp_path / "a" / "b"))
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        ("a", "b", "source and destination are both local"),
        ("missing", "gs://berth-test/x", "no file matches"),
        ("gs://berth-test/missing", "x", "no file matches"),
        ("a", "gs://B_/x", "this is not a valid bucket name"),
        ("gs://-b/x", "x", "this is not a valid bucket name"),
        ("gs:///x", "x", "this is not a valid bucket name"),
    ],
)
def test_wrong_use_is_explained(source, destination, message, bucket, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("a")
    with pytest.raises(UsageError, match=message):
        sync(source, destination)


@pytest.mark.parametrize("kind", ["drop", "deaf", 503])
@pytest.mark.parametrize("request_", ["POST /upload/", "GET /download/", "GET /storage/v1/b/berth-test/o"])
def test_what_is_lost_for_a_moment_is_tried_again(request_, kind, place, source, proxy, tmp_path):
    proxy.faults = [(request_, kind, 2)]
    sync(str(source), place)
    sync(place, str(tmp_path / "back"))
    assert proxy.faults == []
    assert contents(tmp_path / "back") == FILES


def test_a_download_that_breaks_in_the_middle_is_completed(place, source, proxy, tmp_path):
    sync(str(source), place)
    proxy.faults = [("GET /download/.*b.bin", "cut", 1)]
    sync(place, str(tmp_path / "back"))
    assert proxy.faults == []
    assert contents(tmp_path / "back") == FILES


def test_a_connection_that_stays_lost_leaves_only_whole_files_and_no_manifest(place, source, proxy, tmp_path):
    proxy.faults = [(r"POST /upload/.*", "drop", 10**6)]
    with pytest.raises(BerthError, match="Cloud Storage cannot be reached"):
        sync(str(source), place)
    assert objects(place) == {}
    proxy.faults = []
    sync(str(source), place)
    proxy.faults = [(r"GET /download/.*b\.bin", "cut", 10**6)]
    with pytest.raises(BerthError, match="Cloud Storage cannot be reached"):
        sync(place, str(tmp_path / "back"))
    assert not [name for name in contents(tmp_path / "back") if "manifest" in name or ".tmp" in name or "b.bin" in name]
    proxy.faults = []
    sync(place, str(tmp_path / "back"))
    assert contents(tmp_path / "back") == FILES


def test_damage_on_the_way_is_noticed(place, source, proxy, tmp_path):
    sync(str(source), place)
    proxy.faults = [("GET /download/.*a.txt", lambda body: b"x" + body[1:], 1)]
    with pytest.raises(BerthError, match="differs from its original"):
        sync(place, str(tmp_path / "back"))
    assert not (tmp_path / "back" / "a.txt").exists()


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        ("POST /upload/", 403, "Cloud Storage denies access. Found .*denied by the test"),
        ("POST /upload/", 404, "there is no such bucket. Found no bucket berth-test"),
        ("GET /storage/", 403, "Cloud Storage denies access. Found .*denied by the test"),
        ("GET /storage/", 404, "there is no such bucket. Found no bucket berth-test"),
    ],
)
def test_a_refusal_is_explained_and_not_tried_again(request_, status, message, place, source, proxy):
    proxy.faults = [(request_, status, 10**6)]
    with pytest.raises(BerthError, match=message):
        sync(str(source), place)
    assert sum(request_ in request for request in proxy.requests) <= len(FILES)


@pytest.mark.reproducibility
def test_a_sync_that_was_killed_continues(place, source, proxy, tmp_path):
    for number in range(40):
        (source / f"{number:03d}.txt").write_bytes(b"%d" % number * 1000)
    script = f"from berth.stage.transfer import sync; sync({str(source)!r}, {place!r})"
    process = subprocess.Popen([sys.executable, "-c", script])
    while sum("POST /upload/" in request for request in proxy.requests) < 15:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = []
    while there != (there := storage.names_below(place)):  # what was under way arrives
        time.sleep(0.2)
    assert 5 < len(there) < 40 and f"{place}/deep/manifest.json" not in there
    result = sync(str(source), place)
    assert result.skipped == len(there)
    assert objects(place) == contents(source)


def test_the_command_says_what_it_copied(place, source):
    def berth(*words):
        command = [sys.executable, "-c", "from berth.app.cli import main; main()", *words]
        return subprocess.run(command, capture_output=True, text=True)

    assert berth("sync", str(source), place).stdout.splitlines() == [
        *(f"{place}/{name}" for name in ("a.txt", "deep/b.bin", "empty", "deep/manifest.json")),
        "4 files copied (11,242 B), 0 existed already",
    ]
    again = berth("sync", str(source), place)
    assert (again.returncode, again.stdout) == (0, "0 files copied (0 B), 4 existed already\n")
    wrong = berth("sync", str(source), "elsewhere")
    assert wrong.returncode == 2 and "source and destination are both local" in wrong.stderr

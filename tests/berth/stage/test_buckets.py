"""Stages in a bucket: processes that meet there, though each takes a lease; late requests, listings that lag."""

import contextlib
import functools
import logging
from random import Random
from types import SimpleNamespace

import pytest

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage import Directory, Stage, Workspace, claim, lease, run
from berth.stage.identity import Claim
from berth.stage.manifest import NAME, Manifest
from berth.stage.output import RECEIPTS
from berth.storage import cloud
from simulation.faults import SeededFaults
from support.simulated_bucket import SimulatedClient, Store, unavailable

STAGE, PLACE = Stage("demo", 1, {}), Workspace("gs://bucket/w")
DIRECTORY = PLACE.directory(STAGE)


@pytest.fixture
def store():
    return Store(recorded=(NAME,))


@pytest.fixture(autouse=True)
def _paused(monkeypatch):
    """No process renews its lease while it works; waiting takes no time."""
    seconds = [0.0]
    sleep = lambda duration: seconds.append(seconds[-1] + duration)  # noqa: E731
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: seconds[-1], sleep=sleep))
    monkeypatch.setattr(lease, "renewed", lambda lease: contextlib.nullcontext())


@pytest.fixture
def as_process(monkeypatch, store):
    """Work as the process of a name, within a context."""
    clients = []
    monkeypatch.setattr(cloud, "client", lambda: clients[-1])

    @contextlib.contextmanager
    def enter(name, faults=None):
        clients.append(SimulatedClient(store, faults or SeededFaults(Random(0)), name))
        yield
        clients.pop()

    return enter


def write(output, names=("a.txt", "b.txt")):
    for name in names:
        if not output.is_complete(name):
            with output.shard(name) as shard:
                shard.write(name.encode())
                shard.counters["letters"] += 1


def taken_over(output):
    """Another process waits until the lease has ended, begins, and is killed before it writes anything."""
    lease.Lease(output.uri).acquire()


def test_a_process_whose_work_was_taken_over_writes_no_manifest(store, as_process):
    def work(output):
        write(output)
        with as_process("second"):
            taken_over(output)

    with as_process("first"), pytest.raises(BerthError, match="another process is working on this output"):
        run(STAGE, PLACE, work)
    assert not store.versions
    with as_process("third"):
        assert run(STAGE, PLACE, write).manifest.counters == {"letters": 2}


def test_a_process_that_knows_that_its_work_was_taken_over_writes_no_more_shards(store, as_process):
    def work(output):
        with as_process("second"):
            taken_over(output)
        assert not output.lease.renew()  # as the thread does every few seconds
        write(output)

    with as_process("first"), pytest.raises(BerthError, match="another process has taken over this output"):
        run(STAGE, PLACE, work)
    assert not any(key.endswith(".txt") for key in store.objects)


def test_wrong_use_deletes_nothing_of_the_process_that_took_over(store, as_process):
    def work(output):
        with as_process("second"):
            taken_over(output)
            write(output)
        raise UsageError("impossible")

    with as_process("first"), pytest.raises(UsageError, match="impossible"):
        run(STAGE, PLACE, work)
    assert f"{DIRECTORY}/a.txt".removeprefix("gs://bucket/") in store.objects


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), UsageError("impossible"), BerthError("no luck")])
def test_the_lease_is_given_back_however_the_work_ends(store, as_process, error):
    def work(output):
        assert f"{DIRECTORY}/.lease".removeprefix("gs://bucket/") in store.objects
        write(output)
        if error is not None:
            raise error

    with as_process("first"), contextlib.nullcontext() if error is None else pytest.raises(type(error)):
        run(STAGE, PLACE, work)
    assert not any(key.endswith("lease") for key in store.objects)


def test_a_bucket_in_which_nothing_can_be_replaced_is_one_error(store, as_process, caplog):
    class Refusing(SeededFaults):
        def before(self, client, kind, key, carry_out):
            if (kind == "upload" and key in store.objects) or kind == "delete":
                raise unavailable(kind, 403, "does not have storage.objects.delete access")

    with (
        as_process("first", Refusing(Random(0))),
        pytest.raises(BerthError, match=r"\.lease: the lease of a running stage cannot be renewed.*objectUser"),
    ):
        run(STAGE, PLACE, write)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not store.versions


def test_of_two_processes_that_finish_a_stage_one_writes_the_manifest(store, as_process):
    def interrupted(output):
        write(output)
        with as_process("second"):  # finishes, and removes the receipts
            run(STAGE, PLACE, write)

    with as_process("first"):
        result = run(STAGE, PLACE, interrupted)
        assert result.manifest == Manifest.read(DIRECTORY)
        assert run(STAGE, PLACE, write).was_up_to_date
    assert [len(versions) for versions in store.versions.values()] == [1]
    assert result.manifest.counters == {"letters": 2}


def test_a_shard_whose_receipt_another_process_removed_is_not_listed_without_its_counters(store, as_process):
    def cleared(output):
        write(output)
        with as_process("second"):  # takes the directory over, as one that saw no shards and no note
            storage.delete(output.path(RECEIPTS))

    with as_process("first"):
        with pytest.raises(BerthError, match="another process is working on this output"):
            run(STAGE, PLACE, cleared)
        assert not storage.exists(f"{DIRECTORY}/{NAME}")
        assert run(STAGE, PLACE, write).manifest.counters == {"letters": 2}


def test_the_note_of_what_is_there_is_replaced_and_never_absent(store, as_process):
    class NoUpload(SeededFaults):
        def before(self, client, kind, key, carry_out):
            if kind == "upload":
                raise unavailable(kind, 403, "the quota of the bucket is exceeded")

    identity = STAGE.identity
    with as_process("first"):
        claim.take(identity, DIRECTORY, [])
    with as_process("second", NoUpload(Random(0))), pytest.raises(BerthError):
        claim.take(identity.model_copy(update={"version": 2}), DIRECTORY, [])
    with as_process("first"):
        assert Claim.read(DIRECTORY).digest == identity.digest


def test_what_another_process_finished_a_moment_ago_is_not_deleted(store, as_process, monkeypatch):
    found = storage.names_below

    def late(uri):
        names = found(uri)  # of the empty directory
        monkeypatch.setattr(storage, "names_below", found)
        with as_process("second"):
            run(STAGE, PLACE, write)
        return names

    with as_process("first"):
        monkeypatch.setattr(storage, "names_below", late)
        assert run(STAGE, PLACE, write).manifest.counters == {"letters": 2}
    assert [len(versions) for versions in store.versions.values()] == [1]


def test_a_late_request_to_delete_spares_what_was_written_after_it(store, as_process, monkeypatch):
    uri = f"{DIRECTORY}/a.txt"
    with as_process("first"):
        run(STAGE, PLACE, write)
        before = cloud.client().bucket("bucket").blob(uri.removeprefix("gs://bucket/"))
        before.reload()
        with storage.atomic_write(uri) as file:
            file.write(b"new")
        cloud.delete_version(uri, before.generation)
        assert storage.read_bytes(uri) == b"new"


def test_shards_that_a_listing_does_not_show_yet_are_in_the_manifest(store, as_process):
    class Lagging(SeededFaults):
        def unseen(self, client, store):
            return {key for key, by in store.changed.items() if by != client.name}

    def from_elsewhere(output):
        assert not output.is_complete("a.txt")
        with as_process("worker"):
            write(type(output)(output.uri), ["a.txt"])

    with as_process("launcher", Lagging(Random(0))):
        manifest = run(STAGE, PLACE, from_elsewhere).manifest
    assert ([file.path for file in manifest.files], manifest.counters) == (["a.txt"], {"letters": 1})


def test_a_receipt_that_a_later_listing_does_not_show_still_counts(store, as_process):
    class Lagging(SeededFaults):
        lags = False

        def unseen(self, client, store):
            return {key for key, by in store.changed.items() if by != client.name and self.lags}

    def stopped(output):
        write(output, [".counts/a", "a.txt"])
        raise KeyboardInterrupt

    with as_process("first"), pytest.raises(KeyboardInterrupt):
        run(STAGE, PLACE, stopped)
    faults = Lagging(Random(0))

    def nothing_left_to_do(output):
        faults.lags = True

    with as_process("second", faults):
        assert run(STAGE, PLACE, nothing_left_to_do).manifest.counters == {"letters": 2}


def test_an_intermediate_file_that_is_gone_leaves_its_counters(tmp_path):
    def stopped(output, error=None):
        if not output.is_complete("a.txt"):
            write(output, [".counts/a", "a.txt"])
        storage.delete(output.path(".counts"))
        if error is not None:
            raise error

    with pytest.raises(KeyboardInterrupt):
        run(STAGE, Directory(str(tmp_path)), functools.partial(stopped, error=KeyboardInterrupt()))
    assert run(STAGE, Directory(str(tmp_path)), stopped).manifest.counters == {"letters": 2}

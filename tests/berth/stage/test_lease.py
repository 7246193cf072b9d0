"""The lease of a stage's directory in a bucket: how it is taken, waited for, renewed, lost and given back."""

import json
import logging
import os
import threading
from random import Random
from types import SimpleNamespace

import pytest

from berth.errors import BerthError, TemporaryError
from berth.stage import lease
from berth.stage.lease import LEASE, Lease, held
from berth.storage import cloud
from simulation.faults import SeededFaults
from support.simulated_bucket import SimulatedClient, Store, unavailable

DIRECTORY, KEY = "gs://bucket/w/stage", f"w/stage/{LEASE}"


@pytest.fixture
def store(monkeypatch):
    """An empty bucket; all processes of a test use the same client."""
    store = Store()
    monkeypatch.setattr(cloud, "client", lambda: SimulatedClient(store, SeededFaults(Random(0))))
    return store


@pytest.fixture
def sleeping(monkeypatch):
    """Functions that are called in turn when a process sleeps; then only time passes."""
    seconds, todo = [0.0], []

    def sleep(duration):
        seconds.append(seconds[-1] + duration)
        if todo:
            todo.pop(0)()

    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: seconds[-1], sleep=sleep))
    return SimpleNamespace(seconds=seconds, todo=todo)


def acquired():
    taken = Lease(DIRECTORY)
    taken.acquire()
    return taken


def test_a_lease_names_its_holder_and_is_gone_in_the_end(store):
    with held(DIRECTORY):
        content = json.loads(store.objects[KEY].content)
        assert (content["process"], content["seconds"]) == (os.getpid(), lease.SECONDS)
    assert not store.objects


def test_a_thread_renews_it(store, monkeypatch):
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 0.001)
    renewed, put = threading.Event(), store.put

    def noted(key, content, by):
        if key in store.objects:
            renewed.set()
        return put(key, content, by)

    monkeypatch.setattr(store, "put", noted)
    with held(DIRECTORY):
        assert renewed.wait(60)
    assert not store.objects
    assert "lease" not in {thread.name for thread in threading.enumerate()}


def test_a_second_process_is_refused_as_soon_as_it_sees_a_renewal(store, sleeping):
    first = acquired()
    sleeping.todo += [lambda: None, first.renew]
    with pytest.raises(BerthError, match=r"w/stage: another process is working on this output.*Wait until it has"):
        acquired()
    assert sleeping.seconds[-1] == 2 * lease.POLL_SECONDS
    assert first.renew()


def test_a_second_process_begins_when_the_first_has_ended(store, sleeping):
    first = acquired()
    sleeping.todo += [lambda: None, first.release]
    assert acquired().renew()
    assert sleeping.seconds[-1] < lease.SECONDS


def test_a_dead_process_is_followed_after_the_time_that_its_lease_says(store, sleeping, caplog):
    caplog.set_level(logging.INFO)
    dead = acquired()
    content = json.loads(store.objects[KEY].content) | {"seconds": 20.0, "host": "elsewhere", "process": 7}
    store.put(KEY, json.dumps(content).encode())
    assert acquired().renew()
    assert sleeping.seconds[-1] == 20
    assert "process 7 on elsewhere may be working on gs://bucket/w/stage: waiting up to 20 s" in caplog.messages[0]
    assert "was not renewed for 20 s" in caplog.messages[1]
    assert not dead.renew()
    with pytest.raises(BerthError, match="another process has taken over this output"):
        dead.check()
    dead.release()
    assert KEY in store.objects  # it is the other's


@pytest.mark.parametrize("content", [b"", b"{}", b'{"holder": "x", "host": "y", "process": 1, "seconds": 1e9}'])
def test_a_damaged_lease_ends_after_the_usual_time(store, sleeping, content):
    store.put(KEY, content)
    assert acquired().renew()
    assert sleeping.seconds[-1] == lease.SECONDS


def test_a_renewal_whose_answer_was_lost_is_no_loss(store, monkeypatch):
    taken, upload = acquired(), cloud.replace

    def unanswered(content, uri, generation):
        monkeypatch.setattr(cloud, "replace", upload)
        upload(content, uri, generation)
        raise TemporaryError("Cloud Storage cannot be reached")

    monkeypatch.setattr(cloud, "replace", unanswered)
    with pytest.raises(TemporaryError):
        taken.renew()
    assert taken.renew()
    taken.check()
    taken.release()
    assert not store.objects


@pytest.fixture
def kept(store, monkeypatch):
    """A lease that was taken in a bucket where objects can be created, but neither replaced nor deleted."""

    def refuse(faults, client, kind, key, carry_out):
        if (kind == "upload" and key in store.objects) or kind == "delete":
            raise unavailable(kind, 403, "does not have storage.objects.delete access")

    monkeypatch.setattr(SeededFaults, "before", refuse)
    return acquired()


def test_a_bucket_in_which_nothing_can_be_replaced_is_explained(kept):
    refused = r"/\.lease: the lease of a running stage cannot be renewed.*storage\.objects\.delete.*objectUser"
    with pytest.raises(BerthError, match=refused):
        kept.renew()
    with pytest.raises(BerthError, match=refused):
        kept.check()


def test_a_bucket_in_which_nothing_can_be_deleted_costs_others_some_waiting(kept, caplog):
    kept.release()
    assert "others wait up to 60 s" in caplog.messages[-1]

"""In every order of their system calls, two processes never hold the lock of a directory, whatever is deleted."""

import fcntl
import functools
import os
import shutil
from collections import Counter

import pytest

from berth.errors import BerthError
from berth.stage import lock
from berth.storage import local
from support.interleavings import every_order

CALLS = ("open", "stat", "unlink", "close", "rmdir")


class Calls:
    """A module of the standard library, some of whose functions are points of exchange."""

    def __init__(self, module, names, before):
        self._module, self._names, self._before = module, names, before

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if name not in self._names:
            return found

        def call(*arguments, **options):
            self._before(name)
            return found(*arguments, **options)

        return call


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """What happens, in each order, when processes lock a directory; some delete it in the end, as those that fail."""
    monkeypatch.setattr(lock, "ATTEMPTS", 1)
    monkeypatch.setattr(local, "_fsync", lambda path: None)  # nothing here is about power failures
    place = str(tmp_path / "d")

    def run(schedule, names, deleting):
        inside, ends = [], []

        def before(call):
            name = schedule.point()
            if call == "unlink":  # from here on another process may begin
                inside.remove(name)

        def process(name):
            try:
                with lock.locked(place):
                    inside.append(name)
                    assert inside == [name], f"{inside} hold the lock"
                    if name in deleting:
                        lock.discard(place)
                    ends.append("held")
            except BerthError as error:
                assert "another process is working" in error.what
                ends.append("refused")

        monkeypatch.setattr(lock, "os", Calls(os, CALLS, before))
        monkeypatch.setattr(lock, "fcntl", Calls(fcntl, ("flock",), before))
        schedule.run({name: functools.partial(process, name) for name in names})
        assert not inside and not os.path.exists(os.path.join(place, lock.LOCK))
        shutil.rmtree(place, ignore_errors=True)
        return tuple(sorted(ends))

    def all_orders(names, deleting=""):
        return Counter(every_order(lambda schedule: run(schedule, names, deleting)))

    return all_orders


def test_two_processes_in_every_order(orders):
    ends = orders("ab", deleting="a")
    assert set(ends) == {("held", "held"), ("held", "refused")}
    assert sum(ends.values()) > 100


@pytest.mark.slow
@pytest.mark.parametrize("deleting", ["", "a", "abc"])
def test_three_processes_in_every_order(orders, deleting):
    ends = orders("abc", deleting)
    assert {("held", "held", "held"), ("held", "refused", "refused")} <= set(ends)
    print(f"{sum(ends.values())} orders: {dict(ends)}")  # noqa: T201 - the record of a long run


@pytest.mark.slow
def test_a_lock_that_did_not_look_at_the_path_again_would_be_found(orders, monkeypatch):
    def acquire(uri, path):
        if (handle := lock._try(uri, path)) is None:
            raise BerthError("another process is working on this output")
        return handle

    monkeypatch.setattr(lock, "_acquire", acquire)
    with pytest.raises(AssertionError, match=r"hold the lock(?s:.*), in the order \[.*\]"):
        orders("abc")

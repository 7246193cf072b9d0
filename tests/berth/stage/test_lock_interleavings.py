"""In every order of their system calls, two processes never hold the lock of a directory, whatever is deleted."""

import fcntl
import functools
import os
import shutil
from collections import Counter, defaultdict

import pytest

from berth.errors import BerthError
from berth.stage import lock
from berth.storage import local
from support.interleavings import every_order

CALLS = ("open", "stat", "unlink", "close", "rmdir")


class Calls:
    """A module of the standard library, some of whose functions are points of exchange.

    Args:
        module: The module.
        names: These functions.
        carry_out: Called with such a function's name and the call itself, whose result it returns.
    """

    def __init__(self, module, names, carry_out):
        self._module, self._names, self._carry_out = module, names, carry_out

    def __getattr__(self, name):
        found = getattr(self._module, name)
        if name not in self._names:
            return found
        return lambda *arguments, **options: self._carry_out(name, functools.partial(found, *arguments, **options))


class Files:
    """What processes did to the lock's file and learned of it, as far as the future depends on it."""

    def __init__(self, directory):
        self.directory, self.path = directory, os.path.join(directory, lock.LOCK)
        self.traces, self._labels, self._count = defaultdict(list), {}, 0

    def label(self, number):
        """A number of a file, which unlike that of an inode is not given twice."""
        if number not in self._labels:
            self._count += 1
            self._labels[number] = self._count
        return self._labels[number]

    def carry_out(self, process, name, call):
        if name == "unlink":
            self._labels.pop(os.stat(self.path).st_ino, None)
        try:
            result = call()
        except OSError as error:
            self.traces[process].append((name, type(error).__name__))
            raise
        known = {"open": os.fstat, "stat": lambda result: result}.get(name)
        self.traces[process].append((name, self.label(known(result).st_ino) if known else None))
        return result

    def state(self):
        there = self.label(os.stat(self.path).st_ino) if os.path.exists(self.path) else None
        return tuple(sorted((p, tuple(t)) for p, t in self.traces.items())), there, os.path.isdir(self.directory)


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """What happens, in each order, when processes lock a directory; some delete it in the end, as those that fail."""
    monkeypatch.setattr(lock, "ATTEMPTS", 1)
    monkeypatch.setattr(local, "_fsync", lambda path: None)  # nothing here is about power failures
    place = str(tmp_path / "d")

    def run(schedule, names, deleting):
        inside, ends, files = [], [], Files(place)
        schedule.state = files.state

        def carry_out(call, do):
            name = schedule.point()
            if call == "unlink":  # from here on another process may begin
                inside.remove(name)
            return files.carry_out(name, call, do)

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

        monkeypatch.setattr(lock, "os", Calls(os, CALLS, carry_out))
        monkeypatch.setattr(lock, "fcntl", Calls(fcntl, ("flock",), carry_out))
        schedule.run({name: functools.partial(process, name) for name in names})
        assert not inside, f"{inside} hold the lock of a file that is not there"
        assert not os.path.exists(files.path)
        shutil.rmtree(place, ignore_errors=True)
        return tuple(sorted(ends))

    def all_orders(names, deleting=""):
        return Counter(every_order(lambda schedule: run(schedule, names, deleting)))

    return all_orders


def test_two_processes_in_every_order(orders):
    ends = orders("ab", deleting="a")
    assert set(ends) == {("held", "held"), ("held", "refused")}
    assert sum(ends.values()) > 50


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

"""A task that fails leaves its message and exit status for `berth run`."""

import errno
import json
import os

import pytest

from berth.errors import TemporaryError, UsageError
from berth.recipe.file import load
from berth.stage.task import ERROR_VARIABLE, Task


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UsageError("wrong", where="x"), 2, "x: wrong."),
        (TemporaryError("lost", where="x"), 75, "x: lost."),
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/data/x"), 75, "/data/x: the operating system reports"),
        (OSError(errno.EPERM, os.strerror(errno.EPERM), "/data/x"), 1, "/data/x: the operating system reports"),
        (OSError("of a library"), 1, "unexpected OSError: of a library"),
        (ZeroDivisionError("division"), 1, "unexpected ZeroDivisionError: division"),
    ],
)
def test_status_and_message_of_an_error(error, status, message, tmp_path, monkeypatch):
    path = tmp_path / "error.json"
    task = Task("demo", load("quickstart").model_dump_json(), str(tmp_path))
    monkeypatch.setenv(ERROR_VARIABLE, str(path))
    with pytest.raises(SystemExit) as end:
        task.__exit__(type(error), error, None)
    left = json.loads(path.read_text())
    assert end.value.code == left["status"] == status
    assert left["message"].startswith(message) and left["stage"] == "demo"

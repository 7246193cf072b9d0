"""The first step of a job: elements are emitted only where versions agree."""

from __future__ import annotations

import pytest

from berth.errors import BerthError
from pipelines.engine import checked_create
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.runner import pipeline


@pytest.mark.parametrize("name", ["Berth", "Beam", "Python"])
def test_an_image_of_another_version_does_no_work(name, tmp_path, monkeypatch):
    here = checked_create.versions()
    launcher = {**here, name: "0.0.1"}
    answers = [launcher]
    monkeypatch.setattr(checked_create, "versions", lambda: answers.pop() if answers else here)
    with pytest.raises(BerthError) as caught, pipeline() as job:
        _ = job | CheckedCreate([1, 2]) | beam.Map(lambda number: (tmp_path / str(number)).touch())
    assert str(caught.value).startswith(
        "the workers' image is not of the version that started the job. "
        f"Found {name} {here[name]} there. Expected {name} 0.0.1."
    )
    assert list(tmp_path.iterdir()) == []

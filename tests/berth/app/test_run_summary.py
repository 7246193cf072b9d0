"""The last lines of `berth run`."""

from berth.app import run_summary
from berth.report.build import build_report
from berth.stage import Directory
from support.report_run import make_run


def summary(tmp_path, without=()):
    made = make_run(tmp_path)
    stages = {title: uri for title, uri in made.stages.items() if title not in without}
    result = build_report(
        recipe=made.recipe, stages=stages, planned={}, destination=Directory(str(tmp_path / "report"))
    )
    return list(run_summary.lines(result.uri, "workspace")), made.stages


def test_corpus_model_accuracy_report_and_what_to_try_next(tmp_path):
    lines, stages = summary(tmp_path)
    assert [line.split()[0] for line in lines[:4]] == ["corpus", "model", "accuracy", "report"]
    assert lines[0].endswith(stages["segment"])
    assert "after 500 steps in" in lines[1] and lines[1].endswith(stages.get("export huggingface", stages["train"]))
    assert "masked tokens guessed right on held-out text: 25.4% (always guessing 'the': 6.0%, " in lines[2]
    assert lines[2].endswith("from the left neighbour: 12.5%; tokens that masking kept do not count)")
    assert lines[3].split() == ["report", f"{tmp_path}/report/report.html"]
    assert "berth schema" in lines[4] and "berth verify workspace" in lines[5]


def test_a_run_until_the_data_gives_the_directories_of_its_stages(tmp_path):
    lines, stages = summary(tmp_path, without=("train", "evaluate"))
    data = {title: uri for title, uri in stages.items() if title not in ("train", "evaluate")}
    assert dict(line.rsplit(maxsplit=1) for line in lines[:-1]) == data
    assert lines[-1].split() == ["report", f"{tmp_path}/report/report.html"]

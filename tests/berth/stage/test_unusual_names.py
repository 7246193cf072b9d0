"""A stage in a directory with any name is run, resumed, verified, followed back and copied as in `plain`."""

import json

import pytest

from berth import storage
from berth.errors import BerthError, UsageError, printable
from berth.stage import Directory, Stage, Workspace, run
from berth.stage.inputs import Inputs
from berth.stage.lineage import describe, finished_stages, inputs_of, origins_of
from berth.stage.manifest import Manifest
from berth.stage.transfer import sync
from berth.stage.verification import verify
from support.unusual_names import FEW, few_and_many, in_cloud

PARTS = ("part-0.txt", "part-1.txt", "deep/part-2.txt")


@pytest.fixture(params=["local", "cloud"])
def parent(request, tmp_path, bucket):
    return str(tmp_path) if request.param == "local" else f"{bucket}/{tmp_path.name}"


def write(uri, text):
    with storage.atomic_write(uri) as file:
        file.write(text.encode())


def outcome(directory):
    """What becomes of a workspace in a directory that also holds the input."""
    write(storage.join(directory, "in", "text.txt"), "given")
    given = Inputs.of(storage.Pattern(storage.join(directory, "in"), "*.txt"))
    place = Workspace(storage.join(directory, "ws"))
    started = []

    def work(output):
        for part in PARTS:
            if not output.is_complete(part):
                started.append(part)
                with output.shard(part) as shard:
                    shard.write(part.encode())
                    shard.records = 1
                    shard.counters["parts"] += 1
                if len(started) == 2:
                    raise KeyboardInterrupt

    first = Stage("first", 1, {}, {"text": given}, seed=1)
    with pytest.raises(KeyboardInterrupt):
        run(first, place, work)
    result = run(first, place, work)
    again = run(first, place, work)

    def second_work(output):
        with output.shard("out.txt") as shard:
            shard.counters["files"] = len(result.files("*").files)

    second = run(Stage("second", 1, {}, {"parts": result.files("*")}), place, second_work)
    return {
        "started": started,
        "up to date": again.was_up_to_date,
        "manifest": json.loads(result.manifest.model_dump_json(include={"files", "counters", "digest"})),
        "origins": [uri.removeprefix(directory) for uri in origins_of(result.manifest.inputs["text"], result.uri)],
        "listed": storage.names_below(place.uri),
        "whole": Inputs.of(result.uri).digest == result.files("*").digest == Inputs.at(result.uri).digest,
        "by a user's pattern": Inputs.of(storage.join(result.uri, "part-*.txt")).digest,
        "tree": [file.name for file in Inputs.of_tree(storage.join(result.uri, "**/*.txt")).files],
        "read": [inputs_of(second.uri, "parts").digest, inputs_of(result.uri, "text").digest],
        "stages": [uri.removeprefix(directory) for uri in finished_stages(place.uri, ancestors=True)],
        "lineage": describe(place.uri).replace(printable(directory), ""),
        "verified": (verify(place.uri), damage(directory, result.uri)),
    }


def damage(directory, uri):
    """What `verify` notices of a changed, an extra and a missing file."""
    write(storage.join(uri, "part-0.txt"), "PART-0.txt")
    write(storage.join(uri, "extra.txt"), "")
    storage.delete(storage.join(uri, "deep"))
    return [str(problem).replace(directory, "") for problem in verify(uri)]


@few_and_many
def test_a_stage_does_what_it_does_in_plain(parent, names):
    expected = outcome(storage.join(parent, "plain"))
    assert expected["started"] == list(PARTS)
    assert [file["path"] for file in expected["manifest"]["files"]] == sorted(PARTS)
    assert expected["origins"] == ["/in/*.txt"]
    assert len(expected["stages"]) == 2
    assert [problem.split(": ")[1] for problem in expected["verified"][1]] == [
        "extra",
        "missing",
        "the content differs",
    ]
    for name in in_cloud(names)[:: 4 if names is FEW else 1] if storage.is_cloud(parent) else names:  # takes a second
        assert outcome(storage.join(parent, name)) == expected, name


def test_several_origins_are_not_joined(parent):
    for name in ("my data/a b.txt", "my/c.txt", "data/a"):
        write(storage.join(parent, name), name)
    given = Inputs.at(storage.join(parent, "my data/a b.txt"), storage.join(parent, "my/c.txt"))
    result = run(Stage("s", 1, {}, {"text": given}), Directory(storage.join(parent, "out")), lambda output: None)
    recorded = Manifest.read(result.uri).inputs["text"]
    assert recorded.uri == (storage.join(parent, "my data/a b.txt"), storage.join(parent, "my/c.txt"))
    assert inputs_of(result.uri, "text").uris == given.uris
    assert verify(result.uri) == []
    write(storage.join(parent, "my data/a b.txt"), "changed")
    assert ["a b.txt is not what was read" in str(problem) for problem in verify(result.uri)] == [True]


@few_and_many
def test_sync_copies_what_it_copies_from_plain(bucket, tmp_path, names):
    parent = f"{bucket}/{tmp_path.name}"

    def there_and_back(name):
        source, back = tmp_path / "from" / name, tmp_path / "back" / name
        for part in PARTS:
            write(str(source / part), part)
        copies = [
            len(sync(str(source), f"{parent}/{name}").copied),
            len(sync(str(source), f"{parent}/{name}").copied),
            len(sync(f"{parent}/{name}", f"{parent}/again/{name}").copied),
            len(sync(f"{parent}/again/{name}", str(back)).copied),
            len(sync(f"{source}/part-*.txt", f"{parent}/some/{name}").copied),
            len(sync(f"{parent}/{name}/**/*.txt", str(back)).copied),
            len(sync(str(source / PARTS[0]), f"{parent}/one/{name}/new.txt").copied),
        ]
        places = (str(back), f"{parent}/{name}", f"{parent}/some/{name}", f"{parent}/one/{name}")
        return copies, [storage.names_below(place) for place in places]

    expected = there_and_back("plain")
    assert expected[0] == [3, 0, 3, 3, 2, 0, 1]
    assert expected[1] == [sorted(PARTS), sorted(PARTS), ["part-0.txt", "part-1.txt"], ["new.txt"]]
    for name in in_cloud(names):
        assert there_and_back(name) == expected, name
    write(str(tmp_path / "a\nb" / "x"), "")
    with pytest.raises(UsageError, match="cannot hold line breaks"):
        sync(str(tmp_path / "a\nb"), f"{parent}/a\nb")


def test_an_input_that_is_gone_is_no_pattern(tmp_path):
    write(str(tmp_path / "x1.txt"), "other")
    with pytest.raises(BerthError, match=r"x\[1\]\.txt: no file matches"):
        Inputs.at(str(tmp_path / "x[1].txt"))

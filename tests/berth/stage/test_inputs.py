"""Files of a pattern, called by their paths below its fixed part."""

import pytest

from berth.errors import UsageError
from berth.stage import Directory, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.verification import verify


@pytest.fixture
def tree(tmp_path):
    for name in ("b/two.txt", "a/one.txt", "a/deep/one.txt", "top.txt", "a/other.md"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(name)
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("**/*.txt", ["a/deep/one.txt", "a/one.txt", "b/two.txt", "top.txt"]),
        ("*/*.txt", ["a/one.txt", "b/two.txt"]),
        ("a/o*", ["one.txt", "other.md"]),
        ("[ab]/t?o.txt", ["b/two.txt"]),
        ("top.txt", ["top.txt"]),
    ],
)
def test_names_are_paths_below_the_fixed_part_of_the_pattern(tree, pattern, names):
    found = Inputs.of_tree(f"{tree}/{pattern}")
    assert [file.name for file in found.files] == names
    assert all(file.uri.endswith(file.name) for file in found.files)


def test_a_place_that_does_not_matter_is_no_part_of_the_digest(tree, tmp_path):
    before = Inputs.of_tree(f"{tree}/**/*.txt").digest
    tree.rename(tmp_path / "moved")
    assert Inputs.of_tree(f"{tmp_path}/moved/**/*.txt").digest == before
    (tmp_path / "moved" / "a").rename(tmp_path / "moved" / "c")
    assert Inputs.of_tree(f"{tmp_path}/moved/**/*.txt").digest != before


def test_a_name_that_is_not_text_is_an_error(tmp_path):
    with open(f"{tmp_path}/caf\udce9.txt", "w"):
        pass
    for of in (Inputs.of, Inputs.of_tree):
        with pytest.raises(UsageError, match=r"the name of a file is not text.*caf\\xe9\.txt"):
            of(f"{tmp_path}/*.txt")


def test_a_pattern_without_files_is_an_error(tree):
    with pytest.raises(UsageError, match="no file matches"):
        Inputs.of_tree(f"{tree}/**/*.pdf")


def test_the_index_of_a_file_is_no_input_of_its_own(tmp_path):
    """It is found beside the file; a file that only has such a name is one."""
    for name in ("a.tfrecord", "a.tfrecord.index", "b.tfrecord", "lonely.index"):
        (tmp_path / name).write_text(name)
    names = ["a.tfrecord", "b.tfrecord", "lonely.index"]
    assert [file.name for file in Inputs.of(f"{tmp_path}/*").files] == names
    assert Inputs.of(f"{tmp_path}/*.tfrecord*").digest == Inputs.of(f"{tmp_path}/*.tfrecord").digest

    def work(output):
        for name in (*names, "a.tfrecord.index"):
            with output.shard(name) as shard:
                shard.write(name.encode())

    made = run(Stage("demo", 1, {}), Directory(str(tmp_path / "out")), work)
    assert [file.name for file in made.files("*").files] == names
    assert [file.name for file in Inputs.of(made.uri).files] == names
    assert len(made.manifest.files) == 4 and verify(made.uri) == []
    (tmp_path / "out" / "a.tfrecord.index").unlink()
    assert [str(problem) for problem in verify(made.uri)] == [f"{made.uri}/a.tfrecord.index: missing"]

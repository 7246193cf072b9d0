"""A directory's name is never parsed: with any characters in it, every operation does what it does on `plain`."""

import os

import pytest

from berth import storage
from berth.errors import UsageError
from berth.storage import Pattern
from support.unusual_names import few_and_many

FILES = ("a.txt", "b.bin", "deep/c.txt", "deep/[x]/d e.txt", ".hidden/f")
PATTERNS = ("*.txt", "**/*.txt", "*/*", "[ab].*", "deep/[[]x]/?*", "*/**/*.txt")


@pytest.fixture(params=["local", "cloud"])
def parent(request, tmp_path, bucket):
    if request.param == "local":
        return str(tmp_path)
    return f"{bucket}/{tmp_path.name}"


def made(directory):
    for name in FILES:
        with storage.atomic_write(storage.join(directory, name)) as file:
            file.write(name.encode())


def outcome(directory):
    """What the operations give, in terms that do not show the directory's name."""
    storage.make_directory(directory)
    made(directory)
    uris = [storage.join(directory, name) for name in FILES]
    seen = {
        "names": storage.names_below(directory),
        "exists": [storage.exists(uri) for uri in [*uris, storage.join(directory, "none")]],
        "directories": [storage.is_directory(storage.join(directory, name)) for name in ("", "deep", "none", "a.txt")],
        "sizes": storage.sizes([*uris, storage.join(directory, "none")]),
        "read": storage.read_all(uris),
        "sha256": [storage.sha256(uri) for uri in uris],
        "relations": [(storage.basename(uri), storage.below(directory, storage.parent(uri))) for uri in uris[2:4]],
        "itself": storage.below(storage.parent(directory), uris[0]) == f"{storage.basename(directory)}/a.txt",
        "absolute": storage.absolute(directory) == directory,
        "given": storage.path(directory) == directory,
    }
    for names in PATTERNS:
        pattern = Pattern(directory, names)
        found = storage.glob(pattern)
        assert found == [storage.join(directory, name) for name in storage.names(pattern)]
        seen[names] = storage.names(pattern)
        if "**" not in names:
            assert storage.glob(storage.parse(str(pattern))) == found, "as a user gives it"
    for uri in [*uris, directory]:
        assert storage.parse(uri) == uri, "what exists is meant literally"
    storage.delete(storage.join(directory, "deep"))
    seen["deleted"] = storage.names_below(directory)
    storage.delete(directory)
    seen["gone"] = (storage.names_below(directory), storage.is_directory(directory))
    return seen


@few_and_many
def test_every_operation_does_what_it_does_on_plain(parent, names):
    expected = outcome(storage.join(parent, "plain"))
    assert expected["names"] == sorted(FILES)
    assert expected["**/*.txt"] == ["a.txt", "deep/[x]/d e.txt", "deep/c.txt"]
    assert expected["deep/[[]x]/?*"] == ["deep/[x]/d e.txt"]
    assert expected["deleted"] == [".hidden/f", "a.txt", "b.bin"]
    for name in names:
        directory = storage.join(parent, name)
        if storage.is_cloud(parent) and "\n" in name:
            with pytest.raises(UsageError, match=r"a\\nb.*cannot hold line breaks"):
                made(directory)
        else:
            assert outcome(directory) == expected, name


def test_directories_that_a_name_would_match_as_a_pattern_are_left_alone(parent):
    made(storage.join(parent, "out1"))
    made(storage.join(parent, "out[1]"))
    storage.delete(storage.join(parent, "out[1]/deep"))
    assert storage.names_below(storage.join(parent, "out[1]")) == [".hidden/f", "a.txt", "b.bin"]
    assert storage.names_below(storage.join(parent, "out1")) == sorted(FILES)
    storage.delete(storage.join(parent, "out*"))
    assert storage.names_below(storage.join(parent, "out1")) == sorted(FILES)


def test_only_what_does_not_exist_under_its_name_is_a_pattern(parent):
    made(storage.join(parent, "out1"))
    text = storage.join(parent, "out[1]/*.txt")
    assert storage.glob(storage.parse(text)) == [storage.join(parent, "out1/a.txt")]
    with storage.atomic_write(storage.join(parent, "out[1]/mine.txt")) as file:
        file.write(b"")
    assert storage.glob(storage.parse(text)) == [storage.join(parent, "out[1]/mine.txt")]
    assert storage.parse(storage.join(parent, "none.txt")) == storage.join(parent, "none.txt")


def test_patterns_of_the_current_and_of_the_root_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made("deep[1]")
    assert storage.parse("*.txt") == Pattern("", "*.txt")
    assert storage.glob(Pattern("", "*/*.txt")) == ["deep[1]/a.txt"]
    assert storage.parse("/*/x") == Pattern("/", "*/x")
    assert storage.parse("deep[1]/*.txt") == Pattern("deep[1]", "*.txt")


def test_links_in_a_circle_are_not_followed(tmp_path):
    made(str(tmp_path / "d"))
    os.symlink("..", tmp_path / "d" / "up")
    os.symlink("a.txt", tmp_path / "d" / "alias.txt")
    assert storage.names_below(str(tmp_path / "d")) == sorted([*FILES, "alias.txt"])
    assert storage.names(Pattern(str(tmp_path / "d"), "up/d/*.bin")) == ["up/d/b.bin"]


def test_a_home_directory_is_written_out_where_a_user_gives_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert storage.path("~/o") == f"{tmp_path}/o"
    assert storage.path("a~/o") == "a~/o" and storage.path("./~") == "./~"
    with pytest.raises(UsageError, match=r"~nobody-of-this-name/x: there is no such home.*\./~nobody-of-this-name/x"):
        storage.path("~nobody-of-this-name/x")
    (tmp_path / "~file").write_text("")
    assert storage.path("~file") == "~file"


@pytest.mark.parametrize("read", [storage.path, storage.parse])
def test_other_storage_is_refused(read):
    with pytest.raises(UsageError, match=r"s3://b/x: this storage cannot be read\. Found s3://"):
        read("s3://b/x")


def test_a_file_whose_name_is_not_text_is_refused(tmp_path):
    with open(os.fsencode(tmp_path) + b"/a\xff.txt", "wb"):
        pass
    with pytest.raises(UsageError, match=r"the name of a file is not text.*Found 'a\\xff.txt'"):
        storage.names_below(str(tmp_path))

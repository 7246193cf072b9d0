"""What `berth sync` copies: no links, nothing outside the two places, and nothing that a terminal would obey."""

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from berth import storage
from berth.errors import UsageError
from berth.stage.transfer import sync


@pytest.fixture
def place(bucket, request):
    """An empty prefix of the bucket."""
    return f"{bucket}/{re.sub(r'[^a-z0-9_]+', '-', request.node.name)}"


@pytest.fixture
def source(tmp_path):
    """Two files, one of them deeper."""
    for name in ("a.txt", "deep/b.txt"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    return tmp_path / "source"


def test_links_are_not_followed_and_a_warning_says_so(place, source, tmp_path, caplog):
    os.symlink(source, source / "deep" / "circle")
    os.symlink(tmp_path / "outside", source / "elsewhere")
    os.symlink(tmp_path / "outside" / "secret.txt", source / "alias.txt")
    assert len(sync(str(source), place).copied) == 2
    assert storage.names_below(place) == ["a.txt", "deep/b.txt"]
    assert "links are not followed: 3, for example" in caplog.text
    sync(f"{source}/*/*.txt", f"{place}/pattern")
    assert storage.names_below(f"{place}/pattern") == ["deep/b.txt"]
    assert "links are not followed: 1, for example elsewhere/secret.txt" in caplog.text


def test_what_the_user_names_may_be_a_link(place, source, tmp_path):
    os.symlink(source, tmp_path / "directory")
    os.symlink(source / "a.txt", tmp_path / "file")
    sync(str(tmp_path / "directory"), place)
    sync(str(tmp_path / "file"), f"{place}/one")
    assert storage.names_below(place) == ["a.txt", "deep/b.txt", "one"]


def test_a_link_at_the_destination_is_not_followed(place, source, tmp_path):
    sync(str(source), place)
    back, outside = tmp_path / "back", tmp_path / "outside"
    back.mkdir()
    os.symlink(outside, back / "deep")
    with pytest.raises(UsageError, match=r"back/deep: a link in the destination leads elsewhere"):
        sync(place, str(back))
    assert os.listdir(outside) == ["secret.txt"] and os.listdir(back) == ["deep"]
    (back / "deep").unlink()
    (outside / "a.txt").write_text("a.txt")  # the same content
    os.symlink(outside / "a.txt", back / "a.txt")
    sync(place, str(back))
    assert not (back / "a.txt").is_symlink() and (back / "a.txt").read_text() == "a.txt"
    assert (outside / "a.txt").read_text() == "a.txt"


def test_a_planted_link_with_the_name_of_a_temporary_file_is_not_written_to(place, source, tmp_path):
    sync(str(source), place)
    back = tmp_path / "back"
    back.mkdir()
    os.symlink(tmp_path / "outside" / "secret.txt", back / ".a.txt.tmp")
    sync(place, str(back))
    assert (tmp_path / "outside" / "secret.txt").read_text() == "secret"
    assert (back / "a.txt").read_text() == "a.txt"


def test_several_downloads_to_one_place_all_succeed(place, tmp_path):
    for number in range(20):
        with storage.atomic_write(f"{place}/{number}") as file:
            file.write(bytes([number]) * 10_000)
    barrier = threading.Barrier(4)

    def download(_):
        barrier.wait()
        return sync(place, str(tmp_path / "back"))

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(download, range(4)))
    assert sorted(os.listdir(tmp_path / "back")) == sorted(map(str, range(20)))
    assert all((tmp_path / "back" / str(n)).read_bytes() == bytes([n]) * 10_000 for n in range(20))


def test_names_that_a_terminal_would_obey_are_shown_as_escapes(place, tmp_path):
    with storage.atomic_write(f"{place}/\x1b[2Jx\u202e") as file:
        file.write(b"")
    with pytest.raises(UsageError) as error:
        sync(place, str(tmp_path / "back"))
    assert r"/\x1b[2Jx\u202e: this is not a valid file name" in str(error.value)
    assert "\x1b" not in str(error.value) and "\u202e" not in str(error.value)

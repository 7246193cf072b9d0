"""A dump of any size, from the pages of the quickstart's excerpt: unique titles and ids, shuffled, multistream bz2.

    python tests/support/large_dump.py 0.1 dump.xml.bz2         # gigabytes of XML

Each round holds every page once, in an order of its own. Some of its words get the round's number as their ending, so
that distinct words grow with the size as in a real wiki (by about the square root of the words), and no two documents
are equal.
"""

from __future__ import annotations

import argparse
import bz2
import random
import re
from collections.abc import Iterator

from berth import storage

EXCERPT = "package://gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
PAGES_A_STREAM = 100
_TITLE, _ID = re.compile(r"<title>(.*?)</title>"), re.compile(r"<id>\d+</id>")
_WORD = re.compile(r"(?<= )[a-z]{6,}(?= )")


def pages_of(xml: str) -> tuple[str, list[str]]:
    """What comes before the first page, and the pages."""
    head, _, rest = xml.partition("  <page>\n")
    pages = [f"  <page>\n{page.partition('  </page>')[0]}  </page>\n" for page in rest.split("  <page>\n")]
    return head, pages


def copies(pages: list[str], size: int, seed: int = 1) -> Iterator[str]:
    """Pages with titles, ids and words of their own, of ``size`` characters in all; the last may be longer."""
    chance = random.Random(seed)
    done, number = 0, 0
    while done < size:
        for page in chance.sample(pages, len(pages)):
            number += 1
            title = _TITLE.sub(rf"<title>\g<1> ({number})</title>", page, count=1)
            copy = _ID.sub(f"<id>{number}</id>", title, count=1)
            marks = {chance.randrange(200) for _ in range(4)}
            words = iter(range(1 << 62))
            copy = _WORD.sub(
                lambda word, words=words, marks=marks, number=number: (  # type: ignore[misc]
                    f"{word[0]}{_letters(number)}" if next(words) in marks else word[0]
                ),
                copy,
            )
            yield copy
            done += len(copy)
            if done >= size:
                return


def _letters(number: int) -> str:
    """A number as letters."""
    text = ""
    while number:
        number, digit = divmod(number, 26)
        text += chr(ord("a") + digit)
    return text


def write(path: str, size: int, level: int = 1) -> None:
    """Write a dump.

    Args:
        path: The file; its name should end in ``.xml.bz2``.
        size: Bytes of XML, about.
        level: Compression level of bzip2: 9 as Wikimedia's, 1 to make it faster.
    """
    head, pages = pages_of(bz2.decompress(storage.read_bytes(EXCERPT)).decode())
    with open(path, "wb") as file:
        file.write(bz2.compress(head.encode(), level))
        stream: list[str] = []
        for page in copies(pages, size):
            stream.append(page)
            if len(stream) == PAGES_A_STREAM:
                file.write(bz2.compress("".join(stream).encode(), level))
                stream = []
        file.write(bz2.compress("".join([*stream, "</mediawiki>\n"]).encode(), level))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gigabytes", type=float)
    parser.add_argument("path")
    given = parser.parse_args()
    write(given.path, int(given.gigabytes * 1e9))

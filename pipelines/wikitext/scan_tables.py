"""The names that the scanner's kernel looks up, as one table for each wiki."""

from __future__ import annotations

from pipelines.wikitext.expansion import FUNCTIONS
from pipelines.wikitext.hashing import Table
from pipelines.wikitext.names import BLOCK_TAGS, MEDIA_EXTENSIONS, OPAQUE_TAGS, SCHEMES, SPACE_TAGS
from pipelines.wikitext.siteinfo import CATEGORY_NAMESPACE, FILE_NAMESPACE, MEDIA_NAMESPACE, TEMPLATE_NAMESPACE, Wiki
from pipelines.wikitext.templates import TABLE

# Kinds of names.
TAG, NAMESPACE, TEMPLATE, FUNCTION, SCHEME, EXTENSION, LANGUAGE = range(7)
# Numbers of tags; opaque ones count from OPAQUE on.
SPACE, BLOCK, NOWIKI, REF, OPAQUE = range(5)
# Numbers of namespaces.
HIDDEN, SHOWN, OF_TEMPLATES = range(3)

# Codes of languages that are not two or three letters, with more parts behind hyphens.
OTHER_LANGUAGES = ("simple", "tokipona")


def scan_table(wiki: Wiki) -> Table:
    """The table for the pages of one wiki."""
    entries: dict[tuple[int, bytes], int] = {}
    for number, name in enumerate(sorted(OPAQUE_TAGS - {"ref"}), OPAQUE):
        entries[TAG, name.encode()] = number
    for number, names in ((SPACE, SPACE_TAGS), (BLOCK, BLOCK_TAGS), (NOWIKI, {"nowiki"}), (REF, {"ref"})):
        entries.update({(TAG, name.encode()): number for name in names})
    for prefix, key in wiki.prefixes().items():
        hidden = key in (FILE_NAMESPACE, MEDIA_NAMESPACE, CATEGORY_NAMESPACE)
        entries[NAMESPACE, prefix] = HIDDEN if hidden else OF_TEMPLATES if key == TEMPLATE_NAMESPACE else SHOWN
    for kind, known in (
        (TEMPLATE, TABLE),
        (FUNCTION, [name.decode() for name in FUNCTIONS]),
        (SCHEME, SCHEMES),
        (EXTENSION, MEDIA_EXTENSIONS),
        (LANGUAGE, OTHER_LANGUAGES),
    ):
        entries.update({(kind, name.encode()): 1 for name in known})
    return Table(entries)

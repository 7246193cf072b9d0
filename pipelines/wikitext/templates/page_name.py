"""The magic word {{PAGENAME}}, by which an article's text names its own title."""

from __future__ import annotations

# From the $magicWords of MediaWiki's message files; the English one is valid everywhere.
_LOCAL = {
    "ar": "اسم_الصفحة", "de": "SEITENNAME", "es": "NOMBREDEPAGINA", "fi": "SIVUNIMI", "fr": "NOMPAGE",
    "it": "NOMEPAGINA", "nb": "SIDENAVN", "nl": "PAGINANAAM", "nn": "SIDENAMN", "no": "SIDENAVN", "pl": "NAZWASTRONY",
    "pt": "NOMEDAPAGINA", "ru": "НАЗВАНИЕСТРАНИЦЫ", "sv": "SIDNAMN",
}  # fmt: skip


def with_page_name(source: bytes, title: str, language: str) -> bytes:
    """The wikitext of a page of the main namespace with its title in place of the magic word."""
    for word in ("PAGENAME", _LOCAL.get(language)):
        if word:
            source = source.replace(f"{{{{{word}}}}}".encode(), title.encode())
    return source

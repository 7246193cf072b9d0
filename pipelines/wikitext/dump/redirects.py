"""Finds redirects by their text, for dumps that do not mark them: the magic word in the languages of large wikis."""

from __future__ import annotations

import re

# From MediaWiki's message files ($magicWords, "redirect"); the English word is valid everywhere. Case does not matter.
_WORDS = """
    REDIRECT OMDIRIGERING OMDIRIGER WEITERLEITUNG DOORVERWIJZING REDIRECTION REDIRECCIÓN REDIRECCION RINVIA RINVIO
    RIMANDO REDIRECIONAMENTO REDIRECCIÓ REDIRECTEAZA PATRZ PRZEKIERUJ TAM PŘESMĚRUJ PRESMERUJ ÁTIRÁNYÍTÁS OHJAUS
    UUDELLEENOHJAUS SUUNA PERADRESAVIMAS TILVÍSUN ATHSHEOLADH AIL-CYFEIRIO ADKAS AANSTUUR BIRZUZENDU ALIDIREKTU
    RIDREJTO ALIH LENCONG ĐỔI YÖNLENDİRME YÖNLENDIRME İSTİQAMƏTLƏNDİRMƏ PREUSMJERI PREUSMERITEV PREUSMERI
    ПЕРЕНАПРАВЛЕНИЕ ПЕРЕНАПР ПЕРЕНАПРАВЛЕННЯ ПЕРАНАКІРАВАННЕ ВИЖ ПРЕНАСОЧВАНЕ ПРЕУСМЕРИ ПРЕНАСОЧУВАЊЕ АЙДАУ
    ΑΝΑΚΑΤΕΥΘΥΝΣΗ ՎԵՐԱՀՂՈՒՄ გადამისამართება تحويل تغییر_مسیر تغییرمسیر رجوع_مکرر הפניה
    पुनर्प्रेषित अनुप्रेषित வழிமாற்று เปลี่ยนทาง 転送 リダイレクト 넘겨주기 重定向
"""
_KNOWN = re.compile(rf"\s*#\s*(?:{'|'.join(map(re.escape, _WORDS.split()))})\s*:?\s*\[\[\s*([^\]|#]*)", re.IGNORECASE)
# In any other language: a hash, a word, a link, and hardly more.
_LIKELY = re.compile(r"\s*#[^\W\d_][\w-]*\s*:?\s*\[\[([^\]|#]*)")
LONGEST_LIKELY = 300
_FIRST = re.compile(rb"\s*#")
_HEAD_BYTES = 600


def redirect_target(source: bytes) -> str | None:
    """The target of a redirect, by its wikitext; None if the page is none."""
    if not _FIRST.match(source):
        return None
    head = source[:_HEAD_BYTES].decode("utf-8", "ignore")
    found = _KNOWN.match(head) or (_LIKELY.match(head) if len(source) <= LONGEST_LIKELY else None)
    return found[1].strip() if found else None

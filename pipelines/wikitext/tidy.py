"""Second half of the cleaner: lines of scanned text → paragraphs without bullets, quotes, entities or gaps."""

from __future__ import annotations

import re
from html.entities import html5

# Marks that the scanner leaves in the text. No page holds them: control characters are removed from the source.
DROPPED = "\x00"  # something was left out here
EXTERNAL = "\x01"  # the label of an external link begins here

_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_QUOTES = re.compile(r"'{2,}")
_LIST = re.compile(r"[ \x00]*+[*#:;][*#:; \x00]*+")
_HEADING = re.compile(r"[ \x00]*+(={1,6})(?P<title>.+?)\1[ \x00]*+$")
_TABLE_ROW = re.compile(r"[ \x00]*+\|")
# Anchored at the start of a run of such characters, so that a line is passed over once.
_GAP = re.compile(r"(\(?)(?<![ ,;:\x00–-])([ ,;:–-]*+\x00[ ,;:\x00–-]*+)(\)?)")
_SPACE = re.compile(r"\s+")
_SPACE_BEFORE = re.compile(r"(?<=\w) +(?=[,;.](?:\s|$))|(?<=\() +| +(?=\))")
_LEADING = re.compile(r"^[\s,;:.)\x00]*\x00[\s,;:.)\x00]*")
_WORD = re.compile(r"[^\W_]")


def tidy(scanned: str, *, keep_headings: bool) -> str:
    """Turn scanned text into paragraphs, list items and (on request) headings, each on one line.

    Consecutive lines of prose are one paragraph, as when rendered.
    """
    lines: list[str] = []
    in_paragraph = False
    for raw in scanned.split("\n"):
        if heading := _HEADING.match(raw):
            if keep_headings and (line := _tidy_line(heading["title"])):
                lines.append(line)
            in_paragraph = False
            continue
        bullet = _LIST.match(raw)
        if bullet:
            raw = raw[bullet.end() :]
            # A list of links to other sites is navigation.
            line = "" if raw.startswith(EXTERNAL) else _tidy_line(raw)
        elif _TABLE_ROW.match(raw):
            line = ""  # what is left of a table or template that was never closed
        else:
            line = _tidy_line(raw)
        if line and in_paragraph and not bullet:
            lines[-1] += " " + line
        elif line:
            lines.append(line)
        in_paragraph = bool(line) and not bullet
    return "\n".join(lines)


def decode_entities(text: str) -> str:
    """Replace HTML's entities by their characters; unknown ones stay. Ill-formed code points vanish."""
    return _ENTITY.sub(_entity, text)


def _entity(found: re.Match[str]) -> str:
    name = found.group(1)
    if name[0] != "#":
        return html5.get(name + ";", found.group())
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    if (code < 0x20 and code not in (0x9, 0xA)) or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return " " if code == 0xD else ""
    return chr(code)


def _tidy_line(line: str) -> str:
    if "''" in line:
        line = _strip_quotes(line)
    if EXTERNAL in line:
        line = line.replace(EXTERNAL, "")
    if DROPPED in line:
        line = _LEADING.sub("", line)
        for _ in range(3):  # parentheses within parentheses
            line, before = _GAP.sub(_close_gap, line), line
            if line == before:
                break
        line = line.replace(DROPPED, "")
    if "&" in line:
        line = decode_entities(line)
    line = _SPACE.sub(" ", line).strip()
    line = _SPACE_BEFORE.sub("", line)
    return line if _WORD.search(line) else ""


def _close_gap(found: re.Match[str]) -> str:
    """Join what stood around something dropped: no empty parentheses, doubled commas or stray spaces."""
    opening, gap, closing = found.groups()
    if opening and closing:
        return DROPPED
    if opening:
        return "("
    if closing:
        return ")"
    sign = next((character for character in gap if character in ",;:–-"), "")
    following = found.string[found.end() : found.end() + 1]
    if following in ("", ".", "!", "?", ","):
        return sign if sign == ":" and not following else ""
    if sign in ("–", "-"):
        return f" {sign} " if f" {sign} " in gap.replace(DROPPED, "") else sign
    return sign + " " if " " in gap else sign


def _strip_quotes(line: str) -> str:
    """Remove the quotes of italics and bold, by MediaWiki's rules for runs of 4, of more than 5, and l'''x''."""
    runs = [len(run) for run in _QUOTES.findall(line)]
    if 3 not in runs and max(runs) < 4:
        return line.replace("''", "")
    bold = sum(1 for n in runs if n != 2)
    italic = sum(1 for n in runs if n == 2 or n >= 5)
    apostrophe_at = -1
    if bold % 2 and italic % 2:
        # One run of three is an apostrophe and italics: the first behind a word of one letter, else behind any word.
        threes = [found.start() for found in _QUOTES.finditer(line) if len(found.group()) in (3, 4)]
        single = [at for at in threes if at and line[at - 1] != " " and (at == 1 or line[at - 2] == " ")]
        inside = [at for at in threes if at and line[at - 1] != " "]
        apostrophe_at = (single or inside or threes or [-1])[0]

    def kept(found: re.Match[str]) -> str:
        extra = {2: 0, 3: 0, 4: 1, 5: 0}.get(len(found.group()), len(found.group()) - 5)
        return "'" * (extra + (found.start() == apostrophe_at))

    return _QUOTES.sub(kept, line)

"""The second pass in plain Python: a regular expression for each rule. Oracle of the kernel."""

from __future__ import annotations

import re
from html.entities import html5

from pipelines.wikitext.marks import LITERAL_MARKS, LITERALS

DROPPED, EXTERNAL = "\x00", "\x01"
FROM_MARKS = str.maketrans(LITERAL_MARKS.decode(), LITERALS.decode())

ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
QUOTES = re.compile(r"'{2,}")
LIST = re.compile(r"[ \x00]*+[*#:;][*#:; ]*+")
HEADING = re.compile(r"[ \x00]*+(={1,6})(?P<title>.+?)\1[ \x00]*+$")
TABLE_ROW = re.compile(r"[ \x00]*+[|!]")
LEADING = re.compile(r"^[ \t,;:.)\x00–-]*\x00[ \t,;:.)\x00–-]*")
GAP = re.compile(r"(\(?)(?<![ ,;:–-])([ ,;:–-]*+\x00[ ,;:\x00–-]*+)(\)?)")
SPACE = re.compile(r"\s+")
SPACE_BEFORE = re.compile(r"(?<=[A-Za-z0-9_\x80-\U0010ffff]) (?=[,;.](?: |$))|(?<=\() | (?=\))")


def plain_tidy(scanned: str, *, keep_headings: bool) -> str:
    lines: list[str] = []
    in_paragraph = False
    for raw in scanned.split("\n"):
        if heading := HEADING.match(raw):
            if keep_headings and (line := tidy_line(heading["title"])):
                lines.append(line)
            in_paragraph = False
            continue
        bullet = LIST.match(raw)
        if bullet:
            raw = raw[bullet.end() :]
            line = "" if raw.lstrip(" \x00").startswith(EXTERNAL) else tidy_line(raw)
        else:
            line = "" if TABLE_ROW.match(raw) else tidy_line(raw)
        if line and in_paragraph and not bullet:
            lines[-1] += " " + line
        elif line:
            lines.append(line)
        in_paragraph = bool(line) and not bullet
    return "\n".join(lines)


def tidy_line(line: str) -> str:
    if "''" in line:
        line = strip_quotes(line)
    line = line.replace(EXTERNAL, "")
    if DROPPED in line:
        line = LEADING.sub("", line)
        for _ in range(3):  # parentheses within parentheses
            line = GAP.sub(close_gap, line)
        line = line.replace(DROPPED, "")
    line = ENTITY.sub(entity, line)
    line = SPACE.sub(" ", line).strip(" ")
    line = SPACE_BEFORE.sub("", line).translate(FROM_MARKS)
    return line if any(character.isalnum() for character in line) else ""


def entity(found: re.Match[str]) -> str:
    name = found.group(1)
    if name[0] != "#":
        return html5.get(name + ";", found.group())
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    if code in (9, 10, 13):
        return " "
    return "" if code < 0x20 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code)


def close_gap(found: re.Match[str]) -> str:
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


def strip_quotes(line: str) -> str:
    runs = [len(run) for run in QUOTES.findall(line)]
    bold = sum(1 for n in runs if n != 2)
    italic = sum(1 for n in runs if n == 2 or n >= 5)
    apostrophe_at = -1
    if bold % 2 and italic % 2:
        threes = [found.start() for found in QUOTES.finditer(line) if len(found.group()) in (3, 4)]
        inside = [at for at in threes if at and line[at - 1] != " "]
        single = [at for at in inside if at == 1 or line[at - 2] == " "]
        apostrophe_at = (single or inside or threes or [-1])[0]

    def kept(found: re.Match[str]) -> str:
        extra = {2: 0, 3: 0, 4: 1, 5: 0}.get(len(found.group()), len(found.group()) - 5)
        return "'" * (extra + (found.start() == apostrophe_at))

    return QUOTES.sub(kept, line)

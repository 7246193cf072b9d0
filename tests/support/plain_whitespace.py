"""The second pass in plain Python: a regular expression for each rule. Oracle of the kernel."""

from __future__ import annotations

import re
from html.entities import html5

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleanup.blank_runs import (
    BRACKETS,
    CLOSING,
    CLOSING_EITHER,
    CLOSING_QUOTES,
    CONJUNCTIONS,
    LEADING_PUNCTUATION,
    OPENING,
    OPENING_EITHER,
    RUN_PUNCTUATION,
    STOPS,
)
from pipelines.wikitext.cleanup.formulas import MARKER
from pipelines.wikitext.parser.control_bytes import LITERAL_CONTROLS, LITERALS

PAIRS = set(zip(OPENING, CLOSING, strict=True))
EITHER_PAIRS = set(zip(OPENING_EITHER, CLOSING_EITHER, strict=True))
INVISIBLE = "\xad\u200b\u200e\u200f\u2060\ufeff"
DROPPED, EXTERNAL, FORMULA, CELL, NUMBER = "\x00\x01\x1b\x1c\x1d"
FROM_CONTROLS = str.maketrans(LITERAL_CONTROLS.decode(), LITERALS.decode())

ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
QUOTES = re.compile(r"'{2,}")
LIST = re.compile(r"[ \x00]*+[*#:;][*#:; ]*+")
QUOTED_BULLETS = re.compile(r"[ \x00]*+'{2,}+[*#:;]++(?= )")
UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff9f\U00020000-\U0003ffff]")
HEADING = re.compile(r"[ \x00]*+(={1,6})(?P<title>.+?)\1[ \x00]*+$")
TABLE_ROW = re.compile(r"[ \x00]*+[|!]")
RUN_CLASS, LEADING_CLASS = re.escape(" " + RUN_PUNCTUATION), re.escape(" " + LEADING_PUNCTUATION)
LEADING = re.compile(rf"^[{LEADING_CLASS}]*\x00[{LEADING_CLASS}\x00]*")
RUN = re.compile(
    rf"([{re.escape(OPENING)}]?)(?<![{RUN_CLASS}])([{RUN_CLASS}]*+\x00[{RUN_CLASS}\x00]*+)([{re.escape(CLOSING)}]?)"
)
CONJUNCTION = re.compile(rf"(?:{'|'.join(sorted(CONJUNCTIONS, key=len, reverse=True))})(?=[{RUN_CLASS}]*+\x00)")
EMPTY_BEFORE = re.compile(r"\((?:[^\w()\x1b]|_)*\Z")
EMPTY_AFTER = re.compile(r"(?:[^\w()\x1b\x00]|_)*\)")
SPACE = re.compile(r"[^\S\x1b-\x1f]+")
SPACE_BEFORE_STOP = re.compile(r"(?<=[A-Za-z0-9_\x80-\U0010ffff]) (?=[,;.] )")
SPACE_BEFORE = re.compile(r"(?<=[A-Za-z0-9_\x80-\U0010ffff]) (?=[,;.](?: |$))|(?<=\() | (?=\))")
SENTENCE_END = re.compile(r"""[.!?…؟۔।॥][)\]»”’」』）\"']*(?=$|\ (?![a-z]))|[。！？][)\]»”’」』）\"']*""")


def plain_clean_lines(scanned: str, options: ExtractOptions) -> str:
    lines: list[str] = []
    in_paragraph = False
    for raw in scanned.split("\n"):
        if heading := HEADING.match(raw):
            if options.keep_headings and (line := clean_line(heading["title"], options)):
                lines.append(line)
            in_paragraph = False
            continue
        bullet = LIST.match(raw)
        quoted = QUOTED_BULLETS.match(raw)
        is_item = bool(bullet or quoted) or raw.lstrip(" \x00").startswith(CELL)
        if bullet:
            raw = raw[bullet.end() :]
            term, colon, definition = raw.partition(":")
            if raw.lstrip(" \x00").startswith(EXTERNAL):
                line = ""
            elif colon and bullet.group().rstrip(" ").endswith(";"):
                line = ": ".join(filter(None, (clean_line(term, options), clean_line(definition, options))))
            else:
                line = clean_line(raw, options)
        elif quoted:
            line = clean_line(raw[quoted.end() :], options)
        else:
            line = "" if TABLE_ROW.match(raw) else clean_line(raw, options)
        if line and in_paragraph and not is_item:
            is_unspaced = UNSPACED.match(lines[-1][-1]) and UNSPACED.match(line[0])
            lines[-1] += line if is_unspaced else " " + line
        elif line:
            lines.append(line)
        in_paragraph = bool(line) and not is_item
    return "\n".join(lines)


def clean_line(line: str, options: ExtractOptions) -> str:
    if "''" in line:
        line = strip_quotes(line)
    line = ENTITY.sub(entity, line.replace(EXTERNAL, ""))
    line = re.sub(f"(?<=[0-9]){NUMBER}", " ", line).replace(NUMBER, "")
    line = SPACE.sub(" ", line)
    line = " | ".join(cell for cell in map(clean_cell, line.split(CELL)) if cell)
    if options.formulas == "drop_sentence" and FORMULA in line:
        line = without_formulas(line)
    if not any(character.isalnum() for character in line):
        return ""
    return line.translate(FROM_CONTROLS).replace(FORMULA, MARKER)


def clean_cell(line: str) -> str:
    line, dropped_at = SPACE_BEFORE_STOP.sub("", line), -1
    while True:
        line, dropped_at = without_empty_brackets(line, dropped_at)
        if DROPPED not in line:
            break
        if LEADING.match(line):
            line, dropped_at = LEADING.sub("", line), 0
        else:
            line, dropped_at = close_first_run(line, dropped_at)
    return SPACE_BEFORE.sub("", line.strip(" "))


def without_formulas(line: str) -> str:
    kept, start = [], 0
    for end in SENTENCE_END.finditer(line):
        if end.group().startswith(".") and is_abbreviation(line[start : end.start()].rpartition(" ")[2]):
            continue
        kept.append(line[start : end.end()])
        start = end.end()
    return "".join(sentence for sentence in [*kept, line[start:]] if FORMULA not in sentence).strip(" ")


def is_abbreviation(word: str) -> bool:
    letters = re.sub(r"^[^A-Za-z\x80-\U0010ffff]+", "", word)
    length = len(letters.encode())
    return "." in word or length == 1 or (0 < length <= 4 and letters[0] in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def entity(found: re.Match[str]) -> str:
    name = found.group(1)
    if name[0] != "#":
        return html5.get(name + ";", found.group()).strip(INVISIBLE)
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return " " if code < 0x21 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code).strip(INVISIBLE)


def without_empty_brackets(line: str, dropped_at: int) -> tuple[str, int]:
    """The line with DROPPED in place of the brackets around ``dropped_at`` if nothing is in them."""
    if dropped_at < 0:
        return line, dropped_at
    opening = EMPTY_BEFORE.search(line[:dropped_at])
    closing = EMPTY_AFTER.match(line[dropped_at:])
    if opening and closing:
        return line[: opening.start()] + DROPPED + line[dropped_at + closing.end() :], -1
    return line, dropped_at


def close_first_run(line: str, dropped_at: int) -> tuple[str, int]:
    """Close the first run; ``dropped_at`` is the index of the one before it, -1 if DROPPED is there."""
    found = RUN.search(line)
    assert found
    before, after = line[: found.start()], line[found.end() :]
    opening, run, closing = found.groups()
    bare = run.replace(DROPPED, "")
    if opening and opening in OPENING[:BRACKETS] and (conjunction := CONJUNCTION.match(after)):
        return before + found.group() + after[conjunction.end() :], dropped_at
    if (opening, closing) in PAIRS:
        return before + DROPPED + after, dropped_at
    left, right = line[: found.start(2)], line[found.end(2) :]
    if (left[-1:], right[:1]) in EITHER_PAIRS and bare == bare.strip(" ") and left[-2:-1] in ("", " ", *OPENING):
        return left[:-1] + DROPPED + right[1:], dropped_at
    if opening in (*OPENING[:BRACKETS],) or closing in (*CLOSING[:BRACKETS],):
        return left + right, len(left)
    if left[-1:] == right[:1] and right[:1] in (*STOPS,):
        return left[:-1] + right, len(left)
    if run.endswith(DROPPED) and closing in (*CLOSING_QUOTES,):
        return left + right, len(left)
    return left + joint(bare, right[:1]) + right, len(left)


def joint(run: str, following: str) -> str:
    """The part of a run that is kept between its two sides."""
    sign = next((character for character in run if character in RUN_PUNCTUATION), "")
    if not following or following in STOPS:
        return sign if sign == ":" and not following else ""
    if sign in ("–", "-"):
        return f" {sign} " if f" {sign} " in run else sign
    return sign + " " if " " in run else sign


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

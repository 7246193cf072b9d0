"""The scanner in plain Python: one regular expression for all tokens and a stack of frames. Oracle of the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from berth.recipe import ExtractOptions
from pipelines.wikitext.names import (
    BLOCK_TAGS,
    FORMULA_TAGS,
    FUNCTIONS,
    MEDIA_EXTENSIONS,
    OPAQUE_TAGS,
    SCHEMES,
    SPACE_TAGS,
)
from pipelines.wikitext.parser.control_bytes import (
    ARGUMENT,
    CELL,
    DROPPED,
    END,
    EQUALS,
    EXTERNAL,
    FORMULA,
    INVOCATION,
    LITERAL_CONTROLS,
    LITERALS,
)
from pipelines.wikitext.siteinfo import CATEGORY_NAMESPACE, FILE_NAMESPACE, MEDIA_NAMESPACE, TEMPLATE_NAMESPACE, Wiki
from pipelines.wikitext.templates.builtin import TABLE
from pipelines.wikitext.templates.expansion import normal_name

MAX_DEPTH = 100
MAX_LINKS = 8
TRAILING = b",;.:!?)"
SPACE = b" \t\n"
AS_MARKS = bytes.maketrans(LITERALS, LITERAL_CONTROLS)

WORD = rb"A-Za-z0-9_\x80-\xff"
SCHEME = "|".join(SCHEMES).encode()
TOKEN = re.compile(
    rb"""
      (?P<comment><!--)
    | (?P<tag></?(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?![%(word)s])(?P<attributes>[^<>]*)>)
    | (?P<table>^[ \t:;*\#]*\{\|)
    | (?P<table_end>^[ \t]*\|\})
    | (?P<open>\{\{+)
    | (?P<close>\}\}+)
    | (?P<link>\[\[)
    | (?P<external>\[(?:(?i:%(scheme)s):|//)[^\x00-\x20\[\]<>"]*)
    | (?P<bracket>\])
    | (?P<url>(?<![A-Za-z0-9_])(?i:https?|ftp)://[^\x00-\x20\[\]<>"|{}]+)
    | (?P<pipe>\|)
    | (?P<equals>=)
    | (?P<magic>__[A-Z\x80-\xff]+(?:_[A-Z\x80-\xff]+)*__)
    | (?P<paragraph>\n[ \t]*\n)
    | (?P<newline>\n)
    """
    % {b"word": WORD, b"scheme": SCHEME},
    re.VERBOSE | re.MULTILINE,
)
EXPONENT = re.compile(rb"(?<=[0-9])<[^/][^<>]*>(?:-|\xe2\x88\x92)?[0-9]+<")
LANGUAGE_PREFIX = re.compile(rb"[a-z]{2,3}(?:-[a-z]+)*|simple|tokipona")
MEDIA_FILE = re.compile(rf"\.(?:{'|'.join(MEDIA_EXTENSIONS)})[ \t\n]*\Z".encode(), re.IGNORECASE)


class Kind(Enum):
    """What a frame is."""

    PAGE = "page"
    TEMPLATE = "{{"
    PARAMETER = "{{{"
    LINK = "[["
    EXTERNAL = "["
    TABLE = "{|"


BRACES = (Kind.TEMPLATE, Kind.PARAMETER)


@dataclass(slots=True)
class Frame:
    """Something open: its pieces so far, with ARGUMENT between arguments, and whether the last one has its "="."""

    kind: Kind
    pieces: list[bytes] = field(default_factory=list)
    has_equals: bool = False
    pipe: int | None = None  # index of the piece that is the first ARGUMENT

    def marked(self) -> bytes:
        return b"".join(self.pieces)

    def first(self) -> bytes:
        """The first argument: the name of a template, the target of a link."""
        return b"".join(self.pieces[: self.pipe])

    def raw(self) -> bytes:
        return as_text(self.marked())


def as_text(marked: bytes) -> bytes:
    """The text with ARGUMENT and EQUALS as "|" and "="; those of complete invocations are kept."""
    out, depth = bytearray(), 0
    for byte in marked:
        depth += (byte == INVOCATION) - (byte == END)
        out.append(byte if depth else {ARGUMENT: ord("|"), EQUALS: ord("=")}.get(byte, byte))
    return bytes(out)


def outside_invocations(marked: bytes) -> bytes:
    """The text with every byte of an invocation replaced by INVOCATION."""
    out, depth = bytearray(), 0
    for byte in marked:
        depth += byte == INVOCATION
        out.append(INVOCATION if depth else byte)
        depth -= byte == END
    return bytes(out)


def split_outside(delimiter: int, marked: bytes) -> list[bytes]:
    """The parts of a text between delimiters outside invocations."""
    ends = [at for at, byte in enumerate(outside_invocations(marked)) if byte == delimiter]
    return [marked[start:end] for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(marked)], strict=True)]


def stop_of_formula(content: bytes) -> bytes:
    while len(content) >= 2:
        if re.search(rb"\\[^A-Za-z]\Z", content, re.DOTALL):
            content = content[:-2]
        elif content[-1] in SPACE + b"}":
            content = content[:-1]
        else:
            break
    return content[-1:] if content[-1:] in (b".", b",", b";", b":") else b""


class PlainScanner:
    """One scan of one page."""

    def __init__(self, source: bytes, wiki: Wiki, options: ExtractOptions | None = None) -> None:
        self.source = source
        self.options = options or ExtractOptions()
        self.captions: list[bytes] = []
        self.prefixes = wiki.prefixes()
        self.template_prefixes = frozenset(key for key, value in self.prefixes.items() if value == TEMPLATE_NAMESPACE)
        self.stack = [Frame(Kind.PAGE)]
        self.position = 0
        self.tables = 0

    def run(self) -> bytes:
        while found := TOKEN.search(self.source, self.position):
            self.emit(self.source[self.position : found.start()])
            self.position = found.end()
            getattr(self, f"on_{found.lastgroup}")(found)
        self.emit(self.source[self.position :])
        while len(self.stack) > 1:
            self.abandon()
        self.write_captions()
        return self.stack[0].marked()

    def emit(self, text: bytes) -> None:
        self.stack[-1].pieces.append(text)

    def drop(self) -> None:
        self.emit(bytes([DROPPED]))

    def write_captions(self) -> None:
        if self.captions:
            self.emit(b"\n\n" + b"".join(caption + b"\n\n" for caption in self.captions))
            self.captions = []

    # The stack

    def push(self, kind: Kind) -> None:
        links = sum(frame.kind is Kind.LINK for frame in self.stack)
        if len(self.stack) <= MAX_DEPTH and (kind is not Kind.LINK or links < MAX_LINKS):
            self.stack.append(Frame(kind))
            self.tables += kind is Kind.TABLE

    def pop(self) -> Frame:
        frame = self.stack.pop()
        self.tables -= frame.kind is Kind.TABLE
        return frame

    def abandon(self) -> None:
        frame = self.pop()
        if frame.kind is Kind.LINK and self.is_hidden(frame.first()):
            self.drop()
        elif frame.kind is Kind.TABLE or frame.kind in BRACES:
            raw = frame.raw()
            end = next((at for at, byte in enumerate(raw) if byte in (ord("\n"), INVOCATION)), len(raw))
            self.drop()
            self.emit(bytes([DROPPED]) * end + raw[end:])
        else:
            self.emit(frame.raw())

    def top(self) -> Kind:
        return self.stack[-1].kind

    def abandon_links(self, external_only: bool = False) -> None:
        kinds = (Kind.EXTERNAL,) if external_only else (Kind.EXTERNAL, Kind.LINK)
        while self.top() in kinds:
            self.abandon()

    # Tokens

    def on_comment(self, found: re.Match[bytes]) -> None:
        end = self.source.find(b"-->", self.position)
        if end >= 0:
            self.position = end + 3
        else:
            self.skip_line()

    def on_tag(self, found: re.Match[bytes]) -> None:
        name = found["name"].decode().lower()
        if not found.group().startswith(b"</") and not found["attributes"].endswith(b"/") and self.is_opaque(name):
            content = self.content_of(name)
            if content is None and name == "ref":
                self.skip_line()
            if name in FORMULA_TAGS and content is not None:
                is_end = self.source[self.position : self.position + 1] in (b"", b" ", b"\t", b"\n", b"<")
                self.emit(bytes([FORMULA]) + (stop_of_formula(content) if is_end else b""))
            elif name != "nowiki":
                self.drop()
            elif content is not None:
                self.emit(content.translate(AS_MARKS))
        elif name in OPAQUE_TAGS or name in FORMULA_TAGS:
            self.drop()
        elif name in SPACE_TAGS:
            self.emit(b" ")
        elif name in BLOCK_TAGS and self.top() not in (Kind.LINK, Kind.EXTERNAL):
            self.emit(b"\n\n")
        elif name not in BLOCK_TAGS and self.source[: found.start()].endswith(b"'"):
            self.emit(bytes([EXTERNAL]))
        elif name == "sup" and EXPONENT.match(self.source, found.start()):
            self.emit(b"^")

    def is_opaque(self, name: str) -> bool:
        return name in OPAQUE_TAGS or name in FORMULA_TAGS or name == "nowiki"

    def on_table(self, found: re.Match[bytes]) -> None:
        self.push(Kind.TABLE)

    def on_table_end(self, found: re.Match[bytes]) -> None:
        if self.top() is Kind.TABLE or (self.tables and not self.source.startswith(b"}", self.position)):
            while self.top() is not Kind.TABLE:
                self.abandon()
            self.close_table(self.pop())
        elif len(self.stack) > 1:  # a pipe, and the first brace of what may be the end of a template
            self.position -= 1
            self.on_pipe(found)

    def on_open(self, found: re.Match[bytes]) -> None:
        braces = len(found.group())
        for _ in range(min((braces - 3 * (braces % 2)) // 2, MAX_DEPTH)):
            self.push(Kind.TEMPLATE)
        if braces % 2:  # the innermost of an odd number is a parameter
            self.push(Kind.PARAMETER)

    def on_close(self, found: re.Match[bytes]) -> None:
        braces = len(found.group())
        while braces >= 2:
            self.abandon_links()
            if self.top() is Kind.TABLE and any(frame.kind in BRACES for frame in self.stack):
                self.abandon()
            elif self.top() is Kind.PARAMETER:
                self.pop()
                self.drop()
                braces -= 3
            elif self.top() is Kind.TEMPLATE:
                self.close_template(self.pop())
                braces -= 2
            else:
                return

    def on_link(self, found: re.Match[bytes]) -> None:
        self.push(Kind.LINK)

    def on_external(self, found: re.Match[bytes]) -> None:
        following = self.source[self.position : self.position + 1]
        if following in (b" ", b"\t"):
            self.emit(bytes([EXTERNAL]))
            self.push(Kind.EXTERNAL)
        else:
            self.position += following == b"]"
            self.drop()

    def on_bracket(self, found: re.Match[bytes]) -> None:
        if self.top() is Kind.EXTERNAL:
            frame = self.pop()
            self.emit(frame.raw())
        elif self.source.startswith(b"]", self.position):
            self.position += 1
            if self.top() is Kind.LINK:
                self.close_link(self.pop())
        else:
            self.emit(b"]")

    def on_url(self, found: re.Match[bytes]) -> None:
        url = found.group()
        self.drop()
        trailing = TRAILING.replace(b")", b"") if b"(" in url else TRAILING
        self.emit(url[len(url.rstrip(trailing)) :])

    def on_pipe(self, found: re.Match[bytes]) -> None:
        if self.top() in (Kind.TEMPLATE, Kind.LINK, Kind.PARAMETER):
            self.add_argument()
        else:
            self.emit(b"|")

    def add_argument(self) -> None:
        frame = self.stack[-1]
        frame.pipe = len(frame.pieces) if frame.pipe is None else frame.pipe
        frame.has_equals = False
        self.emit(bytes([ARGUMENT]))

    def on_equals(self, found: re.Match[bytes]) -> None:
        frame = self.stack[-1]
        if frame.kind is Kind.TEMPLATE and not frame.has_equals:
            frame.has_equals = True
            self.emit(bytes([EQUALS]))
        else:
            self.emit(b"=")

    def on_magic(self, found: re.Match[bytes]) -> None:
        pass

    def on_paragraph(self, found: re.Match[bytes]) -> None:
        self.abandon_links()
        self.emit(b"\n")
        if len(self.stack) == 1:
            self.write_captions()
        self.position = found.end() - 1  # a table may begin on the next line

    def on_newline(self, found: re.Match[bytes]) -> None:
        self.abandon_links(external_only=True)
        self.emit(b"\n")

    # What closes leaves

    def close_link(self, frame: Frame) -> None:
        target = frame.first()
        if self.is_hidden(target):
            if self.options.captions and len(self.stack) == 1 and frame.pipe is not None and self.is_file(target):
                self.keep_caption(split_outside(ARGUMENT, b"".join(frame.pieces[frame.pipe + 1 :]))[-1])
            self.drop()
        elif frame.pipe is not None:
            self.emit(as_text(b"".join(frame.pieces[frame.pipe + 1 :])) or bytes([DROPPED]))
        else:
            shown = target.strip(SPACE).removeprefix(b":")
            is_named = self.is_hidden(shown) and INVOCATION not in shown.partition(b":")[0]
            self.emit(shown.partition(b":")[2] if is_named else shown)

    def is_hidden(self, target: bytes) -> bool:
        """Whether a link shows no text: to a file, to a category, to a page in another language."""
        prefix, colon, _ = target.partition(b":")
        prefix = prefix.strip(SPACE)
        if not colon or not prefix:
            return False
        key = self.prefixes.get(prefix.replace(b"_", b" ").lower())
        if key is None and LANGUAGE_PREFIX.fullmatch(prefix):
            return True
        return key in (FILE_NAMESPACE, MEDIA_NAMESPACE, CATEGORY_NAMESPACE) or bool(MEDIA_FILE.search(target))

    def is_file(self, hidden: bytes) -> bool:
        """Whether a link that is hidden is one to a file."""
        prefix = hidden.partition(b":")[0].strip(SPACE)
        key = self.prefixes.get(prefix.replace(b"_", b" ").lower())
        return key != CATEGORY_NAMESPACE and not (key is None and LANGUAGE_PREFIX.fullmatch(prefix))

    def keep_caption(self, caption: bytes) -> None:
        """Keep the last argument of an image, unless it is one word or names an option."""
        caption = caption.lstrip(SPACE)
        is_option = re.match(rb"[%s-]*=" % WORD, caption)
        if not is_option and any(byte in SPACE for byte in caption.rstrip(SPACE)):
            self.captions.append(as_text(caption).replace(b"\n", b" "))

    def close_table(self, frame: Frame) -> None:
        self.drop()
        if not self.tables and (self.options.tables or self.options.captions):
            self.emit(b"".join(b"\n" + row for row in self.rows(as_text(frame.marked()))) + b"\n")

    def rows(self, text: bytes) -> Iterator[bytes]:
        """The caption and the rows, CELL before each cell."""
        row = b""
        is_caption = kept = False
        for line in split_outside(ord("\n"), text)[1:]:
            line = line.lstrip(b" \t")
            is_cell = line.startswith((b"|", b"!"))
            if row and (line.startswith((b"|-", b"|+")) or (is_cell and is_caption and self.options.tables)):
                yield row
                row = b""
            if line.startswith(b"|-"):
                is_caption = kept = False
            elif line.startswith(b"|+"):
                is_caption = kept = self.options.captions
                row = bytes([CELL]) + self.cell(line[2:]) if kept else b""
            elif is_cell:
                kept = self.options.tables
                is_caption = is_caption and not kept
                separators = (b"||", b"!!") if line.startswith(b"!") else (b"||",)
                pieces, start = outside_invocations(line), 1
                for at in range(1, len(line)):
                    if at >= start and pieces[at : at + 2] in separators:
                        row += bytes([CELL]) + self.cell(line[start:at]) if kept else b""
                        start = at + 2
                row += bytes([CELL]) + self.cell(line[start:]) if kept else b""
            elif kept:
                row += b" " + line
        if row:
            yield row

    @staticmethod
    def cell(text: bytes) -> bytes:
        """The content of a cell, without its attributes."""
        return text[outside_invocations(text).find(b"|") + 1 :]

    def close_template(self, frame: Frame) -> None:
        name = frame.first().replace(bytes([EQUALS]), b"=")
        if name.strip(SPACE) == b"!" and self.top() is Kind.LINK:
            self.add_argument()
        elif name.strip(SPACE) == b"!":
            self.emit(b"|")
        elif self.is_shown(name):
            self.emit(bytes([INVOCATION]) + frame.marked() + bytes([END]))
        else:
            self.drop()

    def is_shown(self, name: bytes) -> bool:
        """Whether a template shows anything."""
        name = normal_name(name, self.template_prefixes)
        return name.decode() in TABLE or name.startswith(b"lang-") or name.decode().partition(":")[0] in FUNCTIONS

    # Skipping

    def content_of(self, name: str) -> bytes | None:
        """The content up to the tag's closing tag, which is passed over; None if there is none."""
        closer = re.compile(rb"</%s[ \t\n]*>" % name.encode(), re.IGNORECASE).search(self.source, self.position)
        if closer is None:
            return None
        content = self.source[self.position : closer.start()]
        self.position = closer.end()
        return content

    def skip_line(self) -> None:
        end = self.source.find(b"\n", self.position)
        self.position = len(self.source) if end < 0 else end

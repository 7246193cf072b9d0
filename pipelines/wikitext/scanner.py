"""First half of the cleaner: one pass over the mark-up of a page with an explicit stack.

Wikitext nests templates, links and tables; tags such as <ref> hold anything. The scanner meets each token once, keeps
a frame for everything open, and decides at the closing token what the frame leaves behind: the label of a link,
what a template of the table shows, nothing for a file. What was left out leaves a mark for
:mod:`pipelines.wikitext.tidy`.
Nothing recurses and nothing is looked at twice, so that hostile input takes no longer than prose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from pipelines.wikitext import templates
from pipelines.wikitext.names import BLOCK_TAGS, MEDIA_EXTENSIONS, OPAQUE_TAGS, SPACE_TAGS
from pipelines.wikitext.siteinfo import CATEGORY_NAMESPACE, FILE_NAMESPACE, MEDIA_NAMESPACE, TEMPLATE_NAMESPACE, Wiki
from pipelines.wikitext.tidy import DROPPED, EXTERNAL

# MediaWiki itself expands templates to a depth of 40; what is open beyond this depth is not looked into.
MAX_DEPTH = 100

_SCHEMES = (
    r"(?:https?|ftps?|sftp|irc|ircs|gopher|telnet|nntp|worldwind|svn|git|mms|news|mailto|tel|geo|magnet|urn|xmpp):"
)
_URL = r"[^\s\[\]<>\"|{}]+"
_TOKEN = re.compile(
    rf"""
      (?P<comment><!--)
    | (?P<tag></?(?P<name>[a-zA-Z][a-zA-Z0-9]*)\b(?P<attributes>[^<>]*)>)
    | (?P<table>^[ \t:;*#]*\{{\|)
    | (?P<table_end>^[ \t]*\|\}})
    | (?P<open>\{{{{+)
    | (?P<close>\}}}}+)
    | (?P<link>\[\[)
    | (?P<external>\[(?:{_SCHEMES}|//)[^\s\[\]<>"]*)
    | (?P<bracket>\])
    | (?P<url>\b(?:https?|ftp)://{_URL})
    | (?P<pipe>\|)
    | (?P<equals>=)
    | (?P<magic>__[^\W\d_a-z]+(?:_[^\W\d_a-z]+)*__)
    | (?P<paragraph>\n[ \t]*\n)
    | (?P<newline>\n)
    | (?P<variant>-\{{|\}}-)
    """,
    re.VERBOSE | re.MULTILINE,
)
_LANGUAGE_PREFIX = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*|simple|tokipona")
_MEDIA_FILE = re.compile(rf"\.(?:{'|'.join(MEDIA_EXTENSIONS)})\s*$", re.IGNORECASE)
_NOWIKI_SPECIAL = re.compile(r"[\[\]{}|<>='*#:;&_-]")
_TRAILING = ",;.:!?)"


class Kind(Enum):
    """What a frame is."""

    PAGE = "page"
    TEMPLATE = "{{"
    PARAMETER = "{{{"
    LINK = "[["
    EXTERNAL = "["
    TABLE = "{|"


_BRACES = (Kind.TEMPLATE, Kind.PARAMETER)


@dataclass(slots=True)
class Frame:
    """Something open: its arguments so far, each a list of pieces, and where each argument's first "=" stands."""

    kind: Kind
    arguments: list[list[str]] = field(default_factory=lambda: [[]])
    equals: dict[int, int] = field(default_factory=dict)

    def raw(self) -> str:
        """The content as text."""
        return "|".join("".join(pieces) for pieces in self.arguments)


class Scanner:
    """Scans pages of one wiki."""

    def __init__(self, wiki: Wiki) -> None:
        self._wiki = wiki
        self._template_prefixes = tuple(
            f"{name}:" for name, key in wiki.namespaces.items() if key == TEMPLATE_NAMESPACE
        )

    def scan(self, source: str) -> str:
        """Wikitext → text with its line structure, still with bullets, quotes and entities, and with marks."""
        return _Scan(source, self._wiki, self._template_prefixes).run()


class _Scan:
    """The state of one scan."""

    def __init__(self, source: str, wiki: Wiki, template_prefixes: tuple[str, ...]) -> None:
        self.source, self.wiki, self.template_prefixes = source, wiki, template_prefixes
        self.stack = [Frame(Kind.PAGE)]
        self.out = self.stack[0].arguments[-1]  # the pieces being written: the last argument of the top frame
        self.position = 0
        self.tables = 0
        self.no_closer: set[str] = set()  # tags that are closed nowhere behind here

    def run(self) -> str:
        source = self.source
        search = _TOKEN.search
        while found := search(source, self.position):
            if found.start() > self.position:
                self.out.append(source[self.position : found.start()])
            self.position = found.end()
            # lastgroup is the outermost group only if it closes last, which holds for every alternative here.
            getattr(self, f"on_{found.lastgroup}")(found)
        self.out.append(source[self.position :])
        while len(self.stack) > 1:
            self.abandon()
        return "".join(self.out)

    # The stack

    def push(self, kind: Kind) -> None:
        if len(self.stack) <= MAX_DEPTH:
            self.stack.append(Frame(kind))
            self.out = self.stack[-1].arguments[-1]
            self.tables += kind is Kind.TABLE

    def pop(self) -> Frame:
        frame = self.stack.pop()
        self.out = self.stack[-1].arguments[-1]
        self.tables -= frame.kind is Kind.TABLE
        return frame

    def abandon(self) -> None:
        """Give up the top frame, which is never closed: its opening bracket goes, its prose stays."""
        frame = self.pop()
        if frame.kind is Kind.LINK and self.link_namespace("".join(frame.arguments[0])) is not None:
            self.out.append(DROPPED)
        elif frame.kind is Kind.TABLE or frame.kind in _BRACES:
            _, newline, rest = frame.raw().partition("\n")
            if frame.kind is Kind.TABLE:
                rest = "\n".join(line for line in rest.split("\n") if not line.lstrip().startswith(("|", "!")))
            self.out.append(DROPPED + newline + rest)
        else:
            self.out.append(frame.raw())

    def top(self) -> Kind:
        return self.stack[-1].kind

    def abandon_links(self, external_only: bool = False) -> None:
        kinds = (Kind.EXTERNAL,) if external_only else (Kind.EXTERNAL, Kind.LINK)
        while self.top() in kinds:
            self.abandon()

    # Tokens

    def on_comment(self, found: re.Match[str]) -> None:
        end = self.source.find("-->", self.position) if "comment" not in self.no_closer else -1
        if end >= 0:
            self.position = end + 3
        else:
            self.no_closer.add("comment")
            self.skip_line()

    def on_tag(self, found: re.Match[str]) -> None:
        name = found["name"].lower()
        closing = found.group().startswith("</")
        alone = found["attributes"].endswith("/")
        if not closing and not alone and (name in OPAQUE_TAGS or name == "nowiki"):
            content = self.content_of(name)
            if content is None:
                if name == "ref":
                    self.skip_line()
            elif name == "nowiki":
                self.out.append(_NOWIKI_SPECIAL.sub(lambda special: f"&#{ord(special.group())};", content))
            if name != "nowiki":
                self.out.append(DROPPED)
        elif name in OPAQUE_TAGS:
            self.out.append(DROPPED)
        elif name in SPACE_TAGS:
            self.out.append(" ")
        elif name in BLOCK_TAGS and self.top() not in (Kind.LINK, Kind.EXTERNAL):
            self.out.append("\n\n")

    def on_table(self, found: re.Match[str]) -> None:
        self.push(Kind.TABLE)

    def on_table_end(self, found: re.Match[str]) -> None:
        followed_by_brace = self.source.startswith("}", self.position)
        if self.top() is Kind.TABLE or (self.tables and not followed_by_brace):
            while self.top() is not Kind.TABLE:
                self.abandon()
            self.pop()
            self.out.append(DROPPED)
        elif len(self.stack) > 1:  # a pipe, and the first brace of what may be the end of a template
            self.position -= 1
            self.on_pipe(found)

    def on_open(self, found: re.Match[str]) -> None:
        braces = len(found.group())
        if braces % 2:  # the innermost of an odd number is a parameter
            braces -= 3
        for _ in range(min(braces // 2, MAX_DEPTH)):
            self.push(Kind.TEMPLATE)
        if len(found.group()) % 2:
            self.push(Kind.PARAMETER)

    def on_close(self, found: re.Match[str]) -> None:
        braces = len(found.group())
        while braces >= 2:
            self.abandon_links()
            if self.top() is Kind.TABLE and any(frame.kind in _BRACES for frame in self.stack):
                self.abandon()
                continue
            if self.top() is Kind.PARAMETER:
                self.pop()
                self.out.append(DROPPED)
                braces -= 3
            elif self.top() is Kind.TEMPLATE:
                self.close_template(self.pop())
                braces -= 2
            else:  # closes nothing
                return

    def on_link(self, found: re.Match[str]) -> None:
        self.push(Kind.LINK)

    def on_external(self, found: re.Match[str]) -> None:
        if self.source.startswith("]", self.position):
            self.position += 1
            self.out.append(DROPPED)
        elif self.source[self.position : self.position + 1] in (" ", "\t"):
            self.out.append(EXTERNAL)
            self.push(Kind.EXTERNAL)
        else:
            self.out.append(DROPPED)

    def on_bracket(self, found: re.Match[str]) -> None:
        double = self.source.startswith("]", self.position)
        if self.top() is Kind.EXTERNAL:
            label = self.pop().raw().strip()
            self.out.append(label)
        elif double:
            self.position += 1
            if self.top() is Kind.LINK:
                self.close_link(self.pop())
        else:
            self.out.append("]")

    def on_url(self, found: re.Match[str]) -> None:
        url = found.group()
        self.out.append(DROPPED + url[len(url.rstrip(_TRAILING)) :])

    def on_pipe(self, found: re.Match[str]) -> None:
        frame = self.stack[-1]
        if frame.kind in (Kind.TEMPLATE, Kind.LINK, Kind.PARAMETER):
            frame.arguments.append([])
            self.out = frame.arguments[-1]
        else:
            self.out.append("|")

    def on_equals(self, found: re.Match[str]) -> None:
        frame = self.stack[-1]
        if frame.kind is Kind.TEMPLATE:
            frame.equals.setdefault(len(frame.arguments) - 1, len(self.out))
        self.out.append("=")

    def on_magic(self, found: re.Match[str]) -> None:
        pass

    def on_paragraph(self, found: re.Match[str]) -> None:
        self.abandon_links()
        self.out.append("\n")
        self.position = found.end() - 1  # a table may begin on the next line

    def on_newline(self, found: re.Match[str]) -> None:
        self.abandon_links(external_only=True)
        self.out.append("\n")

    def on_variant(self, found: re.Match[str]) -> None:
        self.out.append(found.group())

    # What closes leaves

    def close_link(self, frame: Frame) -> None:
        target = "".join(frame.arguments[0])
        namespace = self.link_namespace(target)
        if namespace is not None:
            self.out.append(DROPPED)
        elif len(frame.arguments) > 1:
            self.out.append("|".join("".join(pieces) for pieces in frame.arguments[1:]) or DROPPED)
        else:
            shown = target.strip().removeprefix(":")
            self.out.append(shown if self.link_namespace(shown) is None else shown.partition(":")[2])

    def link_namespace(self, target: str) -> int | None:
        """The namespace of a link that shows no text: a file, a category or a page of another language."""
        prefix, colon, _ = target.partition(":")
        prefix = prefix.strip()
        if not colon or not prefix:
            return None
        key = self.wiki.namespaces.get(prefix.replace("_", " ").lower())
        if key in (FILE_NAMESPACE, MEDIA_NAMESPACE, CATEGORY_NAMESPACE):
            return key
        if key is None and _LANGUAGE_PREFIX.fullmatch(prefix):
            return CATEGORY_NAMESPACE
        return FILE_NAMESPACE if _MEDIA_FILE.search(target) else None

    def close_template(self, frame: Frame) -> None:
        name = "".join(frame.arguments[0])
        if name.strip() == "!":
            if self.top() is Kind.LINK:
                self.on_pipe(None)  # type: ignore[arg-type]
            else:
                self.out.append("|")
            return
        shown = templates.expand(self.template_name(name), self.template_arguments(frame))
        self.out.append(DROPPED if shown is None else shown)

    def template_name(self, name: str) -> str:
        name = " ".join(name.replace("_", " ").replace(DROPPED, "").split()).lower()
        for prefix in self.template_prefixes:
            name = name.removeprefix(prefix)
        return name.strip()

    def template_arguments(self, frame: Frame) -> dict[str, str]:
        """Arguments by name; those without one are numbered "1", "2", …"""
        arguments: dict[str, str] = {}
        position = 0
        for index, pieces in enumerate(frame.arguments[1:], 1):
            if (equals := frame.equals.get(index)) is not None:
                arguments["".join(pieces[:equals]).strip().lower()] = "".join(pieces[equals + 1 :]).strip()
            else:
                position += 1
                arguments[str(position)] = "".join(pieces)
        return arguments

    # Skipping

    def content_of(self, name: str) -> str | None:
        """The content up to the tag's closing tag, which is passed over; None if there is none."""
        if name in self.no_closer:
            return None
        closer = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(self.source, self.position)
        if closer is None:
            self.no_closer.add(name)
            return None
        content = self.source[self.position : closer.start()]
        self.position = closer.end()
        return content

    def skip_line(self) -> None:
        end = self.source.find("\n", self.position)
        self.position = len(self.source) if end < 0 else end

"""A page as the tests look at it: its elements, what it loads, and whether it is well formed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "link", "input", "path", "rect"}
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}


@dataclass
class Element:
    """An element with its attributes and all the text below it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()


@dataclass
class Page(HTMLParser):
    """A parsed page. Elements stand in the order of their beginnings; ``open_`` are those not closed."""

    html: str
    elements: list[Element] = field(default_factory=list)
    open_: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.html)
        self.close()
        assert not self.open_, f"not closed: {[element.tag for element in self.open_]}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"an attribute is given twice: {tag} {names}"
        if tag in ("td", "th", "tr", "li"):
            self.handle_data(" ")
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.elements.append(element)
        if tag not in VOID:
            self.open_.append(element)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_, f"</{tag}> ends nothing"
        assert self.open_[-1].tag == tag, f"</{tag}> ends <{self.open_[-1].tag}>"
        self.open_.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open_:
            element.text += data

    def all(self, tag: str, class_: str = "") -> list[Element]:
        return [
            element for element in self.elements if element.tag == tag and (not class_ or class_ in element.classes)
        ]

    def text(self, tag: str, class_: str = "") -> list[str]:
        """The texts of elements, white space as a browser shows it."""
        return [" ".join(element.text.split()) for element in self.all(tag, class_)]

    @property
    def ids(self) -> list[str]:
        return [element.attributes["id"] for element in self.elements if "id" in element.attributes]

    def loads(self) -> list[str]:
        """Whatever the page would fetch from outside itself."""
        wanted = [
            value for element in self.elements for name, value in element.attributes.items() if name.lower() in LOADING
        ]
        sheets = [element.text for element in self.all("style")]
        sheets += [element.attributes.get("style", "") for element in self.elements]
        for sheet in sheets:
            wanted += re.findall(r"url\(\s*['\"]?([^'\")]*)", sheet) + re.findall(r"@import[^;]*", sheet)
        return [value for value in wanted if not value.startswith(("#", "data:"))]

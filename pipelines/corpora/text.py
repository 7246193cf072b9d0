"""Text and addresses of documents in the form of article files."""

from __future__ import annotations

from urllib.parse import quote


def address(file: str, position: object = None) -> str:
    """The ``url`` of a document: its file's name and, if the file holds several, its id or position there."""
    name = quote(file)
    return name if position is None else f"{name}#{quote(repaired(str(position)))}"


def repaired(text: str) -> str:
    """The text without NUL, which many programs take for its end, and with U+FFFD for each half of a surrogate pair."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def paragraphs(text: str, *, is_wrapped: bool = False) -> str:
    """A plain text in the form of articles: one paragraph a line, stripped, none empty.

    Lines end with LF, CR LF or CR, as in Python's universal newlines. Other characters that separate lines in some
    programs (U+0085, U+2028, U+2029, form feed) stay: sentence splitting treats them as spaces.

    Args:
        text: The text.
        is_wrapped: A paragraph ends at the next empty line, rather than at the end of its line.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    if is_wrapped:
        pieces = "\n".join(lines).split("\n\n")
        lines = [" ".join(piece.split("\n")).strip() for piece in pieces]
    return "\n".join(line for line in lines if line)

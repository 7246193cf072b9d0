"""Errors with human-readable messages: what happened, where, what was found, what was expected, what to do."""

from __future__ import annotations

import re

LONGEST_SUMMARY, LONGEST_PART = 300, 3_000  # characters
# Control characters, which a terminal would obey, those that change the direction of text, and what is not UTF-8.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class BerthError(Exception):
    """A command or a stage failed (exit status 1).

    Args:
        what: The failure in one clause, e.g. ``"the dump ends in the middle of a bz2 stream"``.
        where: The location: a file and line, a byte offset, a key path of a recipe.
        found: The value or state found there.
        expected: What is allowed instead.
        fix: What the user can do.
    """

    exit_status: int = 1

    def __init__(self, what: str, *, where: str = "", found: str = "", expected: str = "", fix: str = "") -> None:
        # As positional arguments of Exception they appear in its repr; __reduce__ carries them between workers.
        super().__init__(what, where, found, expected, fix)
        self.what, self.where, self.found, self.expected, self.fix = what, where, found, expected, fix

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.found, self.expected, self.fix))

    def __str__(self) -> str:
        parts = [f"{_shown(self.where)}: {_sentence(self.what)}" if self.where else _sentence(self.what)]
        if self.found:
            parts.append(_sentence(f"Found {self.found}"))
        if self.expected:
            parts.append(_sentence(f"Expected {self.expected}"))
        if self.fix:
            parts.append(_sentence(self.fix))
        return " ".join(parts)


class UsageError(BerthError):
    """The request cannot be carried out (exit status 2): a wrong flag, recipe or combination of these."""

    exit_status: int = 2


class TemporaryError(BerthError):
    """The same command may succeed later (exit status 75, EX_TEMPFAIL): a network or file system is unavailable."""

    exit_status: int = 75


def printable(text: str) -> str:
    """A name or path as it can be shown: characters that a terminal would obey, and line breaks, as escapes."""
    return _UNPRINTABLE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def summary(error: BaseException) -> str:
    """The first line of an exception's message, at most 300 characters; its type if it has no message."""
    return str(error).split("\n")[0][:LONGEST_SUMMARY] or type(error).__name__


def _shown(text: str) -> str:
    """What was found in files can be as large as they are, and hold anything: its beginning, on one line."""
    text = printable(text[: LONGEST_PART + 1])
    return text if len(text) <= LONGEST_PART else f"{text[:LONGEST_PART]}…"


def _sentence(text: str) -> str:
    text = _shown(text)
    return text if text.endswith((".", "!", "?", "…")) else text + "."


def _rebuild(kind: type[BerthError], what: str, where: str, found: str, expected: str, fix: str) -> BerthError:
    return kind(what, where=where, found=found, expected=expected, fix=fix)

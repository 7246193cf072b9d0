"""Errors that a person reads: one paragraph saying what happened, where, what was found and what to do."""

from __future__ import annotations


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


class BerthError(Exception):
    """The work failed (exit status 1).

    Args:
        what: The failure in one clause, e.g. ``"the dump ends in the middle of a bz2 stream"``.
        where: The place: file, line, byte offset, key path of a recipe.
        found: What was found there.
        expected: What was expected instead.
        fix: What the reader can do about it.
    """

    exit_status: int = 1

    def __init__(self, what: str, *, where: str = "", found: str = "", expected: str = "", fix: str = "") -> None:
        # All parts are positional arguments of Exception, so that the error survives pickling between workers.
        super().__init__(what, where, found, expected, fix)
        self.what, self.where, self.found, self.expected, self.fix = what, where, found, expected, fix

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.found, self.expected, self.fix))

    def __str__(self) -> str:
        parts = [f"{self.where}: {_sentence(self.what)}" if self.where else _sentence(self.what)]
        if self.found:
            parts.append(_sentence(f"Found {self.found}"))
        if self.expected:
            parts.append(_sentence(f"Expected {self.expected}"))
        if self.fix:
            parts.append(_sentence(self.fix))
        return " ".join(parts)


class UsageError(BerthError):
    """Berth was asked for something impossible (exit status 2): a wrong flag, recipe or combination."""

    exit_status: int = 2


def _rebuild(kind: type[BerthError], what: str, where: str, found: str, expected: str, fix: str) -> BerthError:
    return kind(what, where=where, found=found, expected=expected, fix=fix)

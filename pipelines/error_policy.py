"""What happens at input that cannot be read or is too long: an error, or it is skipped, counted and logged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from berth.errors import BerthError
from berth.recipe import ExtractOptions


@dataclass(frozen=True)
class ErrorPolicy:
    """Decides about input that cannot be read. It is made once, from the recipe's options; workers get copies.

    Attributes:
        strict: Whether such input is an error.
        max_document_bytes: Size of the largest page, document or line that is read. Longer ones are not held in memory.
    """

    strict: bool = False
    max_document_bytes: int = ExtractOptions().max_document_bytes

    @classmethod
    def of(cls, options: ExtractOptions) -> ErrorPolicy:
        """The policy that a recipe gives."""
        return cls(options.strict, options.max_document_bytes)

    def skip(self, error: Callable[[], BerthError]) -> None:
        """Permit the caller to skip what cannot be read.

        Args:
            error: Makes the error. It is called only if the error is raised: finding a line's number can be slow.

        Raises:
            BerthError: The error, if the policy is strict.
        """
        if self.strict:
            raise error()

"""What happens at input that cannot be read: an error ends the job, or the input is skipped, counted and logged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from berth.errors import BerthError


@dataclass(frozen=True)
class ErrorPolicy:
    """Decides about input that cannot be read. It is made once, from the recipe's ``strict``; workers get copies.

    Attributes:
        strict: Whether such input is an error.
    """

    strict: bool = False

    def skip(self, error: Callable[[], BerthError]) -> None:
        """Permit the caller to skip what cannot be read.

        Args:
            error: Makes the error. It is called only if the error is raised: finding a line's number can be slow.

        Raises:
            BerthError: The error, if the policy is strict.
        """
        if self.strict:
            raise error()

"""The random streams of an instance, one for each kind of decision (see :mod:`berth.kernels.keyed_random`).

A kind of decision has a stream of its own, so that an option that changes one kind leaves the others as they are.
"""

from __future__ import annotations

LENGTH, SPLIT, NEXT, PARTNER, TRUNCATION, SPAN, POSITION, REPLACEMENT, ORDER = range(9)
PURPOSES = 9

"""Control bytes that the cleaner's passes leave in the text for one another; no page holds any of them."""

from __future__ import annotations

DROPPED = 0x00  # something was dropped here
EXTERNAL = 0x01  # the label of an external link begins here
INVOCATION = 0x02  # a template that shows something: its name and arguments up to END
ARGUMENT = 0x03  # between the arguments of a template or link
EQUALS = 0x04  # between the name of a template's argument and its value
END = 0x05
FORMULA = 0x1B  # in place of a formula
CELL = 0x1C  # before each cell of a table's row

NUMBER = 0x1D  # before a number, which a blank separates from a digit in front of it

# Delimiters of wikitext that were inside <nowiki>, and the control bytes in place of them.
LITERALS = b"[]{}|<>='*#:;&_-"
LITERAL_CONTROLS = bytes([0x06, 0x07, 0x08, *range(0x0E, 0x1B)])

# What is removed from a page before cleaning: all of these, and other control characters but tab and line feed.
CONTROLS = bytes([*range(0x09), *range(0x0B, 0x20), 0x7F])

"""The delimiters of wikitext, and classes of bytes. Kernels."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit

NEWLINE, TAB, BLANK = 10, 9, 32
AMPERSAND, APOSTROPHE, OPEN, CLOSE, COMMA, QUESTION = 38, 39, 40, 41, 44, 63
BANG, HASH, STAR, PLUS, COLON, SEMICOLON, SLASH, HYPHEN = 33, 35, 42, 43, 58, 59, 47, 45
LESS, EQUAL, GREATER, UNDERSCORE, DOT = 60, 61, 62, 95, 46
OPEN_BRACE, PIPE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET = 123, 124, 125, 91, 93
BACKSLASH, CARET = 92, 94

# Bytes that end a URL, inside [brackets] and in running text; punctuation that is not part of the latter at its end.
ENDS_LABELLED_URL = np.zeros(256, np.bool_)
ENDS_LABELLED_URL[: BLANK + 1] = True
ENDS_LABELLED_URL[np.frombuffer(b'[]<>"', np.uint8)] = True
ENDS_URL = ENDS_LABELLED_URL.copy()
ENDS_URL[np.frombuffer(b"{}|", np.uint8)] = True
TRAILS_URL = np.zeros(256, np.bool_)
TRAILS_URL[np.frombuffer(b",;.:!?)", np.uint8)] = True
ENDS_CLAUSE = np.zeros(256, np.bool_)
ENDS_CLAUSE[np.frombuffer(b".,;:", np.uint8)] = True


@borrowing_jit
def lower(byte):
    """The byte; for a capital ASCII letter, the small one."""
    return byte + 32 if 65 <= byte <= 90 else byte


@borrowing_jit
def is_letter(byte):
    """Whether a byte is an ASCII letter."""
    return 97 <= byte <= 122 or 65 <= byte <= 90


@borrowing_jit
def is_word(byte):
    """Whether a byte can be part of a word: an ASCII letter or digit, "_", or any byte beyond ASCII."""
    return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 or byte == UNDERSCORE or byte >= 128


@borrowing_jit
def is_space(byte):
    """Whether a byte is a blank, tab or line feed."""
    return byte == BLANK or byte == NEWLINE or byte == TAB


@borrowing_jit
def is_ascii_alnum(byte):
    """Whether a byte is an ASCII letter or digit."""
    return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57


@borrowing_jit
def end_of_line(text, at):
    """The index of the line feed that ends the line of ``at``; one follows the text."""
    end = np.uint64(at)
    while text[end] != NEWLINE:
        end += np.uint64(1)
    return np.int64(end)

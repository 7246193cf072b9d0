"""Arithmetic given as text, such as a source's own ``8.8 * 5.6``: numbers, ``+ - * /`` and parentheses."""

from __future__ import annotations

import ast
import math
import operator

_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def result(text: str) -> float:
    """The number that an arithmetic expression gives.

    Raises:
        ValueError: if it holds anything but numbers, the four operators and parentheses, or has no finite result.
    """
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, RecursionError, OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is not arithmetic with a result: {error}") from error
    if not math.isfinite(value):
        raise ValueError(f"{text!r} has no finite result")
    return value


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return float(_OPERATORS[type(node.op)](_value(node.left), _value(node.right)))
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    raise ValueError(f"{ast.unparse(node)!r} is not a number, nor numbers with + - * /")

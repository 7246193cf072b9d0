"""Names of directories that hold characters with a meaning somewhere: in patterns, lists, URLs, shells or terminals."""

import pytest

CHARACTERS = "[]*? ,#%~{}'\"é\n\\:=+"
# Each character in some name: enough for every change.
FEW = ["out[1]", "[!a] b", "a**?", "{a,b}", "~", "%2F#é", "'a\"\\:=+", "a\nb"]
# Each character alone, too.
MANY = sorted({*FEW, *(f"a{character}b" for character in CHARACTERS)})

few_and_many = pytest.mark.parametrize(
    "names", [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]
)


def in_cloud(names: list[str]) -> list[str]:
    """Those that Cloud Storage accepts."""
    return [name for name in names if "\n" not in name]

"""A workspace of finished stages."""

from pathlib import Path

import pytest

from support.finished_stages import build_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """dump → extract → segment → (vocab, records)."""
    return build_workspace(tmp_path)

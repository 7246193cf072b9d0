"""Which groups of kernels a recipe needs."""

import pytest

from berth import kernel_cache
from berth.app import kernels
from berth.errors import BerthError
from berth.recipe.file import installed, load
from pipelines.warm import GROUPS


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel_cache.directory.cache_clear()
    yield tmp_path
    kernel_cache.directory.cache_clear()


@pytest.mark.parametrize("name", installed())
def test_every_group_of_a_recipe_can_be_compiled(name):
    assert set(kernels._groups(load(name))) <= set(GROUPS)


def test_a_recipe_needs_the_kernels_of_its_corpus_and_record_sets(cache):
    assert kernels._groups(load("quickstart")) == ["cleanup", "parser", "keyed", "sentences", "dump"]
    settings = ["corpus.sources.0.format=documents", "model={architecture: bert}", "records.short={max_seq_length: 64}"]
    texts = load("quickstart", settings)
    assert kernels._groups(texts) == ["keyed", "reference", "sentences"]
    assert kernels._groups(load("mlperf_v1_prepared")) == ["reference"]


def test_what_is_compiled_is_not_compiled_again(cache, monkeypatch):
    for group in kernels._groups(load("quickstart")):
        assert not kernel_cache.is_compiled(group)
        kernel_cache.set_compiled(group)
    monkeypatch.setattr("sys.executable", "/bin/false")
    kernels.compile_for(load("quickstart"))


def test_a_compilation_that_fails_is_an_error_with_its_last_line(cache, monkeypatch):
    (cache / "berth.kernels").write_text("a file where numba wants a directory")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(cache / "berth.kernels"))
    kernel_cache.directory.cache_clear()
    with pytest.raises(BerthError, match=r"pipelines.warm cleanup: the kernels cannot be compiled. Found .*no locator"):
        kernels.compile_for(load("quickstart"))

"""The recipes in the documentation are valid."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from berth.recipe import file as recipe_file

ROOT = Path(__file__).parents[1]
FRAGMENTS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "corpora.md").read_text(), re.DOTALL)
REST = """
name: fragment
records: {short: {max_seq_length: 64, max_predictions: 10}}
training: {phases: [{name: first, records: short, steps: 1, batch_size: 1, learning_rate: 1.0e-3}]}
evaluation: {records: short}
"""


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_every_recipe_of_a_corpus_loads(tmp_path, fragment):
    text = fragment if "extends:" in fragment else fragment + REST
    if "sources:" in fragment and "prepared:" not in fragment:
        text += "segmentation: {eval_documents: 10}\n"
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = recipe_file.load(str(tmp_path / "recipe.yaml"))
    corpus = YAML(typ="safe", pure=True).load(fragment)["corpus"]
    assert [source.format for source in recipe.corpus.sources] == [
        source["format"] for source in corpus.get("sources", ())
    ]
    assert (recipe.corpus.prepared is None) == ("prepared" not in corpus)


def test_there_is_one_for_each_format():
    text = "\n".join(FRAGMENTS)
    for kind in ("wikipedia", "sentences", "documents", "jsonl", "parquet"):
        assert f"format: {kind}\n" in text
    assert "prepared:" in text

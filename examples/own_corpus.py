"""From your own text to an evaluated BERT: JSON Lines in, a Hugging Face model and a report out.

    python examples/own_corpus.py 'news/*.jsonl' --text-field body --workspace workspace

The recipe below is small enough for a laptop. Take its numbers from `berth schema` and from the recipes of published
training runs (docs/recipes) when you train for real.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from berth.recipe import Recipe

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("pattern", help="JSON Lines files, one document per line: a path or a glob pattern")
parser.add_argument("--text-field", default="text")
parser.add_argument("--language", default="en")
parser.add_argument("--vocabulary-size", type=int, default=4000)
parser.add_argument("--held-out", type=int, default=100, help="documents held out for evaluation")
parser.add_argument("--evaluation-records", type=int, default=500, help="records made of these documents")
parser.add_argument("--steps", type=int, default=2000)
parser.add_argument("--workspace", default="workspace")
arguments = parser.parse_args()

recipe = Recipe.model_validate(
    {
        "name": "own_corpus",
        "corpus": {
            "language": arguments.language,
            "sources": [{"format": "jsonl", "path": arguments.pattern, "text_field": arguments.text_field}],
        },
        "segmentation": {"shards": 4, "eval_documents": arguments.held_out},
        "vocabulary": {"size": arguments.vocabulary_size, "lower_case": True},
        "records": {"short": {"max_seq_length": 64, "max_predictions": 10, "dupe_factor": 5}},
        "model": {
            "hidden_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 512,
            "max_position_embeddings": 64,
        },
        "training": {
            "phases": [
                {
                    "name": "short",
                    "records": "short",
                    "steps": arguments.steps,
                    "batch_size": 32,
                    "learning_rate": 1e-3,
                    "warmup_steps": arguments.steps // 20,
                }
            ]
        },
        "evaluation": {"records": "short", "examples": arguments.evaluation_records},
    }
)
# JSON is YAML: this file is a recipe like any other, and says what the model was made from.
path = Path(arguments.workspace, "own_corpus.yaml")
path.parent.mkdir(parents=True, exist_ok=True)
path.write_text(recipe.model_dump_json(indent=2, exclude_unset=True))
sys.exit(subprocess.run(["berth", "run", path, "--workspace", arguments.workspace]).returncode)

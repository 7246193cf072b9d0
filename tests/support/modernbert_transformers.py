"""The golden batch by Hugging Face transformers, in a process without TensorFlow: one with both may crash.

python -m support.modernbert_transformers DIRECTORY [CONFIGURATION]

Loads the model in DIRECTORY, or first writes one there with random weights: CONFIGURATION holds its keys, as JSON.
Writes DIRECTORY/logits.npy, float32 [4, 96, vocabulary], zero at padding.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers

from support.modernbert_model import features


def write(directory: Path, configuration: dict[str, object]) -> None:
    """Write a model with random weights, none of them zero or one."""
    torch.manual_seed(1)
    model = transformers.ModernBertForMaskedLM(transformers.ModernBertConfig(**configuration))
    with torch.no_grad():
        for value in model.parameters():
            value.add_(torch.randn_like(value) * 0.1)
    model.save_pretrained(directory)


def main(directory: Path) -> None:
    """Load the model, to which no variable may be missing or unknown, and write its logits."""
    model, info = transformers.ModernBertForMaskedLM.from_pretrained(
        directory, output_loading_info=True, attn_implementation="eager"
    )
    assert not any(info.values()), info
    if (directory / "tokenizer.json").exists():
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
        tokens = tokenizer("[MASK]", return_tensors="pt")
        assert tokenizer.convert_ids_to_tokens(tokens["input_ids"][0]) == ["[CLS]", "[MASK]", "[SEP]"]
        model(**tokens)
    batch = features()
    ids, mask = (torch.tensor(batch[name], dtype=torch.long) for name in ("input_ids", "input_mask"))
    with torch.no_grad():
        logits = model.eval()(input_ids=ids, attention_mask=mask).logits.numpy()
    np.save(directory / "logits.npy", logits * batch["input_mask"][..., None].astype(np.float32))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        write(Path(sys.argv[1]), json.loads(sys.argv[2]))
    main(Path(sys.argv[1]))

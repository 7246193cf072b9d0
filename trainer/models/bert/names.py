"""Google's names of BERT's variables: which are known, so that a checkpoint with others is noticed."""

from __future__ import annotations

import re

_KNOWN = re.compile(
    r"bert/embeddings/((word|position|token_type)_embeddings|LayerNorm/(gamma|beta))"
    r"|bert/encoder/layer_\d+/(attention/(self/(query|key|value)|output/dense)|(intermediate|output)/dense)/(kernel|bias)"
    r"|bert/encoder/layer_\d+/(attention/)?output/LayerNorm/(gamma|beta)"
    r"|bert/pooler/dense/(kernel|bias)"
    r"|cls/predictions/(output_bias|transform/dense/(kernel|bias)|transform/LayerNorm/(gamma|beta))"
    r"|cls/seq_relationship/output_(weights|bias)"
)


def is_known(name: str) -> bool:
    """Whether this is the name of a variable of BERT with its pre-training heads."""
    return _KNOWN.fullmatch(name) is not None


def is_strange(name: str) -> bool:
    """Whether a name looks like BERT's, but is neither that of a variable nor of an optimizer's slot for one."""
    return name.startswith(("bert/", "cls/")) and not (is_known(name) or is_known(name.rpartition("/")[0]))

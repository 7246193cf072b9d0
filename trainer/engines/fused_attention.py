"""Attention whose scores are never written to memory, in JAX: cuDNN's flash attention, or as XLA compiles it.

There is no dropout of the scores in it: that of the kernels would depend on the device and on the number of replicas.
"""

# mypy: disable-error-code="no-untyped-call"
# (some of JAX's functions have no types)

from __future__ import annotations

import functools
import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from trainer.models import FusedAttention

log = logging.getLogger("berth.train")

Tensor = Any

PROBE_LENGTH = 64


def fused_attention(dtype: str, heads: int, head_size: int) -> FusedAttention:
    """The best kernel on this device for a model.

    Args:
        dtype: Of the computation: ``float32``, ``bfloat16`` or ``float16``.
        heads: Number of attention heads.
        head_size: Features of one.
    """
    implementation = "cudnn" if _cudnn_works(dtype, heads, head_size) else "xla"
    return functools.partial(attend, implementation=implementation)


def attend(query: Tensor, key: Tensor, value: Tensor, lengths: Tensor, *, implementation: str) -> Tensor:
    """Scaled dot-product attention over the first ``lengths`` positions of each sequence.

    Args:
        query: [batch, length, heads, head size].
        key: Likewise.
        value: Likewise.
        lengths: int32 [batch], at least 1; the rest is padding.
        implementation: ``cudnn`` or ``xla``.

    Returns:
        [batch, length, heads, head size].
    """
    return jax.nn.dot_product_attention(query, key, value, key_value_seq_lengths=lengths, implementation=implementation)


def _cudnn_works(dtype: str, heads: int, head_size: int) -> bool:
    """Whether device and driver run cuDNN's kernels for this type and size, forwards and backwards."""
    if jax.default_backend() != "gpu" or dtype == "float32":
        return False
    block = jnp.ones((1, PROBE_LENGTH, heads, head_size), dtype=dtype)
    lengths = np.full(1, PROBE_LENGTH, dtype=np.int32)
    try:
        jax.block_until_ready(jax.jit(jax.grad(_probe))(block, lengths))
    except (NotImplementedError, RuntimeError, ValueError) as error:
        log.info("no cuDNN attention on this device, XLA's is used: %s", str(error).split("\n")[0])
        return False
    return True


def _probe(block: Tensor, lengths: Tensor) -> Tensor:
    return attend(block, block, block, lengths, implementation="cudnn").astype(jnp.float32).sum()

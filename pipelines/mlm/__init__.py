"""Masked records: text → tokens → instances → framed records, in compiled kernels over flat arrays.

A shard goes through `tokenizer` (bytes → ids), `instances` (lines → documents), a generator (`reference` or `keyed`:
documents → instances) and `examples` (instances → bytes). `shard` puts them together; `tfrecord` writes and reads
files.

The kernels allocate nothing: all arrays come from outside. That is why they are compiled with ``_nrt=False``, without
Numba's counting of references to arrays, whose atomic instructions at each call of a small function took most of the
time.
"""

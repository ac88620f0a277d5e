"""Writing with a transformers model in large batches whose rows begin the same, on a CPU or a GPU.

The common beginning is read once and attended to as one matrix by all rows, so it costs next to nothing; the rest
is one plain loop with a cache of fixed places, from which rows leave as they end.
"""

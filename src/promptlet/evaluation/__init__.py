"""Evaluation: statistics of what students write, and what rates it."""

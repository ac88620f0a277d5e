"""Names of what training and its stages leave in their folders, free of torch."""

MODEL = "model"
"""A trained model as a Hugging Face folder."""
CHECKPOINT, BEST, METRICS, PREVIEWS = "checkpoint", "best", "metrics.jsonl", "previews.jsonl"

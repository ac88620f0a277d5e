"""The student: its folder's format, model presets, training data, the training loop, checkpoints, GGUF."""

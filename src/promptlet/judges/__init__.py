"""Judges: how good a prompt is for its intents. One file each, found by name."""

"""Upside-down reinforcement learning on policy: rounds in which a student learns from what it achieved itself."""

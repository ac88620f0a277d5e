"""Engines: the fast ways to run a student. One file each, found by name."""

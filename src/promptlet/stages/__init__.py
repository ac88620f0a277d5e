"""The stages of a run. One file each, found by name; they meet only through files."""

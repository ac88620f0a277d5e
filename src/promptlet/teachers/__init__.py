"""Teachers: the large models that are distilled. One file each, found by name."""

"""Where intents come from: the creative graph and the sampler that walks it."""

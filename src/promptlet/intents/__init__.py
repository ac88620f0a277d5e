"""Where intents come from: the creative graph and the sampler that walks it, free words that are read into intents,
metadata that is imported, and the test sets that are held out.
"""

"""Serving a student over HTTP: a native API, one that OpenAI's clients speak, and a page."""

"""From intents and commands to prompts: the one text-level API, under the command line, Python and the server."""

from promptlet.generation.generator import Generator, Prompt
from promptlet.generation.request import Request

__all__ = ["Generator", "Prompt", "Request"]

"""ComfyUI's node that writes prompts: words in, one prompt or several of exactly that length out, on the CPU.

Written for ComfyUI's first node API, which old and new versions load. Students of your own are folders of ComfyUI's
`models/promptlet`, and no path comes out of a workflow, which strangers may have made.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import folder_paths
from comfy.utils import ProgressBar

from promptlet.commands.words import HIGHEST, LOWEST
from promptlet.errors import UsageError
from promptlet.generation import Generator, Request
from promptlet.generation.terms import CATEGORY_PREFIX
from promptlet.registry import unknown
from promptlet.student.format import DESCRIPTION

_SHIPPED = "promptlet-104m"
_SEEDS = 2**32
"""ComfyUI's seeds are twice as long; what is above counts from 0 again."""
_BETWEEN = re.compile(r"[,\n]")


class PromptletPrompt:
    """Writes prompts. Downstream nodes run once for each."""

    CATEGORY = "text"
    DESCRIPTION = "Writes prompts that say what you wish for in exactly as many words as you ask, on the CPU."
    FUNCTION = "write"
    RETURN_TYPES = ("STRING", "STRING")
    RETURN_NAMES = ("prompt", "negative")
    OUTPUT_IS_LIST = (True, False)
    OUTPUT_TOOLTIPS = ("The prompts, one or several.", "What shall not be there, for a negative prompt.")
    SEARCH_ALIASES: ClassVar = ["prompt generator", "prompt enhancer", "llm"]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """Return the widgets: for each its kind, its limits and what is said of it."""
        terms = {"multiline": True, "default": ""}
        return {
            "required": {
                "wish": (
                    "STRING",
                    {
                        "multiline": True,
                        "default": "a red fox in the snow at dawn, no people",
                        "tooltip": "What the picture is about, in your own words, or 'Topic: fox, Mood: calm'.",
                    },
                ),
                "words": (
                    "INT",
                    {
                        "default": 20,
                        "min": LOWEST,
                        "max": HIGHEST,
                        "tooltip": f"How many words, exactly. {_SHIPPED} writes 5 to 40.",
                    },
                ),
                "seed": (
                    "INT",
                    {
                        "default": 0,
                        "min": 0,
                        "max": 2**64 - 1,
                        "control_after_generate": True,
                        "tooltip": "The same seed gives the same prompts.",
                    },
                ),
            },
            "optional": {
                "keep": (
                    "STRING",
                    terms
                    | {
                        "placeholder": "keep as it is: (golden hour:1.2), <lora:foo:0.8>",
                        "tooltip": "Terms that stand in every prompt as they are; commas or lines between them.",
                    },
                ),
                "ban": (
                    "STRING",
                    terms
                    | {
                        "placeholder": "never say: moon, category:trademarks",
                        "tooltip": "Words that no prompt says in any inflection; commas or lines between them.",
                    },
                ),
                "variants": (
                    "INT",
                    {"default": 1, "min": 1, "max": 32, "tooltip": "How many prompts that differ from each other."},
                ),
                "candidates": (
                    "INT",
                    {
                        "default": 24,
                        "min": 1,
                        "max": 64,
                        "tooltip": "How many drafts may be written per prompt; the best are taken.",
                    },
                ),
                "student": ([_SHIPPED, *_own_students()], {"tooltip": "Others are folders of models/promptlet."}),
            },
        }

    def write(
        self,
        wish: str,
        words: int,
        seed: int,
        keep: str = "",
        ban: str = "",
        variants: int = 1,
        candidates: int = 24,
        student: str = _SHIPPED,
    ) -> dict[str, Any]:
        """Return the prompts and what they don't say; ComfyUI shows what is raised, one line, at the node."""
        request = Request.of(
            {
                "intents": wish,
                "words": words,
                "seed": seed % _SEEDS,
                "keep": _terms(keep),
                "ban": _terms(ban),
                "n": variants,
                "candidates": candidates,
            }
        )
        progress, prompts = ProgressBar(variants), []
        for prompt in _generator(student).stream(request):
            prompts.append(prompt.prompt)
            progress.update(1)  # raises if the run was cancelled
        negative = ", ".join(term for term in request.ban if not term.startswith(CATEGORY_PREFIX))
        return {"ui": {"text": prompts}, "result": (prompts, negative)}


@cache
def _generator(student: str) -> Generator:
    # ComfyUI checks what stands in the widget, but not what another node puts in its place.
    if student not in (known := [_SHIPPED, *_own_students()]):
        raise UsageError(unknown("student", student, known), "student")
    return Generator.load(None if student == _SHIPPED else _students_folder() / student)


def _own_students() -> list[str]:
    return sorted(each.parent.name for each in _students_folder().glob(f"*/{DESCRIPTION}"))


def _students_folder() -> Path:
    return Path(folder_paths.models_dir) / "promptlet"


def _terms(text: str) -> list[str]:
    return [term.strip() for term in _BETWEEN.split(text) if term.strip()]

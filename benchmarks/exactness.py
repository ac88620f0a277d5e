"""What exact counts, kept terms, banned and untaught words cost: finished ends, draws and time, on held-out wishes.

python benchmarks/exactness.py [--student FOLDER] [--count 20] [--json FILE] [--texts FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

from facts import publish

from promptlet.curation.checks import Examined, truncation
from promptlet.errors import StudentError
from promptlet.generation import Generator, Prompt
from promptlet.intents.test_sets import load_test_set
from promptlet.types import Sample
from promptlet.vocabulary import load_policy

WORDS = (10, 20, 30)
KEEP = ("(golden hour:1.2)", "Captain Marlow", "<lora:foo:0.8>", "neon sign")
BAN = ("white", "light", "small", "wooden")
"""Words that students often say."""
DEMANDS: dict[str, dict[str, Any]] = {
    "free, 1 draw": {"exact": False, "candidates": 1},
    "exact, 1 draw": {"candidates": 1},
    "free, best of 24": {"exact": False},
    "exact, best of 24": {},
    "keep, 1 draw": {"keep": True, "candidates": 1},
    "keep, best of 24": {"keep": True},
    "ban, 1 draw": {"ban": True, "candidates": 1},
    "ban, best of 24": {"ban": True},
    "untaught, best of 24": {},
}
"""`keep` is one of the terms, `ban` one of the words; untaught wishes are those of `unseen_nodes` with words that the
student was not taught."""
UNTAUGHT = "untaught"


def main() -> None:
    """Print a line per demand."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--student", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--texts", type=Path, help="where all prompts go, to be read")
    arguments = parser.parse_args()
    generator = Generator.load(arguments.student)
    known = load_test_set("unseen_combinations")[: arguments.count]
    knows = generator.student.knows
    strange = [each for each in load_test_set("unseen_nodes") if not all(knows(i.value) for i in each.intents)]
    results, texts = {}, []
    for name, demand in DEMANDS.items():
        start, written = time.process_time(), []
        for index, wish in enumerate(strange[: arguments.count] if name.startswith(UNTAUGHT) else known):
            for words in WORDS:
                prompt = ask(generator, wish, words, index, demand)
                written.append(prompt)
                texts.append({"demand": name, "intents": [str(intent) for intent in wish.intents]} | of(prompt))
        results[name] = summary(written, time.process_time() - start)
    publish(results, arguments.json)
    if arguments.texts:
        arguments.texts.write_text("".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts))


def ask(generator: Generator, wish: Sample, words: int, index: int, demand: dict[str, Any]) -> Prompt | None:
    """Return the prompt of a wish, or None if no candidate does what is demanded."""
    others = dict(demand)
    if "keep" in others:
        others["keep"] = [KEEP[index % len(KEEP)]]
    if "ban" in others:
        said = " ".join(map(str, wish.intents))
        others["ban"] = [word for word in BAN if word not in said][index % 2 :][:1]
    try:
        return generator.generate(wish.intents, wish.task, words, seed=index, **others)[0]
    except StudentError:
        return None


def of(prompt: Prompt | None) -> dict[str, Any]:
    return {} if prompt is None else {"words": prompt.words, "candidates": prompt.candidates, "prompt": prompt.prompt}


def summary(written: list[Prompt | None], seconds: float) -> dict[str, float]:
    """Return the shares and means of what one demand gave."""
    prompts = [prompt for prompt in written if prompt is not None]
    answers = [Examined.of(Sample((), prompt.task, without_tags(prompt.prompt)), load_policy()) for prompt in prompts]
    return {
        "fulfilled": round(len(prompts) / len(written), 3),
        "finished": round(fmean(truncation(answer) is None for answer in answers), 3),
        "exact": round(fmean(prompt.words == prompt.target_words for prompt in prompts), 3),
        "relevance": round(fmean(prompt.relevance for prompt in prompts), 3),
        "coverage": round(fmean(fmean(prompt.coverage.values()) for prompt in prompts), 3),
        "draws": round(fmean(prompt.candidates for prompt in prompts), 1),
        "CPU seconds per prompt": round(seconds / len(written), 3),
    }


def without_tags(text: str) -> str:
    return text.removesuffix(" <lora:foo:0.8>")


if __name__ == "__main__":
    main()

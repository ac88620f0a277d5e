"""What tuning brings to a small teacher: the same wishes put to it as it is, with exemplars, and tuned, without any.

python benchmarks/tuning.py runs/default/tune-*/model [--wishes 192] [--dtype bfloat16] [--json FILE]

Half of the wishes are text-to-image, half text-to-template, of 6 to 36 words. *Kept* is the share of
answers that the checks of curation let pass; *said* is the share of the intents' words that answers hold.
"""

from __future__ import annotations

import argparse
import random
from itertools import groupby
from pathlib import Path

from facts import publish

from promptlet.commands.words import count_words
from promptlet.curation.checks import Examined, clean
from promptlet.evaluation.diversity import distinct
from promptlet.generation.ranking import intent_coverage
from promptlet.intents.graph import load_graph
from promptlet.intents.sampling import Sampler
from promptlet.prompting import chat_messages, choose_exemplars
from promptlet.tasks import load_task
from promptlet.teachers.base import TeacherRequest
from promptlet.teachers.transformers import Transformers, TransformersConfig
from promptlet.types import Sample
from promptlet.vocabulary import load_policy

TASKS, MOST_TOKENS = ("t2i", "t2t"), 92
COUNTS = (6, 12, 20, 28, 36)
"""Few, so that many requests share their exemplars."""
SHOTS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tuned", type=Path, help="the folder that the stage tune made")
    parser.add_argument("--wishes", type=int, default=192, help="per task")
    parser.add_argument("--dtype", default="auto", help="of the weights: auto, float32 or bfloat16")
    parser.add_argument("--temperature", type=float, default=0.75)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results: dict[str, object] = {}
    for name, model, shots in (("as it is", None, SHOTS), ("tuned", str(arguments.tuned), 0)):
        config = TransformersConfig(model=model, dtype=arguments.dtype, batch=arguments.wishes, repeat_penalty=1.05)
        with Transformers.open(config) as teacher:
            results |= measure(f"{name}, {shots} exemplars", teacher, shots, arguments.wishes, arguments.temperature)
    publish(results, arguments.json)


def measure(name: str, teacher: Transformers, shots: int, wishes: int, temperature: float) -> dict[str, object]:
    kept = 0
    covered: list[float] = []
    prompts: list[str] = []
    misses: list[int] = []
    for task_name in TASKS:
        task, rng = load_task(task_name), random.Random(task_name)
        combinations = list(Sampler(load_graph(None), task).stream(wishes, seed=99))
        counts = sorted(rng.choice(COUNTS) for _ in combinations)
        requests = []
        for seed, (intents, words) in enumerate(zip(combinations, counts, strict=True)):
            shown = choose_exemplars(task, intents, words, shots)
            requests.append(
                TeacherRequest(chat_messages(task, shown, intents, words), MOST_TOKENS, temperature, 1.0, seed)
            )
        # Those of one length share their exemplars, and stand together.
        for _, group in groupby(range(wishes), key=lambda index: requests[index].messages[:-1]):
            run = list(group)
            for place, answer in teacher.complete_all([requests[index] for index in run]):
                assert not isinstance(answer, Exception)
                intents, words = combinations[run[place]], counts[run[place]]
                sample = Sample(intents, task_name, clean(answer.text))
                kept += answer.finished and Examined.of(sample, load_policy()).objection() is None
                covered += intent_coverage(intents, sample.prompt)
                misses.append(abs(count_words(sample.prompt) - words))
                prompts.append(sample.prompt)
    total = len(prompts)
    return {
        f"{name}: kept": round(kept / total, 3),
        f"{name}: said": round(sum(covered) / len(covered), 3),
        f"{name}: words from those asked for": round(sum(misses) / total, 2),
        f"{name}: distinct-2": round(distinct(prompts, 2), 3),
    }


if __name__ == "__main__":
    main()

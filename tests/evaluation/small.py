"""A small evaluation: what it asks, and an endpoint that answers it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from promptlet.evaluation.judge import JudgeChoice
from promptlet.evaluation.run import Evaluation, evaluate
from promptlet.evaluation.suites import Part, Suite
from promptlet.evaluation.systems import open_systems
from tests.endpoint import Reply, said

SMALL = Suite((Part("unseen_combinations", (10, 12), 2), Part("unseen_nodes", (10,), 2)), 4, 1, 4)
TASKS = ("t2i", "t2t")


def wordy(_: int, body: dict[str, Any]) -> Reply:
    """Write the wish and as many words as were asked for and one more."""
    wish = body["messages"][-1]["content"]
    number = int((re.search(r"\d+", wish) or ["0"])[0])
    words = ["a", "picture", "of", *wish.partition(": ")[2].replace(",", "").split(), *["more"] * 40]
    return said(f'Prompt: "{" ".join(words[: number + 1])}"')


def evaluated(*names: str, folder: Path, suite: Suite = SMALL, judge: JudgeChoice | None = None) -> Evaluation:
    return evaluate(open_systems(names), suite, TASKS, folder, seed=1, judge=judge)


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]

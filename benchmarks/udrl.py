"""What each part of upside-down reinforcement learning brings: students of the same curated data, with and without it.

python benchmarks/udrl.py [--recipe recipes/default.yaml] [--run runs/default] [--seeds 1 2] [--steps 1500]
                          [--rounds 3] [--students "measured words" "+ hindsight" ...] [--engine llamacpp]
                          [--output docs/results]

Writes udrl.md and its pictures into the output folder. The run's folder keeps stages and answers: an interrupted
benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from facts import facts

from promptlet.commands.relevance import STEPS
from promptlet.commands.words import count_words
from promptlet.errors import UsageError
from promptlet.evaluation.adherence import PAPER, measure_adherence
from promptlet.evaluation.bootstrap import interval
from promptlet.evaluation.diversity import distinct
from promptlet.generation import Generator, Request
from promptlet.generation.plan import Plan
from promptlet.intents.test_sets import DIGESTS, load_test_set
from promptlet.io.atomic import value_digest
from promptlet.io.journal import Journal
from promptlet.judges.base import open_judge
from promptlet.pipeline import Recipe, load_recipe, load_stage, run_recipe
from promptlet.progress import metering
from promptlet.reports.document import Cell, Document, Facts, Gallery, Section, Table, Text
from promptlet.reports.judgements import ends
from promptlet.reports.pictures import lines
from promptlet.reports.render import write_markdown
from promptlet.stages.export import STUDENT
from promptlet.types import RELEVANCE, Sample

WORDS, HINDSIGHT, FIFTHS, IMPROVE = "measured words", "+ hindsight", "+ relevance", "+ improve"
PARTS = (WORDS, HINDSIGHT, FIFTHS, IMPROVE)
"""Each has all that stands before it."""
AUGMENTED = {"only drop": "drop", "only add": "add", "only cut": "cut"}
"""Students between the first two parts, each with one kind of further samples."""
VARIANTS = (WORDS, *AUGMENTED, *PARTS[1:])
TARGETS = tuple(PAPER)
COUNTS = range(5, 41)
COMBINATIONS, NODES = DIGESTS
PER_TARGET, PER_COUNT, PER_STEP = 200, 10, 100
TOGETHER = 512
"""Prompts that an engine is asked for at once."""
JUDGE = "embedding"


@dataclass(frozen=True)
class Ask:
    """One prompt that every student is asked for, free running, by the best relevance or a given one."""

    test_set: str
    index: int
    words: int
    relevance: int | None = None


@dataclass(frozen=True)
class Answer:
    """What a student wrote, and how relevant the judge finds it."""

    ask: Ask
    prompt: str
    relevance: float

    @property
    def miss(self) -> int:
        """Words too many; below zero, too few."""
        return count_words(self.prompt) - self.ask.words


Answers = Mapping[str, Mapping[int, Sequence[Answer]]]
"""Variant -> seed -> answers, of all variants to the same asks but for those about relevance."""


def main() -> None:
    """Train, ask and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--recipe", type=Path, default=Path("recipes/default.yaml"))
    parser.add_argument("--run", type=Path, default=Path("runs/default"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=1500, help="of training, for each student")
    parser.add_argument("--rounds", type=int, default=3, help="most rounds of improvement")
    parser.add_argument(
        "--students", nargs="+", choices=VARIANTS, default=VARIANTS, metavar="NAME", help=f"of: {', '.join(VARIANTS)}"
    )
    parser.add_argument("--engine", default="llamacpp", help="that asks the students")
    parser.add_argument("--output", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    answers: dict[str, dict[int, Sequence[Answer]]] = {name: {} for name in VARIANTS if name in arguments.students}
    for seed in arguments.seeds:
        for name, by_seed in answers.items():
            print(f"{name}, seed {seed}")
            changed = variant(recipe, name, seed, arguments.steps, arguments.rounds)
            done = run_recipe(changed, arguments.run, "export", print)
            generator = Generator.load(done["export"] / STUDENT, arguments.engine)
            by_seed[seed] = ask(generator, arguments.run / "udrl.jsonl", f"{name}, seed {seed}")
    command = shlex.join(["python", *sys.argv])
    arguments.output.mkdir(parents=True, exist_ok=True)
    print(write_markdown(describe(answers, arguments.steps, command), arguments.output, "udrl"))


def variant(recipe: Recipe, name: str, seed: int, steps: int, rounds: int) -> Recipe:
    """Return the recipe of a student with all parts up to `name`, or with one kind of further samples."""
    has = PARTS[: PARTS.index(name) + 1] if name in PARTS else ()
    left_out = () if HINDSIGHT in has else set(AUGMENTED.values()) - {AUGMENTED.get(name)}
    commands: dict[str, Any] = {"words": {"low": COUNTS[0], "high": COUNTS[-1]}}
    changes: dict[str, dict[str, Any]] = {
        "augment": dict.fromkeys(left_out, 0),
        "tokenize": {"commands": commands | ({"relevance": {}} if FIFTHS in has else {})},
        "train": {"seed": seed, "loop": {"steps": steps}},
        "improve": {"rounds": rounds if IMPROVE in has else 0},
    }
    stages = {
        stage: load_stage(stage).Config.model_validate(
            merged(recipe.stages[stage].model_dump(exclude_unset=True), change)
        )
        for stage, change in changes.items()
    }
    return replace(recipe, stages={**recipe.stages, **stages})


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the old settings with the new ones in their place, section by section; commands are replaced whole."""
    return {
        **old,
        **{
            key: merged(old[key], value) if isinstance(value, dict) and key in old and key != "commands" else value
            for key, value in new.items()
        },
    }


def asks(relevance: bool) -> Iterator[Ask]:
    """Yield what a student is asked for; one that knows relevance also for each of its steps."""
    for words in COUNTS:
        for index in range(PER_TARGET if words in TARGETS else PER_COUNT):
            yield Ask(COMBINATIONS, index, words)
    for words in TARGETS:
        for index in range(PER_TARGET):
            yield Ask(NODES, index, words)
    for step in range(STEPS if relevance else 0):
        for name in (COMBINATIONS, NODES):
            for index in range(PER_STEP):
                yield Ask(name, index, TARGETS[index % len(TARGETS)], step)


def ask(generator: Generator, path: Path, what: str) -> list[Answer]:
    """Return a student's answers; the journal keeps them, under the student's digest."""
    wanted = list(asks("relevance" in generator.student.commands))
    identities = [value_digest([generator.student.digest, *vars(each).values()])[:32] for each in wanted]
    sets = {name: load_test_set(name) for name in DIGESTS}
    wishes = [sets[each.test_set][each.index % len(sets[each.test_set])] for each in wanted]
    with Journal(path) as journal:
        written = {entry["id"]: entry["prompt"] for entry in journal}
        missing = [place for place, identity in enumerate(identities) if identity not in written]
        with metering(what, "prompts", len(wanted), len(wanted) - len(missing)) as meter:
            for first in range(0, len(missing), TOGETHER):
                block = missing[first : first + TOGETHER]
                prompts = write(generator, [(wishes[place], wanted[place]) for place in block])
                for place, prompt in zip(block, prompts, strict=True):
                    written[identities[place]] = prompt
                    journal.append({"id": identities[place], "prompt": prompt})
                    meter.advance()
    found = [
        (one, Sample(wish.intents, wish.task, prompt))
        for one, wish, identity in zip(wanted, wishes, identities, strict=True)
        if (prompt := written[identity]) is not None
    ]
    scores = open_judge(JUDGE).judge([sample for _, sample in found])
    return [Answer(one, sample.prompt, score[RELEVANCE]) for (one, sample), score in zip(found, scores, strict=True)]


def write(generator: Generator, block: Sequence[tuple[Sample, Ask]]) -> list[str | None]:
    """Return what a student writes; None for intents that are too long for it, or if it says a denied word."""
    plans = [planned(generator, wish, one) for wish, one in block]
    drafts = [plan.draft(one.index) if plan else None for plan, (_, one) in zip(plans, block, strict=True)]
    decoded = iter(generator.engine.decode([draft.decoding for draft in drafts if draft]))
    candidates = [
        plan.judge(draft, next(decoded)) if plan and draft else None for plan, draft in zip(plans, drafts, strict=True)
    ]
    return [each.prompt if each and each.rejection is None else None for each in candidates]


def planned(generator: Generator, wish: Sample, one: Ask) -> Plan | None:
    """Return the plan of one draw that nothing is enforced in."""
    how = {} if one.relevance is None else {"relevance": one.relevance}
    request = {"intents": wish.intents, "task": wish.task, "words": one.words, "exact": False}
    try:
        return Plan.of(Request.of(request | how), generator.student)
    except UsageError:
        return None


def describe(answers: Answers, steps: int, command: str) -> Document:
    """Return the report."""
    seeds = max(map(len, answers.values()))
    machine = ", ".join(f"{key} {value}" for key, value in facts().items())
    return Document(
        "Upside-down reinforcement learning, part by part",
        f"{seeds} seeds, {steps} steps of training each, free running: no word is enforced, one draw per prompt",
        (
            _summary(answers),
            _lengths(answers, COMBINATIONS),
            _lengths(answers, NODES),
            *([_every_count(answers)] if answers.keys() & set(PARTS) else []),
            *([_relevance(answers)] if {FIFTHS, IMPROVE} & answers.keys() else []),
            Section("How to do it again", [Text(command), Text(machine)]),
        ),
    )


def chosen(answers: Sequence[Answer], test_set: str, words: Container[int]) -> list[Answer]:
    """Return the answers to asks for some numbers of words and the best relevance."""
    return [
        each
        for each in answers
        if each.ask.test_set == test_set and each.ask.relevance is None and each.ask.words in words
    ]


def pooled(answers: Mapping[int, Sequence[Answer]]) -> list[Answer]:
    """Return the answers of all seeds."""
    return [each for own in answers.values() for each in own]


def _summary(answers: Answers) -> Section:
    rows: list[list[Cell]] = []
    for name, by_seed in answers.items():
        seeds = [chosen(own, COMBINATIONS, TARGETS) for own in by_seed.values()]
        every = [each for own in seeds for each in own]
        rows.append(
            [
                name,
                len(every),
                ends(interval([abs(each.miss) for each in every])),
                " ".join(f"{fmean(abs(each.miss) for each in own):.2f}" for own in seeds),
                ends(interval([abs(each.miss) <= 2 for each in every]), ".1%"),
                ends(interval([each.relevance for each in every]), ".3f"),
                f"{fmean(distinct([each.prompt for each in own], 2) for own in seeds):.3f}",
            ]
        )
    head = ("Student", "Prompts", "MAE", "MAE per seed", "Within 2", "Relevance", "Distinct-2")
    caption = (
        f"Targets {', '.join(map(str, TARGETS))} on {COMBINATIONS}, with 95% bootstrap intervals. "
        f"{PER_TARGET} wishes for each target and seed, but those that give nothing: too long, or with a denied word. "
        "'only' one: measured words and one kind of further samples; + hindsight has all of them"
    )
    errors = [(f"words off, {row[0]}", str(row[2]).partition(" ")[0]) for row in rows]
    return Section("Summary", [Facts(errors), Table(head, rows, caption)])


def _lengths(answers: Answers, test_set: str) -> Section:
    rows: list[list[Cell]] = []
    for words in TARGETS:
        paper = PAPER[words]
        rows.append([words, "the paper", "", f"{paper['mean']}", f"{paper['mae']}", "", f"{paper['within_2']:.0%}"])
        for name, by_seed in answers.items():
            counts = [words + each.miss for each in chosen(pooled(by_seed), test_set, (words,))]
            row = measure_adherence(words, counts)
            numbers = (ends(row.mean), ends(row.mae), ends(row.exact, ".1%"), ends(row.within_2, ".1%"))
            rows.append([words, name, row.prompts, *numbers])
    head = ("Target", "Student", "Prompts", "Mean", "MAE", "Exact", "Within 2")
    return Section(f"Length on {test_set}", [Table(head, rows)])


def _every_count(answers: Answers) -> Section:
    errors = {
        name: [
            (words, fmean(abs(each.miss) for each in chosen(pooled(by_seed), COMBINATIONS, (words,))))
            for words in COUNTS
        ]
        for name, by_seed in answers.items()
        if name in PARTS
    }
    picture = lines("udrl-counts", f"Mean absolute error for every count, {COMBINATIONS}", errors, "words asked for")
    return Section("Every count", [Gallery([picture])])


def _relevance(answers: Answers) -> Section:
    """Return what asking for relevance 0 to 4 gives; the last fifth is what is asked for by default."""
    rows: list[list[Cell]] = []
    curves = {}
    for name in [name for name in (FIFTHS, IMPROVE) if name in answers]:
        for test_set in (COMBINATIONS, NODES):
            means = [
                interval(
                    [
                        each.relevance
                        for each in pooled(answers[name])
                        if each.ask.test_set == test_set and each.ask.relevance == step
                    ]
                )
                for step in range(STEPS)
            ]
            rises = all(low.value < high.value for low, high in pairwise(means))
            rows.append([name, test_set, *(ends(mean, ".3f") for mean in means), "yes" if rises else "no"])
            curves[f"{name}, {test_set}"] = [(step, mean.value) for step, mean in enumerate(means)]
    head = ("Student", "Test set", *map(str, range(STEPS)), "Rises")
    picture = lines("udrl-relevance", "Relevance found by the judge", curves, "relevance asked for")
    return Section(
        "Relevance on command", [Table(head, rows, f"Mean score of the judge '{JUDGE}'"), Gallery([picture])]
    )


if __name__ == "__main__":
    main()

"""An evaluation in files: what was measured as JSON, every prompt with its ratings as lines, and reading both again.

The prompts of a system are a file that ``promptlet review create`` takes as it is, the judges' ratings with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from promptlet.errors import RunError, UsageError, one_line
from promptlet.evaluation.judge import JudgeRating
from promptlet.evaluation.relevance import Judgement
from promptlet.evaluation.run import ANSWERS, Evaluation, SystemResult
from promptlet.evaluation.suites import Wish
from promptlet.evaluation.systems import System, SystemOutput
from promptlet.io.atomic import replacing_folder, write_json, write_text
from promptlet.io.manifest import Manifest
from promptlet.types import RELEVANCE, parse_intents

NAME, PROMPTS = "evaluation.json", "prompts"
_SHOWN = 3
"""Names of what else is in a folder that are said."""
Ratings = dict[str, dict[str, dict[Wish, JudgeRating]]]


@dataclass(frozen=True)
class SavedEvaluation:
    """An evaluation with what its report says of how it was made."""

    evaluation: Evaluation
    subtitle: str
    """What was asked, in a few words."""
    command: str
    """The line that does it again."""


def save_evaluation(saved: SavedEvaluation, folder: Path) -> None:
    """Write ``evaluation.json`` and a file of prompts per system into `folder`, each whole or not at all."""
    evaluation = saved.evaluation
    files = _files(list(evaluation.written))
    with replacing_folder(folder / PROMPTS) as temporary:
        for system, file in files.items():
            rows = _rows(evaluation, system)
            write_text(temporary / file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    measured = {name: [asdict(each) for each in getattr(evaluation, name)] for name in ("systems", "judgements")}
    content = {"subtitle": saved.subtitle, "command": saved.command, "manifest": asdict(evaluation.manifest)}
    write_json(folder / NAME, content | {"files": files} | measured)


def check_folder(folder: Path) -> None:
    """Refuse a folder in which keeping an evaluation would replace what is none of its own.

    Raises:
        UsageError: naming what is there.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UsageError(f"--output {folder} is a file; a folder is needed")
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    # An interrupted evaluation has its answers and perhaps its prompts; a run's folder has answers among other work.
    begun = ANSWERS in found and {ANSWERS, PROMPTS}.issuperset(found)
    if found and not begun and NAME not in found:
        names_shown = ", ".join(found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
        raise UsageError(f"{folder} holds no evaluation, but {names_shown}; --output names another folder")


def check_systems(folder: Path, systems: Sequence[System]) -> None:
    """Refuse a folder whose report tells of a system that is not evaluated now: it would be lost.

    Raises:
        UsageError: naming that system.
    """
    now = {system.identity for system in systems}
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))["systems"]
        lost = [each["name"] for each in content if each["identity"] not in now]
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or none that could be shown again
        return
    if lost:
        raise UsageError(f"{folder} holds a report of '{lost[0]}' that would be lost; --output names another folder")


def read_evaluation(folder: Path) -> SavedEvaluation:
    """Return the evaluation that is kept in `folder`.

    Raises:
        UsageError: if there is no finished one.
        RunError: if its files do not belong together, or are damaged.
    """
    path = folder / NAME
    if not path.is_file():
        raise UsageError(f"there is no finished evaluation in {folder}: `promptlet evaluate SYSTEM --output {folder}`")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        systems = TypeAdapter(list[SystemResult]).validate_python(content["systems"])
        judgements = TypeAdapter(list[Judgement]).validate_python(content["judgements"])
        manifest = TypeAdapter(Manifest).validate_python(content["manifest"])
        written: dict[str, list[SystemOutput]] = {}
        ratings: Ratings = {each.judge: {} for each in judgements}
        for system, file in content["files"].items():
            written[system] = _read(folder / PROMPTS / file, system, ratings)
        evaluation = Evaluation(manifest, systems, judgements, written, ratings)
        return SavedEvaluation(evaluation, content["subtitle"], content["command"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{error.error_count()} fields are wrong" if isinstance(error, ValidationError) else repr(error)
        raise RunError(f"the evaluation in {folder} can't be read: {one_line(why)}") from error


def _files(systems: Sequence[str]) -> dict[str, str]:
    """Return the name of each system's file, none of them twice."""
    names = [re.sub(r"[^A-Za-z0-9.]+", "-", system).strip("-.") or "system" for system in systems]
    return {
        system: f"{name}.jsonl" if names.count(name) == 1 else f"{name}-{index}.jsonl"
        for index, (system, name) in enumerate(zip(systems, names, strict=True), start=1)
    }


def _rows(evaluation: Evaluation, system: str) -> Iterator[dict[str, Any]]:
    for each in evaluation.written[system]:
        rated = {judge: of[system][each.wish] for judge, of in evaluation.ratings.items() if each.wish in of[system]}
        names_shown = {"error": each.error} if each.text is None else {"prompt": each.text}
        yield {
            **names_shown,
            **asdict(each.wish),
            "intents": list(map(str, each.wish.intents)),
            "seconds": each.seconds,
            "scores": {judge: rating.scores[RELEVANCE] for judge, rating in rated.items() if rating.scores},
            "ratings": {judge: asdict(rating) for judge, rating in rated.items()},
        }


def _read(path: Path, system: str, ratings: Ratings) -> list[SystemOutput]:
    """Return the prompts of a file; their ratings go to `ratings`."""
    written = []
    for given in ratings.values():
        given[system] = {}
    for line in path.read_bytes().splitlines():  # of text it would end lines at marks within strings too
        row: Mapping[str, Any] = json.loads(line)
        intents = parse_intents([tuple(each.split(": ", 1)) for each in row["intents"]])
        wish = Wish(row["test_set"], row["task"], row["target"], row["index"], intents, row["seed"])
        written.append(SystemOutput(wish, row.get("prompt"), row.get("error", ""), row["seconds"]))
        for judge, rating in row["ratings"].items():
            ratings[judge][system][wish] = JudgeRating(**rating)
    return written

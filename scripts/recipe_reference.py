"""Write docs/recipes.md, all that a recipe may say, from the classes that read recipes; a test keeps it up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from promptlet import registry
from promptlet.commands import make_commands
from promptlet.intents.test_sets import DIGESTS
from promptlet.pipeline import ORDER, load_stage
from promptlet.stages.base import CommonConfig
from promptlet.student.config import PRESETS, LoopConfig
from promptlet.tasks import task_names

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
_BEGINNING = """\
# Recipes: every key

A recipe is one YAML file. It has the common keys below, and a section for each stage whose settings
differ from these defaults: `train: {preset: mini}`. Unknown keys are errors. Paths are relative to the folder in which
`promptlet` is run. `promptlet run RECIPE.yaml` does what is not done yet; a changed key makes that stage and those
after it anew, each into a folder of its own. (`python scripts/recipe_reference.py` writes this page from the code.)
"""
_COMMANDS = """\
### `tokenize.commands`

A command per key, with its settings. `{words: {low: 5, high: 40}, relevance: {}}` lets a student be asked for its
prompts' relevance too (`--relevance 0` to `4`); the common key `judge` should then be `embedding`, or `given` if pairs
bring their scores.
"""
_NAMES = {
    "judge": registry.names("promptlet.judges"),
    "tasks": task_names(),
    "teacher": registry.names("promptlet.teachers"),
    "preset": PRESETS,
    "test_set": DIGESTS,
}
"""By key, the names that are allowed, where a class checks what it is given."""


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"wrote {PAGE}")


def reference() -> str:
    """Return the page as Markdown."""
    parts = [_BEGINNING, *_section("Common keys", CommonConfig)]
    for name in ORDER:
        stage = load_stage(name)
        parts += _section(f"`{name}`", stage.Config)
        if name == "tokenize":
            parts += [_COMMANDS, *(_command(each) for each in registry.names("promptlet.commands"))]
        if name == "train":
            parts += _section("`train.loop`", LoopConfig, "###")
        if name == "synthesize":
            for teacher in registry.names("promptlet.teachers"):
                config = registry.load("promptlet.teachers", teacher).TEACHER.Config
                parts += _section(f"`synthesize.teacher`, name `{teacher}`", config, "###")
    presets = ", ".join(f"`{name}` ({size.layers} x {size.heads} x {size.width})" for name, size in PRESETS.items())
    parts.append(f"Presets of `train.preset`, layers x heads x width: {presets}.\n")
    return "\n".join(parts)


def _section(title: str, config: Any, level: str = "##") -> Iterator[str]:
    schema = config.model_json_schema()
    about = " ".join(schema["description"].split())
    rows = list(_rows(schema, schema.get("$defs", {})))
    yield f"{level} {title}\n\n{about}\n"
    if rows:
        yield "\n".join(["| key | default | allowed | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _command(name: str) -> str:
    command = make_commands({name: {}})[name]
    document = type(command).__doc__
    assert document, name
    values = command.values()
    return f"- `{name}`: {' '.join(document.split())} Values: {values[0]} to {values[-1]}.\n"


def _rows(schema: Mapping[str, Any], parts: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Yield a row per key; those of an object within an object have its name before them."""
    for name, field in schema.get("properties", {}).items():
        inner = parts.get(_referred(field))
        if inner and _referred(field) != "LoopConfig" and inner.get("properties", {}).keys() != {"name"}:
            yield from _rows(inner, parts, f"{within}{name}.")
            continue
        needed = name in schema.get("required", ())
        default = (
            f"needed{f', if there is a {within[:-1]}' if within else ''}"
            if needed
            else _shown(field.get("default"), inner or {})
        )
        meaning = " ".join((field.get("description") or (inner or {}).get("description", "")).split())
        assert meaning, f"{within}{name} has no docstring"
        cells = (f"`{within}{name}`", default, ", ".join(_NAMES.get(name, ())) or _allowed(field), meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _referred(field: Mapping[str, Any]) -> str:
    """Return the name of the class that a field is of, "" if it is none."""
    options = [field, *field.get("anyOf", ()), *field.get("allOf", ())]
    return next((each["$ref"].rpartition("/")[2] for each in options if "$ref" in each), "")


def _shown(default: Any, inner: Mapping[str, Any]) -> str:
    if default is None:
        return "none"
    if isinstance(default, Mapping):
        if inner.get("properties", {}).keys() == {"name"}:
            return str(default["name"])
        if inner.keys() & {"properties"}:  # what differs from the usual settings of such an object
            usual = {name: field.get("default") for name, field in inner["properties"].items()}
            default = {key: value for key, value in default.items() if usual.get(key, ...) != value}
        return f"`{json.dumps(default).replace(chr(34), '')}`" if default else "as below"
    if isinstance(default, list | tuple):
        return ", ".join(str(each) for each in default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def _allowed(field: Mapping[str, Any]) -> str:
    options = [each for each in field.get("anyOf", (field,)) if each.get("type") != "null"]
    return " or ".join(filter(None, map(_range, options)))


def _range(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if field.get("type") == "boolean":
        return "true, false"
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    start = f"above {low:,}" if "exclusiveMinimum" in field else f"{low:,}"
    if high is None:
        return f"{start} and more" if "minimum" in field else start
    return f"{start} to {'below ' if 'exclusiveMaximum' in field else ''}{high:,}"


if __name__ == "__main__":
    main()

"""Showing a document: one HTML page that needs nothing else, and Markdown with its pictures beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from promptlet.io.atomic import replacing_folder, write_text
from promptlet.reports.document import Document, show
from promptlet.reports.pictures import standing_alone

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~$&])")


def write_report(document: Document, folder: Path, name: str) -> Path:
    """Write ``NAME.html``, ``NAME.md`` and the folder of pictures ``NAME-pictures``; return the page's path."""
    write_markdown(document, folder, name)
    page = folder / f"{name}.html"
    write_text(page, render("report.html.j2", document=document))
    return page


def write_markdown(document: Document, folder: Path, name: str) -> Path:
    """Write ``NAME.md`` and the folder of pictures ``NAME-pictures``; return the text's path."""
    pictures = folder / f"{name}-pictures"
    with replacing_folder(pictures) as temporary:
        for picture in document.pictures():
            write_text(temporary / f"{picture.name}.svg", standing_alone(picture))
    text = folder / f"{name}.md"
    write_text(text, render("report.md.j2", document=document, pictures=pictures.name))
    return text


def render(template: str, **content: Any) -> str:
    """Return a template filled with content; in HTML all of it is escaped."""
    return _environment().get_template(template).render(**content)


def plain(text: object) -> str:
    """Return text that Markdown shows as it is: on one line, every special character escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _recipe(configuration: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True)
    return text


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("promptlet.reports"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(plain=plain, recipe=_recipe, show=show)
    return environment

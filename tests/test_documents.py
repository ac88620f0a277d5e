"""Documents: what is written from the code is up to date, and links lead somewhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.conftest import ROOT

_ELSEWHERE = re.compile(r"\..*|build|runs")
"""Folders of what is installed or made here."""
DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not any(map(_ELSEWHERE.fullmatch, path.relative_to(ROOT).parts[:-1]))
)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """Return what a heading's link is called, as GitHub and GitLab do."""
    headings = _HEADING.findall(_FENCED.sub("", document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-") for heading in headings}


def test_every_key_of_a_recipe_is_documented_as_the_code_has_it() -> None:
    written = runpy.run_path(str(ROOT / "scripts" / "recipe_reference.py"))["reference"]()
    assert (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8") == written, "run scripts/recipe_reference.py"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(_FENCED.sub("", document.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            target = document.parent / path if path else document
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link

"""The graph's occasions against the library `holidays`."""

from __future__ import annotations

import re
from collections.abc import Callable

import holidays

from promptlet.intents.graph import load_graph

_COUNTRIES = ("US", "GB", "IE", "DE", "IN", "MX", "IL", "CN", "CA", "AU", "KR")


def _key(name: str) -> str:
    return re.sub(r"\bSt\.", "Saint", name).casefold().removesuffix(" day")


def test_occasions_that_are_holidays_bear_the_names_of_the_library_or_have_them_as_aliases(
    record_property: Callable[[str, object], None],
) -> None:
    names = set()
    for country in _COUNTRIES:
        calendar = getattr(holidays, country)
        english = "en_US" if "en_US" in calendar.supported_languages else None
        for said in calendar(years=2026, categories=calendar.supported_categories, language=english).values():
            names |= {_key(name) for name in said.split("; ")}
    graph = load_graph()
    unknown = [
        node.value
        for node in graph.nodes("Occasion")
        if names.isdisjoint(map(_key, (node.value, *graph.aliases[node])))
    ]
    assert len(graph.nodes("Occasion")) - len(unknown) >= 30, f"not known to the library: {', '.join(unknown)}"
    record_property("not known to the library", ", ".join(unknown))
    assert {"Christmas", "Halloween", "Thanksgiving", "St. Patrick's Day", "Diwali", "Hanukkah"}.isdisjoint(unknown)

"""The vocabulary policy: what it denies, what it lets pass, and what a policy file may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptlet.errors import UsageError
from promptlet.stemming import terms
from promptlet.tasks import load_task, task_names
from promptlet.vocabulary import in_dictionary, load_policy

INNOCENT = [
    line for line in (Path(__file__).parent / "innocent.txt").read_text().splitlines() if line and line[0] != "#"
]


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_words_that_look_like_denied_ones_pass(text: str) -> None:
    assert load_policy().find_denied(f"a picture of {text} in the morning") is None


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("what an ASSHOLE", "offensive"),
        ("two assholes", "offensive"),
        ("alabama hot-pocket", "offensive"),
        ("ass\u200bhole", "offensive"),
        ("\uff21\uff33\uff33\uff28\uff2f\uff2c\uff25", "offensive"),
        ("a beheading in the square", "violent"),
        ("sneakers by Nike, on white", "trademarks"),
        ("in the style of greg rutkowski", "living artists"),
        ("in Greg Rutkowski's style", "living artists"),
        ("write to jane@example.org today", "private"),
        ("see www.example.org for more", "private"),
        ("call +1 555 010 0199 now", "private"),
        ("call 555-010-0199 now", "private"),
    ],
)
def test_denied_terms_are_found_in_any_casing_with_their_category(text: str, category: str) -> None:
    finding = load_policy().find_denied(text)
    assert finding is not None
    assert finding.category == category


@pytest.mark.parametrize("name", task_names())
def test_no_exemplar_holds_a_denied_term(name: str) -> None:
    findings = [(load_policy().find_denied(exemplar.prompt), exemplar.prompt) for exemplar in load_task(name).exemplars]
    assert [each for each in findings if each[0]] == []


def policy_file(folder: Path, **changes: str) -> Path:
    lines = {"approved_by": "Legal", "approved_on": "2026-01-31", "denied": "{}"} | changes
    (folder / "policy.yaml").write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return folder / "policy.yaml"


CATEGORY = "{{ours: {{source: us, licence: CC0-1.0, {0}}}}}"


def test_a_company_has_terms_lists_patterns_and_exceptions_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("# ours\nacme corp\n")
    denied = CATEGORY.format(r"lists: [more.txt], terms: [widget, mars], patterns: ['\bX-\d+\b']")
    policy = load_policy(policy_file(tmp_path, denied=denied, allowed="{phrases: [planet mars], words: [wuzzle]}"))
    assert [
        str(policy.find_denied(text))
        for text in ("the Acme-Corp's logo", "two widgets", "an x-15 plane", "mars bars", "the planet Mars", "grape")
    ] == ["acme corp (ours)", "widget (ours)", "x-15 (ours)", "mars (ours)", "None", "None"]
    assert "wuzzle" in policy.approved_words
    assert policy.digest != load_policy().digest


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"approved_on": "soon"}, "approved_on.*soon"),
        ({"aproved": "x"}, "'aproved'.*approved_by"),
        ({"denied": CATEGORY.format("patterns: ['(']")}, r"'\(' is no regular expression"),
        ({"denied": CATEGORY.format("lists: [none.txt]")}, r"none\.txt"),
        ({"denied": CATEGORY.format("terms: ['!!']")}, "'!!'.*pattern"),
        ({"denied": "{"}, "not YAML"),
    ],
)
def test_a_wrong_policy_is_refused_in_one_line(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    with pytest.raises(UsageError, match=named) as error:
        load_policy(policy_file(tmp_path, **changes))
    assert "\n" not in str(error.value)


def test_words_with_accents_are_approved_as_the_dictionary_and_a_policy_have_them(tmp_path: Path) -> None:
    policy = load_policy(policy_file(tmp_path, allowed="{words: [zorblé]}"))
    assert all(
        policy.approves(term) for term in terms("A ch\u00e2teau, a soir\u00e9e, a S\u00c9ANCE and one Zorbl\u00e9")
    )
    assert not policy.approves("zurbl\u00e9")


@pytest.mark.parametrize(("word", "known"), [("balloon", True), ("beachside", True), ("sliggess", False), ("xo", True)])
def test_words_and_compounds_are_in_the_dictionary(word: str, known: bool) -> None:
    assert in_dictionary(word) is known

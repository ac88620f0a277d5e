"""Kept terms stand in every prompt as they are, banned ones in none."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptlet.generation import Generator, Request
from promptlet.generation.plan import Plan
from promptlet.generation.terms import BannedTerms, KeptTerm, KeptTerms, misses_article, spans
from promptlet.vocabulary import load_policy

WISH = ["Topic: birthday", "Mood: joyful"]


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("(golden hour:1.2)", "golden hour"),
        ("((cherry blossoms))", "cherry blossoms"),
        ("[soft light]", "soft light"),
        ("Luna", "Luna"),
        ("(golden hour : 1.2)", "(golden hour : 1.2)"),
        ("8k", "8k"),
        ("ACME Corp.", "ACME Corp"),
        ('"golden hour"', "golden hour"),
        ("rock 'n' roll", "rock 'n' roll"),
    ],
)
def test_markup_is_not_the_students_to_write(written: str, spoken: str) -> None:
    assert KeptTerm.of(written) == KeptTerm(written, spoken)


@pytest.mark.parametrize("term", ["<b>hi there</b>", "--ar 16:9", "\U0001f388\U0001f388"])
def test_what_says_nothing_to_a_student_stands_behind_the_text(term: str) -> None:
    kept = KeptTerms([term])
    assert kept.terms == ()
    assert kept.render("A red fox.", ()) == f"A red fox. {term}"


def test_a_text_does_not_end_twice() -> None:
    assert (
        KeptTerms(["ACME Corp."]).render("An ad by ACME Corp.", (KeptTerm.of("ACME Corp."),)) == "An ad by ACME Corp."
    )


def test_articles_change_with_the_word_behind_them_alone() -> None:
    for written, said, before, after in (
        (
            "university poster in Zürich",
            "university poster",
            "with a university poster",
            "with a university poster in Zürich",
        ),
        ("hour glass in Zürich", "hour glass", "An hour glass", "An hour glass in Zürich"),
        ("orange fox", "fox", "It is a fox", "It is an orange fox"),
        ("red owl", "owl", "An owl", "A red owl"),
    ):
        term = KeptTerm(written, said, joined=True)
        assert KeptTerms((), [term]).render(before, (term,)) == after


def test_a_term_is_found_where_it_stands_alone() -> None:
    kept = KeptTerms(["(red:1.1)", "<lora:foo:0.8>", "hat"])
    order = (KeptTerm.of("hat"), KeptTerm.of("(red:1.1)"))
    assert kept.render("Shattered, a hat on a well-red, red fox", order) == (
        "Shattered, a hat on a well-red, (red:1.1) fox <lora:foo:0.8>"
    )
    assert spans("a red cat", order) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keep=st.lists(
        st.text(min_size=1, max_size=16).map(str.strip).filter(lambda t: t.isprintable() and t),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    exact=st.booleans(),
)
def test_whatever_is_kept_stands_there_and_counts(generator: Generator, keep: list[str], exact: bool) -> None:
    if any(load_policy().find_denied(term) for term in keep):
        return
    prompt = generator.generate(WISH, words=14, seed=3, keep=keep, exact=exact, candidates=8)[0]
    assert all(term in prompt.prompt for term in keep)
    assert prompt.kept == tuple(keep)
    assert not exact or len(prompt.prompt.split()) == 14


def test_who_wants_no_people_gets_nobody(generator: Generator) -> None:
    plan = Plan.of(Request.of({"intents": "a quiet street without people"}), generator.student)
    assert plan.request.ban == ("people",)
    assert all(plan.banned.find(f"two {each} wait") for each in ("women", "boys", "friends", "people", "humans"))
    persons = ("two teachers", "a gardener", "two gardeners", "the singer's hat", "his hat", "someone", "a lone figure")
    assert all(plan.banned.find(each) for each in persons)
    assert not any(map(plan.banned.find, ("a garden", "an engine", "a village", "a photograph", "the mountains")))
    assert Request.of({"intents": "a woman on a beach, no other people"}).ban == ()
    # A guest room has no guests yet.
    room = Plan.of(Request.of({"intents": "a guest room, no people"}), generator.student)
    assert room.request.ban == ("people",)
    assert room.banned.find("a guest room") is None
    assert room.banned.find("a guest room with two teachers")
    assert not BannedTerms(["woman"], generator.student.policy).find("two friends wait")
    assert BannedTerms(["gray"], generator.student.policy).find("a grey fox")


def test_settings_of_image_makers_in_free_text_stand_behind_it(generator: Generator) -> None:
    request = Request.of({"intents": "a red hat, --ar 16:9 --v 6"})
    assert (request.keep, [str(intent) for intent in request.intents]) == (("--ar 16:9", "--v 6"), ["Topic: red hat"])
    assert Request.of({"intents": "a well--lit hat"}).keep == ()


def test_usual_terms_of_image_makers_stand_in_every_prompt(generator: Generator) -> None:
    keep = ["(golden hour:1.2)", "<lora:foo:0.8>", "Captain Marlow"]
    for prompt in generator.generate(WISH, words="9-16", n=6, seed=1, keep=keep):
        assert all(term in prompt.prompt for term in keep)
        assert prompt.prompt.endswith(" <lora:foo:0.8>")
        assert len(prompt.prompt.split()) == prompt.words == prompt.target_words


@pytest.mark.parametrize(
    ("banned", "text"),
    [
        ("balloon", "Two BALLOONS rise"),
        ("golden hour", "in golden hours"),
        ("run", "a man running"),
        ("child", "a child's hat"),
        ("child", "three Children"),
        ("women", "a woman's hat"),
        ("wolf", "two wolves"),
        ("run", "he ran home"),
        ("running", "he ran home"),
        ("swim", "having swum"),
        ("dark", "the darkest night"),
        ("happy man", "happier men"),
        ("bus", "red buses"),
        ("quiz", "quizzes"),
        ("menu", "three menus"),
        ("bookshelf", "tall bookshelves"),
        ("invite", "an inviting door"),
        ("mother\u2019s day", "for Mother's Day"),
        ("mother's day", "for Mother\u2019s Day"),
        ("\uff43\uff41\uff54", "two cats"),
        ("cat", "two \uff23\uff21\uff34\uff33"),
        ("\ufb01re", "a campfire, a fire"),
    ],
)
def test_a_banned_term_is_found_in_every_form(banned: str, text: str) -> None:
    assert BannedTerms([banned], load_policy()).find(text) == banned
    assert BannedTerms([banned], load_policy()).find("a hat, a runway, an hour of golden light") is None


@pytest.mark.parametrize(
    ("banned", "text"),
    [("rose", "the sun is rising"), ("left", "leaves fall"), ("stranger", "a strange hat"), ("ground", "grinding")],
)
def test_a_form_that_is_a_word_of_its_own_bans_no_other(banned: str, text: str) -> None:
    assert BannedTerms([banned], load_policy()).find(f"a {banned}") == banned
    assert BannedTerms([banned], load_policy()).find(text) is None


def test_tokens_of_all_forms_are_out_of_reach() -> None:
    vocabulary = {"\u0120mice": 1, "\u0120Mouse": 2, "\u0120moon": 3, "mice": 4}
    assert BannedTerms(["mouse"], load_policy()).tokens(vocabulary) == (1, 2)


def test_no_prompt_says_what_is_banned(generator: Generator) -> None:
    free = generator.generate(WISH, words=12, n=6, seed=2, candidates=1)
    said = [word for prompt in free for word in prompt.prompt.casefold().strip(".").split() if word.isalpha()]
    ban = sorted({word for word in said if len(word) > 4})[:8]
    check = BannedTerms(ban, load_policy())
    assert any(check.find(prompt.prompt) for prompt in free)
    for prompt in generator.generate(WISH, words=12, n=6, seed=2, ban=[*ban, "category:violent"]):
        assert check.find(prompt.prompt) is None


def test_places_are_drawn_from_the_seed() -> None:
    kept = KeptTerms(["one", "two", "three"])
    orders = {kept.order(random.Random(seed)) for seed in range(40)}
    assert len(orders) == 6
    assert kept.order(random.Random(1)) == kept.order(random.Random(1))


@pytest.mark.parametrize(
    ("text", "told", "found"),
    [
        ("An eucalyptus leaf.", [], True),
        ("within a hour", [], True),
        ("under a oak", [], True),
        ("A eucalyptus leaf within an hour, a ukiyo-e print, an LED lamp, an herb, plan a 18 hour trip", [], False),
        ("under a oak", ["a oak"], False),  # who demands it has it
    ],
)
def test_an_article_that_does_not_fit_is_found(text: str, told: list[str], found: bool) -> None:
    assert misses_article(text, map(KeptTerm.of, told)) is found

"""Words that the student was not taught: it writes of what it was, and they stand in the text all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.generation.openings import find_openings
from promptlet.generation.plan import Plan
from promptlet.generation.request import Request
from promptlet.generation.terms import KeptTerm, KeptTerms, says
from promptlet.intents.own_words import Phrase
from promptlet.student.format import default_student, load_student
from promptlet.types import KINDS

MADE_UP = ("Zyxlaburg", "qwertine", "Vlorp & Sons", "xylquist")


def plan(student: Generator, intents: object, **others: object) -> Plan:
    return Plan.of(Request.of({"intents": intents} | others), student.student)


@pytest.mark.parametrize(
    ("intents", "keep", "asked", "terms"),
    [
        (["Topic: birthday", "Mood: joyful"], [], ["Topic: birthday", "Mood: joyful"], {}),
        ("old town of Zyxlaburg", [], ["Topic: old town"], {"old town": "old town in Zyxlaburg"}),
        (["Topic: birthday", "Style: qwertine photo"], [], ["Style: photo"], {"photo": "qwertine photo"}),
        (["Topic: birthday", "Style: qwertine"], [], ["Topic: birthday"], {"birthday": "qwertine birthday"}),
        (["Topic: birthday", "Audience: qwertines"], [], [], {"birthday": "birthday for qwertines"}),
        (["Topic: birthday", "Scene object: xylquist"], [], [], {"birthday": "birthday with xylquist"}),
        (["Topic: birthday"], ["Captain Vlorp"], ["Topic: birthday"], {"birthday": "birthday, Captain Vlorp,"}),
        (["Topic: birthday"], ["Vlorp", "Zyxla"], [], {"birthday": "birthday, Vlorp, Zyxla,"}),
        # "j" stands within a word of the wish, which is not enough.
        (["Topic: birthday", "Mood: joyful"], ["j"], ["Mood: joyful"], {"birthday": "birthday, j,"}),
        (["Topic: birthday"], ["qwertine cake"], ["Topic: birthday"], {"cake": "qwertine cake"}),
        ("birthday card for Vlorp & Sons", [], [], {"birthday card": "birthday card, Vlorp & Sons,"}),
        # Its topic is what it can speak of.
        (["Topic: xylquist", "Setting: forest"], [], ["Topic: forest"], {"forest": "xylquist forest"}),
        # It can speak of nothing here, so it is asked as it is.
        (["Topic: xylquist"], ["Zyxlaburg"], ["Topic: xylquist"], {"Zyxlaburg": "Zyxlaburg"}),
        # Who is kept as well as wished for stands there once, as it must appear.
        (["Topic: xylquist party"], ["(xylquist:1.2)"], ["Topic: party"], {"party": "(xylquist:1.2) party"}),
        (["Topic: birthday", "Setting: 1920"], [], ["Topic: birthday"], {"birthday": "birthday in 1920"}),
        (["Topic: birthday", "Setting: Dr. Xylq"], [], ["Topic: birthday"], {"birthday": "birthday in Dr. Xylq"}),
        ('birthday card that says "Happy 90"', [], [], {"birthday card": 'birthday card with "Happy 90"'}),
    ],
)
def test_the_student_is_asked_in_words_that_it_was_taught(
    generator: Generator, intents: object, keep: list[str], asked: list[str], terms: dict[str, str]
) -> None:
    found = plan(generator, intents, keep=keep, task="t2i")
    assert {term.spoken: term.written for term in found.kept.terms} == terms
    said = [str(intent) for intent in found.asked]
    assert set(asked) <= set(said)
    assert all(generator.student.knows(intent.value) for intent in found.asked) or not found.asked[1:]


@pytest.mark.parametrize(
    ("intents", "task", "asked", "terms"),
    [
        (["Topic: Zyxla"], "t2i", ["Topic: picture"], {"picture": "Zyxla picture"}),
        (
            ["Topic: \u65e5\u672c", "Mood: calm"],
            "t2i",
            ["Mood: calm", "Topic: picture"],
            {"picture": "\u65e5\u672c picture"},
        ),
        (["Topic: Zyxla"], "t2t", ["Topic: layout"], {"layout": "Zyxla layout"}),
        ("a portrait of Zyxla", "t2i", ["Topic: portrait"], {"portrait": "Zyxla portrait"}),
        (["Topic: caf\u00e9"], "t2i", ["Topic: cafe"], {"cafe": "caf\u00e9"}),
        (["Topic: Cafe\u0301 terrace"], "t2i", ["Topic: cafe terrace"], {"cafe terrace": "caf\u00e9 terrace"}),
        (["Style: art d\u00e9co"], "t2i", ["Style: art deco"], {"art deco": "art d\u00e9co"}),
        (["Mood: calm", "Color: blue"], "t2i", ["Mood: calm", "Color: blue"], {}),
        # There is no room for so many, and a picture alone is not what was asked for.
        (["Topic: Zyxla Vlorp Qwert"], "t2i", ["Topic: Zyxla Vlorp Qwert"], {}),
        # A picture must not be said here.
        ("Zyxla without pictures", "t2i", ["Topic: scene"], {"scene": "Zyxla scene"}),
    ],
)
def test_a_wish_of_which_it_knows_no_word_goes_with_a_word_for_any_prompt_and_accents_come_back(
    intents: object, task: str, asked: list[str], terms: dict[str, str]
) -> None:
    found = Plan.of(Request.of({"intents": intents, "task": task, "words": 5}), load_student(default_student()))
    assert [str(intent) for intent in found.asked] == asked
    assert {term.spoken: term.written for term in found.kept.terms} == terms


@pytest.mark.parametrize(
    ("intents", "task", "insisted", "terms"),
    [
        # Free words are linked as their writer did it, whatever of them is insisted on.
        (
            "a red fox in the snow at dawn",
            "t2i",
            ["dawn"],
            {"red fox in the snow at dawn": "red fox in the snow at dawn"},
        ),
        (
            "cat asleep on a windowsill",
            "t2i",
            ["windowsill"],
            {"cat asleep on a windowsill": "cat asleep on a windowsill"},
        ),
        ("Calm Yoga Flyer, Blue", "t2t", ["blue"], {"calm yoga flyer, blue": "calm yoga flyer, blue"}),
        ("a cosy cat by the fire", "t2i", ["cozy"], {"cozy cat by the fire": "cozy cat by the fire"}),
        # More than that stands between, or there is no room for all of it: they are joined by kind.
        ("a red fox next to snow at dawn", "t2i", ["dawn"], {"red fox at dawn": "red fox at dawn"}),
        (
            "child holding a balloon in a gray city by a long river at dawn",
            "t2i",
            ["child holding", "gray city"],
            {"child holding": "child holding"},
        ),
        (["Topic: red fox", "Lighting: dawn"], "t2i", ["dawn"], {"red fox at dawn": "red fox at dawn"}),
        ("old town of Zyxlaburg, rain", "t2i", ["rain"], {"old town with rain": "old town in Zyxlaburg with rain"}),
        (
            "Black Friday poster for electronics",
            "t2t",
            ["electronics"],
            {"Black Friday poster for electronics": "Black Friday poster for electronics"},
        ),
        (
            ["Topic: completion", "Design type: certificate"],
            "t2t",
            ["completion"],
            {"completion certificate": "completion certificate"},
        ),
        (
            "birthday party invitation for a 5 year old, dinosaurs",
            "t2t",
            ["dinosaurs"],
            {
                "birthday party invitation for a 5 year old, dinosaurs": (
                    "birthday party invitation for a 5 year old, dinosaurs"
                )
            },
        ),
        (["Topic: birthday", "Mood: joyful"], "t2i", ["joyful"], {"joyful birthday": "joyful birthday"}),
        # For so much there is no room.
        (
            ["Topic: birthday", "Setting: a park near the old stone bridge"],
            "t2i",
            ["a park near the old stone bridge"],
            {},
        ),
    ],
)
def test_what_is_insisted_on_the_text_begins_with(
    intents: object, task: str, insisted: list[str], terms: dict[str, str]
) -> None:
    request = Request.of({"intents": intents, "task": task, "words": 14 if terms else 8})
    found = Plan.of(request, load_student(default_student()), tuple(insisted))
    assert {term.spoken: term.written for term in found.kept.terms if term.first} == terms
    assert len([term for term in found.kept.terms if term.first]) == len(terms)


@pytest.mark.parametrize(
    ("intents", "ban", "terms"),
    [
        ("old town of Zyxlaburg", ["in"], {"old town": "old town, Zyxlaburg,"}),
        (["Topic: birthday", "Audience: qwertines"], ["for"], {"birthday": "birthday, qwertines,"}),
        (["Topic: birthday", "Scene object: xylquist"], ["with"], {"birthday": "birthday, xylquist,"}),
        (["Topic: Zyxla"], ["picture"], {"scene": "Zyxla scene"}),
        (["Topic: Zyxla"], ["pictures", "scenes", "and"], {"design": "Zyxla design"}),
        # Where words meet, they say what is banned: it is left out.
        ("old town of Zyxlaburg", ["town in Zyxlaburg"], {}),
    ],
)
def test_no_word_that_joins_others_is_banned(intents: object, ban: list[str], terms: dict[str, str]) -> None:
    found = Plan.of(Request.of({"intents": intents, "words": 14, "ban": ban}), load_student(default_student()))
    assert {term.spoken: term.written for term in found.kept.terms} == terms


def test_what_is_insisted_on_needs_no_banned_word() -> None:
    request = Request.of({"intents": "a red fox in the snow at dawn", "words": 14, "ban": ["at"]})
    found = Plan.of(request, load_student(default_student()), ("dawn",))
    assert [term.written for term in found.kept.terms] == ["dawn red fox"]


def test_where_all_that_it_could_be_joined_to_is_banned_an_untaught_wish_is_refused() -> None:
    ban = ["picture", "scene", "design", "view"]
    with pytest.raises(UsageError, match=r"'Topic: Zyxla' can't .* banned \('picture', .*'view'\); allow one") as told:
        Plan.of(Request.of({"intents": "Zyxla", "ban": ban}), load_student(default_student()))
    assert told.value.field == "ban"


@pytest.mark.parametrize(
    ("intents", "untaught"),
    [
        ("asdf qwer", ["asdf", "qwer"]),
        ("\u043a\u043e\u0442 \u043d\u0430", ["\u043a\u043e\u0442", "\u043d\u0430"]),
        ("\u732b", ["\u732b"]),
        ("\U0001f98a", ["\U0001f98a"]),
        ("old town of Z\u00fcrich", ["Z\u00fcrich"]),
        ("Topic: the qwertine fox & hound", ["qwertine"]),
        ("Topic: 50%", []),
        ("CAF\u00c9", []),
    ],
)
def test_a_plan_tells_what_the_student_was_not_taught(intents: str, untaught: list[str]) -> None:
    found = Plan.of(Request.of({"intents": intents}), load_student(default_student()))
    assert list(found.untaught) == untaught


def begun(parts: tuple[str, ...], article: str = "", places: int = 0) -> KeptTerm:
    return KeptTerm("".join(parts), "".join(parts), joined=True, first=Phrase(parts, article, places))


def beginnings(texts: list[str], term: KeptTerm) -> list[str]:
    return [f"{each.before} {each.term.spoken}" for each in find_openings(texts, term)]


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("Snow covers a red fox as it turns.", ["Snow covers a red fox at dawn"]),
        ("In deep snow, foxes run.", ["In deep snow, red fox at dawn"]),
        ("Red foxes run.", []),  # as all texts begin
        ("At dawn, a red fox runs.", ["At dawn, a red fox"]),  # it says dawn, which is not said twice
        ("Dawn red foxes run.", []),
        ("Dawn with a red fox.", []),  # a fox at dawn is meant
        ("It is cold. A red fox runs.", []),
        ("Snow falls and falls on the back of a red fox.", []),  # too late
        ("Snow covers the hills.", []),
    ],
)
def test_texts_open_as_the_student_opened_its_own(text: str, beginning: list[str]) -> None:
    assert beginnings([text, text], begun(("red fox", " at dawn"))) == beginning


def test_what_an_opening_says_in_part_would_be_said_twice() -> None:
    assert beginnings(["Snow covers a red fox."], begun(("red fox", " in deep snow", " at dawn"))) == []


def test_words_to_which_others_are_joined_stay_together() -> None:
    term = replace(begun(("red fox", " at dawn")), written="Zyxla red fox at dawn")
    assert beginnings(["At dawn, a red fox runs.", "Behind the red fox."], term) == ["Behind the red fox at dawn"]


@pytest.mark.parametrize(
    ("first", "texts", "openings"),
    [
        ("elephants", ["An elephant runs.", "Two elephants run.", "The elephant runs."], ["Two", "The"]),
        ("girl reading", ["An old woman reading aloud.", "Snow, reading.", "A girl reads."], ["Snow,", "A"]),
        ("old fisherman", ["A fisherman waits.", "By an old hut.", "Behind the fisherman."], ["By an", "Behind the"]),
    ],
)
def test_no_opening_suits_another_beginning_only(first: str, texts: list[str], openings: list[str]) -> None:
    found = beginnings(texts, begun((first, " at dawn")))
    assert found == [f"{opening} {first} at dawn" for opening in openings]


def test_who_wrote_an_article_has_it_in_every_opening() -> None:
    term = begun(("old fisherman", " at dawn"), article="an", places=1)
    assert beginnings(
        ["A fisherman.", "By a fisherman.", "In fog, fisherman's nets.", "Behind the fisherman."], term
    ) == [
        "At dawn, an old fisherman",
        "By an old fisherman at dawn",
        "In fog, an old fisherman at dawn",
        "Behind the old fisherman at dawn",
    ]


@pytest.mark.parametrize(
    ("wish", "fronted"),
    [
        ("a red fox in the snow at dawn", ["in the snow at dawn", "at dawn"]),
        ("two kids building a sandcastle on the beach", []),
        ("a bowl of ramen on a wooden table", ["on a wooden table"]),
        # What stands behind another thing may be said of that; a time is not.
        ("a tree with a swing on a branch at dusk", ["at dusk"]),
        ("flyer for a picnic at noon", []),
        ("a photo of a fox in the snow", []),
        ("a girl with flowers in her hair", []),
        ("a robot in a greenhouse, watercolor", []),
    ],
)
def test_where_and_when_something_is_may_stand_before_it(wish: str, fronted: list[str]) -> None:
    request = Request.of({"intents": wish})
    phrase = request.in_own_words(request.intents)
    assert [
        "".join(phrase.parts[place:]).strip() for place in range(len(phrase.parts) - phrase.places, len(phrase.parts))
    ] == fronted


def test_openings_lack_the_words_that_come_with_the_term() -> None:
    term = KeptTerm("cinematic red fox", "red fox", joined=True, first=Phrase(("red fox",)))
    texts = ["Snow covers a cinematic red fox at dawn.", "In a cinematic forest, a red fox waits."]
    assert beginnings(texts, term) == ["Snow covers a red fox", "In a forest, a red fox"]


def test_texts_that_are_begun_do_not_all_begin_alike() -> None:
    prompts = Generator.load().generate("a red fox in the snow at dawn", n=4, seed=1)
    assert sum(bool(prompt.insisted) for prompt in prompts) > 2
    assert len({prompt.prompt.casefold().partition(" fox")[0] for prompt in prompts}) > 2
    assert all(says(prompt.prompt, "dawn") for prompt in prompts)


def test_what_stands_in_for_untaught_words_is_insisted_on_with_the_rest() -> None:
    wish = ["Topic: Kowalska", "Style: watercolor", "Mood: serene"]
    request = Request.of({"intents": wish, "task": "t2i", "words": 14})
    found = Plan.of(request, load_student(default_student()), ("watercolor", "serene"))
    (first,) = (term.written for term in found.kept.terms if term.first)
    assert {"serene", "watercolor", "Kowalska"} <= set(first.split())


def test_where_there_is_no_room_to_insist_drawing_goes_on(generator: Generator) -> None:
    wish = ["Topic: birthday", "Scene object: red balloon on a long blue ribbon"]
    prompt = generator.generate(wish, words=6, seed=1, candidates=12)[0]
    assert prompt.words == 6
    assert all(value in prompt.prompt.casefold() for value in prompt.insisted)
    assert "red balloon on a long blue ribbon" not in prompt.insisted


def test_what_was_asked_for_stands_in_texts_of_the_right_length(generator: Generator) -> None:
    wish = "old town of Zyxlaburg with qwertine houses at dusk"
    for prompt in generator.generate(wish, words="14-18", n=4, seed=5):
        assert "Zyxlaburg" in prompt.prompt
        assert "qwertine houses" in prompt.prompt
        assert len(prompt.prompt.split()) == prompt.words == prompt.target_words
        assert prompt.kept == ()


def test_left_alone_the_student_is_asked_as_it_is(generator: Generator) -> None:
    found = plan(generator, "old town of Zyxlaburg", exact=False)
    assert [str(intent) for intent in found.asked] == ["Topic: old town", "Setting: Zyxlaburg"]
    assert found.kept.terms == ()


def test_what_has_no_room_is_left_out(generator: Generator) -> None:
    wish = ["Topic: birthday", "Style: qwertine", "Setting: Zyxlaburg"]
    assert [term.written for term in plan(generator, wish, words=6, keep=["red hat"]).kept.terms] == [
        "red hat",
        "qwertine birthday",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("an old hat lies here", "a qwertine old hat, Zyxla, lies here"),
        ("Old hat, here", "Qwertine old hat, Zyxla, here"),
        ("here is an old hat.", "here is a qwertine old hat, Zyxla."),
    ],
)
def test_joined_words_fit_into_the_sentence(text: str, wanted: str) -> None:
    term = KeptTerm("qwertine old hat, Zyxla,", "old hat", joined=True)
    assert KeptTerms([], [term]).render(text, (term,)) == wanted


@pytest.mark.parametrize(
    ("text", "kept", "wanted"),
    [
        ("under a oak tree", "oak tree", "under an oak tree"),
        ("on an unicorn", "unicorn", "on a unicorn"),
        ("within a hour", "hour", "within an hour"),
        ("on a one-way street", "one-way street", "on a one-way street"),
        ("with an uranium mine", "uranium mine", "with a uranium mine"),
        ("of an unidentified ship", "unidentified ship", "of an unidentified ship"),
        ("an unimportant hat", "unimportant hat", "an unimportant hat"),
        ("an (old hat:1.2) here", "(old hat:1.2)", "an (old hat:1.2) here"),
        ("a LED lamp", "LED lamp", "a LED lamp"),
    ],
)
def test_a_term_has_the_article_that_it_is_spoken_with(text: str, kept: str, wanted: str) -> None:
    term = KeptTerm(kept, kept)
    assert KeptTerms([], [term]).render(text, (term,)) == wanted


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wish=st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from((*MADE_UP, "forest", "red hat", "qwertine red hat"))),
        max_size=3,
        unique=True,
    ).map(lambda others: [("Topic", "birthday"), *others]),
    keep=st.lists(st.sampled_from((*MADE_UP, "neon sign")), max_size=2, unique=True),
    words=st.integers(8, 20),
)
def test_whatever_is_wished_and_kept_counts(
    generator: Generator, wish: list[tuple[str, str]], keep: list[str], words: int
) -> None:
    prompt = generator.generate(wish, words=words, seed=1, keep=keep, candidates=2)[0]
    assert len(prompt.prompt.split()) == words
    assert all(term in prompt.prompt for term in keep)


def test_free_text_is_put_to_the_student_as_far_as_it_goes(generator: Generator) -> None:
    student = load_student(default_student())
    found = Plan.of(Request.of({"intents": "tall " + "kind old calm quiet warm " * 14 + "fox"}), student)
    assert found.asked[0].value.startswith("tall kind old")

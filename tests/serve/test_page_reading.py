"""What the page tells of free words: what they were taken for, and which of them no prompt speaks of."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.serve.browsing import LAKE, PROMPT, PROMPTS, asked, cards, events, paste, visit, written

WISH = "a serene mountain lake without people --ar 16:9, 8k, masterpiece"


def test_what_free_words_are_taken_for_is_shown_and_can_be_edited(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("button", name="Write freely").click()
        page.keyboard.type(WISH)
        read = page.get_by_role("group", name="What is read in your words")
        expect(read.get_by_role("listitem")).to_have_text(["Topic mountain lake", "Mood serene"])
        for line in ("Never said: people", "Kept as it is: --ar 16:9", "Has no effect: 8k, masterpiece"):
            expect(read).to_contain_text(line)
        page.get_by_role("button", name="Use as ideas").click()
        for chip in ("Topic: mountain lake", "Mood: serene", "people", "--ar 16:9"):
            expect(page.get_by_role("button", name=f"Remove {chip}", exact=True)).to_be_visible()
        expect(page.get_by_role("combobox", name="Your ideas")).to_be_focused()
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert body["intents"] == ["Topic: mountain lake", "Mood: serene"]
    assert (body["ban"], body["keep"]) == (["people"], ["--ar 16:9"])


def test_what_free_words_were_taken_for_stands_above_their_prompts(browser: Browser, address: str) -> None:
    link = urlencode(
        {"task": "t2i", "text": "a serene mountain lake without people", "words": 12, "n": 2, "seed": 7, "ban": "moon"}
    )
    with visit(browser, f"{address}#{link}") as page:
        written(page, 2)
        legend = page.get_by_role("group", name="Show where an idea is said")
        expect(legend.get_by_role("button")).to_have_text(
            [re.compile("Topic.*mountain lake"), re.compile("Mood.*serene")]
        )
        expect(page.locator("#order")).to_contain_text("Never said: people")
        expect(page.locator("#order")).not_to_contain_text("moon")
        legend.get_by_role("button", name="lake").click()
        expect(page.locator("mark.lit").first).to_be_visible()


def test_words_are_told_that_only_say_what_shall_not_be(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("button", name="Write freely").click()
        page.keyboard.type("no cars and no people")
        read = page.get_by_role("group", name="What is read in your words")
        expect(read).to_contain_text("only says what shall not be there")
        page.get_by_role("textbox", name="In your own words").fill("")
        expect(read).to_be_empty()


def test_an_idea_that_is_a_sentence_is_read_and_can_be_taken_back(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda route: route.abort())
        idea = page.get_by_role("combobox", name="Your ideas")
        read = page.get_by_role("group", name="What is read in your ideas")
        paste(idea, "a red fox in the deep snow, no hats, boots or gloves")
        idea.press("Enter")
        for chip in ("Topic: red fox", "Scene object: deep snow"):
            expect(page.get_by_role("button", name=f"Remove {chip}", exact=True)).to_be_visible()
        expect(read).to_contain_text("never said: hats, boots, gloves")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
        assert (body["intents"], body["ban"]) == (
            ["Topic: red fox", "Scene object: deep snow"],
            ["hats", "boots", "gloves"],
        )
        page.get_by_role("button", name=re.compile("Undo: a red fox")).click()
        page.get_by_role("button", name=re.compile("Undo: no hats")).click()
        expect(read).to_be_empty()
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert body["intents"] == ["Topic: a red fox in the deep snow", "Scene object: no hats, boots or gloves"]
    assert "ban" not in body


def test_an_idea_is_not_taken_back_where_there_is_no_room(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda route: route.abort())
        idea = page.get_by_role("combobox", name="Your ideas")
        paste(idea, "no people")
        idea.press("Enter")
        undo = page.get_by_role("button", name=re.compile("Undo: no people"))
        expect(undo).to_be_visible()
        for number in range(8):
            paste(idea, f"Topic: {number}")
            idea.press("Enter")
        undo.click()
        expect(page.get_by_text("8 ideas are the most")).to_be_visible()
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert body["intents"] == [f"Topic: {number}" for number in range(8)]


def test_what_has_a_kind_and_short_phrases_stay_one_idea(browser: Browser, address: str) -> None:
    typed = ["Mood: calm and quiet, no fear", "cup of tea", "golden hour", "old sailor"]
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda route: route.abort())
        for text in typed:
            idea = page.get_by_role("combobox", name="Your ideas")
            paste(idea, text)
            idea.press("Enter")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert body["intents"] == [
        "Mood: calm and quiet",
        "Topic: cup of tea",
        "Lighting: golden hour",
        "Scene object: old sailor",
    ]
    assert body["ban"] == ["fear"]


def test_what_shall_not_be_there_is_banned_before_there_is_a_topic(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda route: route.abort())
        idea = page.get_by_role("combobox", name="Your ideas")
        for text in ("no people", "quiet harbor"):
            paste(idea, text)
            idea.press("Enter")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert (body["intents"], body["ban"]) == (["Topic: quiet harbor"], ["people"])


def test_without_an_answer_the_words_still_become_ideas(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route("**/v1/reading*", lambda route: route.abort())
        page.get_by_role("button", name="Write freely").click()
        page.keyboard.type("old sailor, serene")
        page.get_by_role("button", name="Use as ideas").click()
        expect(page.get_by_role("button", name="Remove Topic: old sailor")).to_be_visible()
        expect(page.get_by_role("button", name="Remove Mood: serene")).to_be_visible()


@pytest.mark.parametrize("wish", [["text", "fox, snow"], ["intent", "Topic: fox", "intent", "Scene object: snow"]])
def test_what_a_prompt_says_nothing_of_is_told_beside_it(browser: Browser, address: str, wish: list[str]) -> None:
    intents = ["Topic: fox", "Scene object: snow"]
    unsaid = PROMPT | {"intents": intents, "coverage": dict.fromkeys(intents, 0)}

    def answer(route: Route) -> None:
        done = {"found": 1, "asked": 1, "seed": 1}
        route.fulfill(content_type="text/event-stream", body=events(("message", unsaid), ("done", done)))

    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        pairs = list(zip(wish[::2], wish[1::2], strict=True))
        page.goto(f"{address}#{urlencode([('task', 't2i'), ('n', 1), *pairs])}")
        expect(cards(page).first).to_contain_text("It says nothing of: fox, snow.")


def test_an_idea_that_is_said_in_part_is_told_and_not_counted(browser: Browser, address: str) -> None:
    coverage = {"Topic: mountain lake": 0.5, "Mood: serene": 1}
    partly = PROMPT | {"intents": list(coverage), "coverage": coverage}
    done = {"found": 1, "asked": 1, "seed": 1}
    body = events(("message", partly), ("done", done))
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda route: route.fulfill(content_type="text/event-stream", body=body))
        page.goto(address + LAKE)
        expect(cards(page).first).to_contain_text("It says only a part of: mountain lake.")
        expect(cards(page).first).not_to_contain_text("It says nothing of")
        legend = page.get_by_role("group", name="Show where an idea is said").get_by_role("button")
        expect(legend).to_have_text([re.compile("lake0/1$"), re.compile("serene1/1$")])


def test_words_that_the_model_does_not_know_are_told(browser: Browser, address: str) -> None:
    line = "Not known to the model, which knows plain English; it only puts in: Fuchs, Schnee"
    with visit(browser, f"{address}#task=t2i&words=12&n=1&seed=7&intent=Topic:+Fuchs&intent=Setting:+Schnee") as page:
        written(page, 1)
        expect(page.locator("#order")).to_contain_text(line)
        page.get_by_role("button", name="Write freely").click()
        expect(page.get_by_role("group", name="What is read in your words")).to_contain_text(line)

"""What is entered on the page, by hand, by pasting or by a link: sent as it is, or told what is wrong with it."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.serve.browsing import (
    KEY,
    LAKE,
    PROMPT,
    PROMPTS,
    TEXT,
    UNENDING,
    answer,
    asked,
    cards,
    events,
    guard,
    paste,
    visit,
    written,
)


def test_a_key_is_asked_for_and_kept_for_the_tab(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.context.route("**/v1/**", guard)
        page.reload()
        key = page.get_by_role("dialog", name="This server needs a key").get_by_label("API key")
        expect(key).to_be_focused()
        expect(page.get_by_text("This API key is not valid.")).to_have_count(0)
        for offered in ("a-key-of-someone-else", KEY):
            key.fill(offered)
            page.keyboard.press("Enter")
            if offered != KEY:
                expect(page.get_by_text("This API key is not valid.")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.goto(address + LAKE)
        page.reload()
        written(page, 2)


def test_without_a_key_there_is_no_form_that_could_do_nothing(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.context.route("**/v1/**", guard)
        page.reload()
        page.get_by_role("button", name="Not now").click()
        expect(page.get_by_text("No key, no prompts.")).to_be_visible()
        expect(page.get_by_role("form", name="Your order")).to_be_hidden()
        page.get_by_role("button", name="Enter a key").click()
        page.get_by_label("API key").fill(KEY)
        page.keyboard.press("Enter")
        expect(page.get_by_role("form", name="Your order")).to_be_visible()


@pytest.mark.parametrize(
    ("typed", "intents"),
    [
        (
            ["old sailor", "watercolor", "zorbleflex"],
            ["Topic: old sailor", "Style: watercolor", "Scene object: zorbleflex"],
        ),
        (["serene", "mountain lake"], ["Mood: serene", "Topic: mountain lake"]),
        (["birthday party", "balloon"], ["Topic: birthday party", "Scene object: balloon"]),
        (["Color: red", "fox"], ["Color: red", "Topic: fox"]),
    ],
)
def test_ideas_that_are_typed_get_the_kind_that_they_have_in_the_graph(
    browser: Browser, address: str, typed: list[str], intents: list[str]
) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        for number, (text, intent) in enumerate(zip(typed, intents, strict=True)):
            paste(page.get_by_role("combobox", name="Your ideas"), f"{text},")
            kind, _, value = intent.partition(": ")
            expect(page.locator("#ideas .chip").nth(number)).to_contain_text(re.compile(f"{kind}.*{value}", re.DOTALL))
        body = asked(page, page.get_by_role("button", name="Write 4 prompts").click)
    assert body["intents"] == intents


def test_the_kinds_of_ideas_do_not_depend_on_when_the_server_tells_them(browser: Browser, address: str) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with visit(browser, address) as page:
        page.route("**/v1/intents*", hold)
        page.route(PROMPTS, answer)
        idea = page.get_by_role("combobox", name="Your ideas")
        paste(idea, "serene, zorbleflex, Zorbleflex, old sailor,")
        kind = page.get_by_label("Kind of serene")
        kind.focus()
        page.unroute("**/v1/intents*")
        for route in held:
            route.continue_()
        expect(page.get_by_role("button", name="Remove Mood: serene")).to_be_visible()
        expect(page.get_by_label("Kind of serene")).to_be_focused()
        paste(idea, "watercolor")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    intents = ["Mood: serene", "Topic: zorbleflex", "Scene object: old sailor", "Style: watercolor"]
    assert body["intents"] == intents
    assert parse_qs(urlsplit(page.url).fragment)["intent"] == intents


def test_a_menu_of_a_coffee_shop_is_no_second_topic(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("radio", name="Template").check(force=True)
        paste(page.get_by_role("combobox", name="Your ideas"), "coffee shop, menu, vintage,")
        for chip in ("Topic: coffee shop", "Design type: menu", "Style: vintage"):
            expect(page.get_by_role("button", name=f"Remove {chip}")).to_be_visible()


def test_an_idea_that_is_entered_before_the_server_answers_is_the_topic_all_the_same(
    browser: Browser, address: str
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with visit(browser, address) as page:
        page.route("**/v1/intents*", hold)
        paste(page.get_by_role("combobox", name="Your ideas"), "serene, forest, castle,")
        expect(page.locator("#ideas .chip")).to_have_count(3)
        while held:
            held.pop().continue_()
        for chip in ("Mood: serene", "Topic: forest", "Scene object: castle"):
            expect(page.get_by_role("button", name=f"Remove {chip}")).to_be_visible()


def test_enter_takes_no_option_of_a_text_that_was_written_on(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        idea = page.get_by_role("combobox", name="Your ideas")
        idea.press_sequentially("forest")
        expect(page.get_by_role("option", name="forest", exact=False).first).to_be_visible()
        page.route("**/v1/intents*", lambda _: None)  # no answer ever
        idea.press_sequentially("er with axe")
        idea.press("Enter")
        expect(page.get_by_role("button", name="Remove Topic: forester with axe")).to_be_visible()


def test_what_can_be_no_key_is_told_in_the_dialog_and_not_kept(browser: Browser, address: str) -> None:
    stored = "sessionStorage.getItem('promptlet.key')"
    with visit(browser, address) as page:
        page.route("**/v1/**", guard)
        page.evaluate("sessionStorage.setItem('promptlet.key', JSON.stringify('kept-by-an-older-page\u200b'))")
        page.reload()
        dialog = page.get_by_role("dialog", name="This server needs a key")
        key = dialog.get_by_label("API key")
        expect(key).to_be_focused()
        assert page.evaluate(stored) is None, "/docs would send it"
        for offered, wrong in {
            f"{KEY}\u200b": "a character that does not show (U+200B)",
            "a key of the right form": "This has a space",
            "ein-schlüssel-von-hier": "This has “ü”",
            "short": "A key has 16 to 200 characters. This has 5.",
            "x" * 201: "This has 201.",
        }.items():
            key.fill(offered)
            page.keyboard.press("Enter")
            expect(dialog.get_by_role("alert")).to_contain_text(wrong)
            expect(key).to_be_focused()
            assert page.evaluate(stored) is None
        key.fill(f" {KEY}\t")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_text("The connection is gone")).to_have_count(0)
        expect(page.get_by_role("slider", name="Length")).to_be_visible()


def test_what_is_wrong_with_free_words_is_told_where_they_stand(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("button", name="Write freely").click()
        page.get_by_role("button", name="Write 4 prompts").click()
        text = page.get_by_role("textbox", name="In your own words")
        expect(text).to_be_focused()
        expect(text).to_have_attribute("aria-invalid", "true")
        expect(text).to_have_accessible_description(re.compile("Add an idea first"))


def test_a_pasted_list_that_is_too_long_loses_nothing(browser: Browser, address: str) -> None:
    names = [f"idea{number}" for number in range(12)]
    with visit(browser, address) as page:
        ideas = page.get_by_role("combobox", name="Your ideas")
        paste(ideas, ", ".join(names))
        removers = page.locator("#ideas .remove")
        expect(removers).to_have_count(8)
        expect(ideas).to_have_value(", ".join(names[8:]))
        expect(page.locator("#toast")).to_have_text("8 ideas are the most. Left in the field: 4")
        expect(ideas).to_be_editable()
        page.get_by_role("button", name="Remove Topic: idea0").click()
        ideas.press("Enter")
        expect(page.get_by_role("button", name=re.compile("Remove .*: idea8"))).to_be_visible()
        expect(removers).to_have_count(8)
        expect(ideas).to_have_value(", ".join(names[9:]))
        ideas.fill("")
        expect(ideas).not_to_be_editable()


def test_commas_part_ideas_and_banned_terms_but_not_kept_ones(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        page.get_by_role("combobox", name="Your ideas").fill("fox, owl")
        page.get_by_text("Fine-tune").click()
        paste(page.get_by_label("Always say"), "(red, blue:1.2)")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove (red, blue:1.2)")).to_be_visible()
        paste(page.get_by_label("Never say"), "moon, stars")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert body["intents"] == ["Topic: fox", "Scene object: owl"]
    assert body["keep"] == ["(red, blue:1.2)"]
    assert body["ban"] == ["moon", "stars"]


@pytest.mark.parametrize("then", ["write", "reopen"])
def test_an_order_that_is_replaced_while_it_runs_is_remembered(browser: Browser, address: str, then: str) -> None:
    with visit(browser, address) as page:
        earlier = {"at": 1, "request": {"task": "t2i", "intents": ["Topic: fox"], "words": 9, "n": 1, "seed": 1}}
        earlier["prompts"] = [{"prompt": PROMPT | {"prompt": "a fox"}}]
        page.evaluate("all => localStorage.setItem('promptlet.history', JSON.stringify(all))", [earlier])
        page.add_init_script(UNENDING.replace("FIRST", json.dumps(events(("message", PROMPT)))))
        page.goto(address + LAKE)
        page.reload()
        expect(cards(page)).to_have_count(1)
        if then == "write":
            page.evaluate("document.getElementById('seed').value = 8")
            page.keyboard.press("Control+Enter")
            expect(cards(page)).to_have_count(0)
            page.keyboard.press("Escape")
            expect(cards(page)).to_contain_text(TEXT)  # nothing came of the other
            page.get_by_role("button", name="History").click()
        else:
            page.get_by_role("button", name="History").click()
            page.get_by_role("button", name=re.compile("a fox")).click()
            expect(cards(page)).to_contain_text("a fox")
            page.get_by_role("button", name="History").click()
        page.get_by_role("button", name=re.compile("mountain lake.*1 prompt")).click()
        assert written(page, 1) == [TEXT]


def test_a_link_beyond_the_ranges_shows_and_tells_what_is_sent(browser: Browser, address: str) -> None:
    beyond = "#task=t2i&intent=Topic:+fox&words=400&n=40&seed=9999999999"
    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        page.goto(address + "#")
        body = asked(page, lambda: page.evaluate("link => { location.hash = link }", beyond))
        assert (body["words"], body["n"], body["seed"]) == (40, 16, 2**32 - 1)
        assert page.get_by_role("slider", name="Length").input_value() == "40"
        number = page.get_by_role("textbox", name="Number of prompts")
        expect(number).to_have_value("16")
        expect(page.locator("#seed")).to_have_value(str(2**32 - 1))
        changes = "40 words instead of 400, 16 prompts instead of 40, seed 4294967295 instead of 9999999999."
        expect(page.get_by_text(f"Not all is as the link has it: {changes}")).to_be_visible()
        number.fill("40")
        again = asked(page, lambda: page.keyboard.press("Control+Enter"))
        assert again["n"] == 16
        expect(number).to_have_value("16")
        expect(number).to_have_accessible_description("1 to 16 at a time.")
        expect(page.get_by_text("Not all is as the link has it")).to_have_count(0)
        page.get_by_role("button", name="One fewer").click()
        asked(page, lambda: page.keyboard.press("Control+Enter"))
        expect(number).to_have_accessible_description("")


def test_a_number_that_is_changed_is_told_to_screen_readers(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("textbox", name="Number of prompts").fill("40")
        page.keyboard.press("Tab")
        expect(page.get_by_role("status").filter(has_text="1 to 16 at a time.")).to_have_count(1)


def test_suggestions_are_asked_for_once_and_not_for_every_letter(browser: Browser, address: str) -> None:
    prefixes = list[str]()

    def suggest(route: Route) -> None:
        (prefix,) = parse_qs(urlsplit(route.request.url).query)["prefix"]
        prefixes.append(prefix)
        found = {"intent": "Topic: balloon", "kind": "Topic", "value": "balloon"}
        route.fulfill(json={"intents": [found] if "balloon".startswith(prefix) else []})

    with visit(browser, address) as page:
        page.route("**/v1/intents?*", suggest)
        idea = page.get_by_role("combobox", name="Your ideas")
        idea.focus()
        page.clock.install()
        page.clock.pause_at("2100-01-01")

        def type_(keys: str, pause: int) -> None:
            for key in keys:
                page.keyboard.press("Backspace" if key == "<" else key)
                page.clock.run_for(pause)

        option = page.get_by_role("option", name="balloon")
        type_("ball", 150)
        page.clock.run_for(300)
        expect(option).to_be_visible()
        assert prefixes == ["ball"]
        with page.expect_response("**/v1/intents?*"):
            type_("x", 300)
        expect(option).to_have_count(0)
        page.wait_for_timeout(200)  # until the page has read the answer
        type_("yz<<<", 300)  # what begins so is known to be nothing, and "ball" was answered
        expect(option).to_be_visible()
        assert prefixes == ["ball", "ballx"]

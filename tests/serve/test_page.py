"""The page in a real browser, before a real server: the main way through, and what may go wrong on it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect

PATIENCE = 60_000
"""Milliseconds for what the model writes; the machine may be busy."""
PROMPTS = "**/v1/prompts"
LAKE = "#task=t2i&intent=Topic:+mountain+lake&intent=Mood:+serene&words=12&n=2&seed=7"
"""The fragment of a link to an order."""
KEY = "a-key-of-the-right-form"
TEXT = "a lake"
PROMPT = {"prompt": TEXT, "words": 2, "intents": [], "coverage": {}, "spans": [], "seed": 1}
"""What a server answers with that does not ask the model."""
UNENDING = """
const real = fetch;
let orders = 0;
window.fetch = (path, options) => {
  if (path !== "v1/prompts") return real(path, options);
  const begin = (stream) => {
    if (!orders++) stream.enqueue(new TextEncoder().encode(FIRST));
    options.signal.addEventListener("abort", () => stream.error(options.signal.reason));
  };
  return Promise.resolve(new Response(new ReadableStream({ start: begin })));
};
"""
"""Orders that don't end: of the first one a prompt comes, of others nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a server of the shipped student listens."""
    command = [sys.executable, "-m", "promptlet", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        told = re.search(r"http://\S+/", server.stdout.readline())
        assert told, "the server does not say where it is"
        yield told[0]
        server.terminate()


@contextmanager
def visit(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """Open the page in a browser of its own; what its scripts or its policy refuse fails the test."""
    context: BrowserContext = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE)
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(address)
    yield page
    context.close()
    assert not wrong


def cards(page: Page) -> Locator:
    return page.locator("#cards > li:not(.place)")


def texts(page: Page) -> list[str]:
    return cards(page).locator(".text").all_inner_texts()


def written(page: Page, count: int) -> list[str]:
    """Wait until the page has so many prompts and writes no more; return them."""
    expect(cards(page)).to_have_count(count, timeout=PATIENCE)
    expect(page.get_by_role("button", name=re.compile(r"^Write \d"))).to_be_visible(timeout=PATIENCE)
    return texts(page)


def events(*pairs: tuple[str, Any]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in pairs)


def trouble(message: str, param: str | None = None, code: str = "invalid_value") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def answer(route: Route) -> None:
    """Answer an order at once, without the model."""
    done = {"found": 1, "asked": 1, "seed": 1}
    route.fulfill(content_type="text/event-stream", body=events(("message", PROMPT), ("done", done)))


def guard(route: Route) -> None:
    """Answer as a server that has a key."""
    if route.request.headers.get("authorization") == f"Bearer {KEY}":
        return route.continue_()
    return route.fulfill(status=401, json=trouble("this API key is not valid", code="invalid_api_key"))


def paste(field: Locator, text: str) -> None:
    """Bring a text into a field in one piece."""
    field.focus()
    field.page.keyboard.insert_text(text)


def asked(page: Page, act: Any) -> dict[str, Any]:
    """Return what the page asks the server for when something is done."""
    with page.expect_request(PROMPTS) as request:
        act()
    return dict(request.value.post_data_json)


def test_an_order_is_given_by_keyboard_alone(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        expect(page.get_by_role("heading", name="Say what you have in mind.")).to_be_visible()
        idea = page.get_by_role("combobox", name="Your ideas")
        idea.focus()
        page.keyboard.type("Scene object: ballo")
        expect(page.get_by_role("option").first).to_contain_text("balloon")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove Scene object: balloon")).to_be_visible()
        page.keyboard.type("birthday, mistake,")  # what nobody suggests is a topic
        page.keyboard.press("Backspace")  # goes to the last idea
        expect(page.get_by_role("button", name="Remove Topic: mistake")).to_be_focused()
        page.keyboard.press("Backspace")
        expect(page.get_by_role("button", name="Remove Topic: mistake")).to_have_count(0)
        length = page.get_by_role("slider", name="Length")
        length.focus()
        for _ in range(6):
            page.keyboard.press("ArrowLeft")
        expect(length).to_have_attribute("aria-valuetext", "14 words")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
        found = written(page, 4)
    assert body["intents"] == ["Scene object: balloon", "Topic: birthday"]
    assert (body["task"], body["words"], body["n"]) == ("t2i", 14, 4)
    assert [len(text.split()) for text in found] == [14] * 4
    assert len(set(found)) == 4


def test_cards_mark_where_ideas_are_said(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        first = written(page, 2)[0].lower()
        card = cards(page).first
        lake = card.locator("mark[data-kind=topic]")
        said = re.findall(r"mountains? lakes?|mountains?|lakes?", first)
        assert [part.lower() for part in lake.all_inner_texts()] == said
        expect(card).to_contain_text("12 words")
        colour = "[e.dataset.kind, getComputedStyle(e).backgroundColor]"
        hues = page.locator("mark").evaluate_all(f"all => all.map(e => {colour})")
        assert len({hue for _, hue in hues}) == len({kind for kind, _ in hues})
        legend = page.get_by_role("group", name="Show where an idea is said").get_by_role(
            "button", name="mountain lake"
        )
        legend.click()
        expect(legend).to_have_attribute("aria-pressed", "true")
        expect(page.locator("mark.lit")).to_have_count(page.locator("mark[data-kind=topic]").count())


def test_a_prompt_is_copied_as_it_is(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE, permissions=["clipboard-read", "clipboard-write"]) as page:
        first = written(page, 2)[0]
        cards(page).first.get_by_role("button", name="Copy").click()
        expect(cards(page).first.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == first


def test_a_link_brings_the_same_prompts_to_someone_else(browser: Browser, address: str) -> None:
    with visit(browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.get_by_role("radio", name="Template").check(force=True)
        page.get_by_role("combobox").fill("coffee shop, Design type: menu,")
        page.get_by_text("Fine-tune").click()
        page.get_by_label("Always say").fill("Blue Door")
        page.get_by_label("Never say").fill("vintage")
        page.get_by_role("button", name="One fewer").click(click_count=2)
        page.get_by_role("button", name="Roll a seed").click()
        seed = page.get_by_label("Seed", exact=True).input_value()
        page.get_by_role("button", name="Write 2 prompts").click()
        here = written(page, 2)
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        link = page.evaluate("navigator.clipboard.readText()")
    assert all("Blue Door" in text and "vintage" not in text.lower() for text in here)
    query = parse_qs(urlsplit(link).fragment)
    assert query["seed"] == [seed]
    assert query["intent"] == ["Topic: coffee shop", "Design type: menu"]
    with visit(browser, link) as page:
        assert written(page, 2) == here
        expect(page.get_by_role("button", name="Remove Blue Door")).to_be_visible()


def test_a_prompt_is_made_longer_and_shorter_by_its_own_seed(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        first, second = written(page, 2)
        longer = asked(page, cards(page).first.get_by_role("button", name="Longer").click)
        shown = written(page, 3)
        shorter = asked(page, cards(page).nth(1).get_by_role("button", name="Shorter").click)
        written(page, 4)
    assert (shown[0], shown[2]) == (first, second), "it stands behind the prompt that it was made of"
    assert longer["words"] == len(shown[1].split()) == 17
    assert longer["n"] == shorter["n"] == 1
    assert shorter["words"] == 12


def test_more_like_a_prompt_speaks_of_what_it_speaks_of(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        first, second = written(page, 2)
        more = asked(page, cards(page).first.get_by_role("button", name="More like this").click)
        shown = written(page, 5)
        expect(cards(page).nth(1)).to_contain_text("More like this")
    assert (shown[0], shown[4]) == (first, second)
    assert more["intents"][:2] == ["Topic: mountain lake", "Mood: serene"]
    assert all(new.partition(": ")[2].rstrip("s") in first.lower() for new in more["intents"][2:])
    assert (more["words"], more["n"]) == (12, 3)


def test_closeness_can_be_asked_of_a_student_that_knows_it(browser: Browser, address: str) -> None:
    def unknowing(route: Route) -> None:
        about = route.fetch().json()
        del about["commands"]["relevance"]
        route.fulfill(json=about)

    with visit(browser, address) as page:
        closeness = page.get_by_role("slider", name="Closeness to your ideas")
        page.route("**/v1/tasks", unknowing)
        page.reload()
        expect(page.get_by_role("slider", name="Length")).to_be_visible()
        expect(closeness).to_have_count(0)
        page.unroute("**/v1/tasks")
        page.reload()
        expect(closeness).to_have_attribute("aria-valuetext", "Closest")
        closeness.press("ArrowLeft")
        page.get_by_role("combobox", name="Your ideas").fill("fox")
        assert asked(page, lambda: page.keyboard.press("Control+Enter"))["relevance"] == 3


def test_history_outlives_the_page_and_asks_nothing_again(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        written(page, 2)
        cards(page).first.get_by_role("button", name="Longer").click()
        before = written(page, 3)
        page.goto("about:blank")
        page.goto(address)
        expect(page.get_by_role("heading", name="Say what you have in mind.")).to_be_visible()
        page.route(PROMPTS, lambda _: pytest.fail("the history has them already"))
        page.get_by_role("button", name="History").click()
        page.get_by_role("button", name=re.compile("mountain lake.*3 prompts")).click()
        assert written(page, 3) == before
        expect(page.get_by_role("button", name="Remove Mood: serene")).to_be_visible()
        page.get_by_role("button", name="History").click()
        page.get_by_role("button", name="Forget this one").click()
        expect(page.get_by_role("dialog")).to_contain_text("Nothing yet")


def test_free_words_are_sent_as_they_are_and_shown_as_text(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("button", name="Write freely").click()
        page.keyboard.type('a fox <img src="x"> in the snow')
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
        expect(page.get_by_text('“a fox <img src="x"> in the snow”')).to_be_visible()
        written(page, 4)
        assert page.locator("main img").count() == 0
    assert body["intents"] == 'a fox <img src="x"> in the snow'


def test_an_order_without_an_idea_is_not_sent(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda _: pytest.fail("there is nothing to ask for"))
        page.get_by_role("button", name="Write 4 prompts").click()
        expect(page.get_by_role("combobox")).to_be_focused()
        expect(page.get_by_role("combobox")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_text("Add an idea first")).to_be_visible()


def test_what_the_server_refuses_is_told_where_it_can_be_mended(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE + "&intent=Weather:+fog&keep=moon&ban=moon") as page:
        ideas = page.get_by_role("combobox", name="Your ideas")
        expect(ideas).to_be_focused()
        expect(ideas).to_have_accessible_description(re.compile("Weather"))
        page.get_by_role("button", name="Remove Weather: fog").click()
        page.get_by_role("button", name="Write 2 prompts").click()
        expect(ideas).not_to_have_attribute("aria-invalid", "true")
        # What concerns two fields stands above the prompts.
        expect(page.get_by_role("alert")).to_contain_text("The term 'moon' can't be kept: 'moon' is banned.")
        page.get_by_role("button", name="Remove moon").first.click()
        page.get_by_role("button", name="Write 2 prompts").click()
        written(page, 2)
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_busy_server_is_asked_again_when_it_says(browser: Browser, address: str) -> None:
    tries = list[Request]()

    def busy(route: Route) -> None:
        tries.append(route.request)
        if len(tries) > 1:
            return route.continue_()
        full = trouble("the queue is full", code="overloaded")
        return route.fulfill(status=503, headers={"Retry-After": "30"}, json=full)

    with visit(browser, address) as page:
        page.route(PROMPTS, busy)
        page.clock.install()
        with page.expect_response(PROMPTS) as refused:
            page.goto(address + LAKE)
        assert refused.value.status == 503
        expect(
            page.get_by_text(re.compile(r"The server is busy. Trying again in ([12]?[1-9]|[123]0) s"))
        ).to_be_visible()
        assert len(tries) == 1
        page.clock.fast_forward(31_000)
        written(page, 2)
        expect(page.get_by_text("The server is busy")).to_have_count(0)
    assert len(tries) == 2


def test_a_slow_server_is_told_and_can_be_stopped(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda _: None)  # no answer ever
        page.clock.install()
        page.goto(address + LAKE)
        expect(page.locator(".place").first).to_be_visible()
        page.clock.fast_forward(5_000)
        expect(page.get_by_text("One moment.")).to_be_visible()
        page.clock.fast_forward(11_000)
        expect(page.get_by_text("Still at it.")).to_be_visible()
        with page.expect_event("requestfailed") as stopped:
            page.keyboard.press("Escape")
        assert stopped.value.url.endswith("/v1/prompts"), "the server is not told"
        expect(page.get_by_text("Still at it.")).to_have_count(0)
        expect(page.get_by_role("heading", name="Say what you have in mind.")).to_be_visible()
        page.unroute_all(behavior="ignoreErrors")
        page.get_by_role("button", name="Write 2 prompts").click()
        written(page, 2)


def test_no_prompt_is_told_with_what_may_help(browser: Browser, address: str) -> None:
    none = trouble("no prompt in 24 candidates does what was asked", code="no_prompt")
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda route: route.fulfill(content_type="text/event-stream", body=events(("error", none))))
        page.goto(address + LAKE)
        expect(page.get_by_role("alert")).to_contain_text("No prompt fits all of that.")
        expect(page.locator(".place")).to_have_count(0)
        page.unroute_all()
        again = asked(page, page.get_by_role("button", name="Try another seed").click)
        written(page, 2)
        expect(page.get_by_role("alert")).to_have_count(0)
    assert again["seed"] != 7


def test_a_lost_server_keeps_what_has_come(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        written(page, 2)
        page.route(PROMPTS, lambda route: route.abort())
        cards(page).first.get_by_role("button", name="Longer").click()
        expect(page.get_by_role("alert")).to_contain_text("The connection is gone")
        written(page, 2)
        page.unroute_all()
        page.get_by_role("button", name="Try again").click()
        written(page, 3)
        expect(page.get_by_role("alert")).to_have_count(0)


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


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, address: str, width: int) -> None:
    phone = {"viewport": {"width": width, "height": 740}, "has_touch": True, "is_mobile": True}
    with visit(browser, address + LAKE, **phone) as page:
        written(page, 2)
        expect(cards(page).first).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        buttons = cards(page).first.get_by_role("button").all()
        for button in (*buttons, page.get_by_role("button", name="Write 2 prompts")):
            box = button.bounding_box()
            assert box
            assert box["height"] >= 44, "too small for a thumb"
        page.get_by_text("Fine-tune").tap()
        page.get_by_role("button", name="History").tap()
        expect(page.get_by_role("dialog", name="History")).to_contain_text("2 prompts")
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_look_is_kept(browser: Browser, address: str) -> None:
    with visit(browser, address, color_scheme="light") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(background)
        look = page.get_by_role("button", name=re.compile("^Look"))
        look.click()
        look.click()
        expect(look).to_have_accessible_name("Look: dark")
        dark = page.evaluate(background)
        page.reload()
        assert page.evaluate(background) == dark != light


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
        expect(page.get_by_role("button", name="Remove Topic: idea8")).to_be_visible()
        expect(removers).to_have_count(8)
        expect(ideas).to_have_value(", ".join(names[9:]))
        ideas.fill("")
        expect(ideas).not_to_be_editable()


def test_terms_may_hold_commas(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        page.get_by_role("combobox", name="Your ideas").fill("fox, owl")
        page.get_by_text("Fine-tune").click()
        paste(page.get_by_label("Always say"), "(red, blue:1.2)")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove (red, blue:1.2)")).to_be_visible()
        paste(page.get_by_label("Never say"), "moon, stars")
        body = asked(page, lambda: page.keyboard.press("Control+Enter"))
    assert body["intents"] == ["Topic: fox", "Topic: owl"]
    assert body["keep"] == ["(red, blue:1.2)"]
    assert body["ban"] == ["moon, stars"]


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
            expect(page.get_by_role("heading", name="Say what you have in mind.")).to_be_visible()
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
        told = "40 words instead of 400, 16 prompts instead of 40, seed 4294967295 instead of 9999999999."
        expect(page.get_by_text(f"Not all is as the link has it: {told}")).to_be_visible()
        number.fill("40")
        again = asked(page, lambda: page.keyboard.press("Control+Enter"))
        assert again["n"] == 16
        expect(number).to_have_value("16")
        expect(number).to_have_accessible_description("1 to 16 at a time.")
        expect(page.get_by_text("Not all is as the link has it")).to_have_count(0)
        page.get_by_role("button", name="One fewer").click()
        asked(page, lambda: page.keyboard.press("Control+Enter"))
        expect(number).to_have_accessible_description("")


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
        type_("x", 300)
        expect(option).to_have_count(0)
        type_("yz<<<", 300)  # what begins so is known to be nothing, and "ball" was answered
        expect(option).to_be_visible()
        assert prefixes == ["ball", "ballx"]

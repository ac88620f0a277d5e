"""The page in a real browser, before a real server: the main way through, and what may go wrong on it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Request, Route, expect

from tests.serve.browsing import LAKE, PROMPTS, asked, cards, events, trouble, visit, written


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
        page.keyboard.type("birthday, mistake,")  # the first is the topic, others are things
        page.keyboard.press("Backspace")  # goes to the last idea
        expect(page.get_by_role("button", name="Remove Scene object: mistake")).to_be_focused()
        page.keyboard.press("Backspace")
        expect(page.get_by_role("button", name="Remove Scene object: mistake")).to_have_count(0)
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
        mentions = re.findall(r"mountains? lakes?|mountains?|lakes?", first)
        assert [part.lower() for part in lake.all_inner_texts()] == mentions
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
        page.get_by_role("button", name="One fewer").click(click_count=2)
        page.get_by_role("button", name="Roll a seed").click()
        seed = page.get_by_label("Seed", exact=True).input_value()
        write = page.get_by_role("button", name="Write 2 prompts")
        write.click()
        free = " ".join(written(page, 2)).lower()
        banned = max(set(re.findall("[a-z]+", free)) - {"coffee"}, key=lambda word: (len(word), word))
        page.get_by_label("Never say").fill(banned)
        assert asked(page, write.click)["ban"] == [banned]
        here = written(page, 2)
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        link = page.evaluate("navigator.clipboard.readText()")
    assert all("Blue Door" in text and banned not in text.lower() for text in here)
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


def test_the_same_length_asked_for_again_gives_another_prompt(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        written(page, 2)
        shorter = cards(page).first.get_by_role("button", name="Shorter")
        first = asked(page, shorter.click)
        written(page, 3)
        second = asked(page, shorter.click)
    assert first["seed"] == 7
    assert second["seed"] != 7
    assert first | {"seed": 0} == second | {"seed": 0}


def test_kept_terms_are_marked_too(browser: Browser, address: str) -> None:
    wish = {
        "task": "t2i",
        "intent": "Topic: mountain lake",
        "words": 14,
        "n": 1,
        "seed": 7,
        "keep": ["ACME \u2600", "(art:1.1)"],
    }
    with visit(browser, f"{address}#{urlencode(wish, doseq=True)}") as page:
        (text,) = written(page, 1)
        assert "ACME \u2600" in text
        assert page.locator("mark[title*='Kept: ACME']").all_inner_texts() == ["ACME \u2600"]
        assert page.locator("mark[title*='Kept: (art']").all_inner_texts() == ["(art:1.1)"]


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


def test_free_words_stay_what_they_are_when_a_prompt_is_varied(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("button", name="Write freely").click()
        page.keyboard.type("a quiet lake without people")
        page.keyboard.press("Control+Enter")
        written(page, 4)
        longer = asked(page, cards(page).first.get_by_role("button", name="Longer").click)
        written(page, 5)
        more = asked(page, cards(page).nth(1).get_by_role("button", name="More like this").click)
    assert longer["intents"] == "a quiet lake without people"
    assert more["intents"].startswith("a quiet lake without people")
    assert more["words"] == longer["words"]


def test_text_that_was_changed_becomes_the_ideas(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("combobox").fill("fox, snow")
        page.get_by_role("button", name="Write freely").click()
        page.get_by_role("textbox", name="In your own words").fill(f"owl, {' '.join(f'moon{n}' for n in range(30))}")
        page.get_by_role("button", name="Use as ideas").click()
        expect(page.get_by_role("button", name="Remove Topic: owl")).to_be_visible()
        expect(page.get_by_role("button", name="Remove Topic: fox")).to_have_count(0)
        long = page.get_by_role("button", name="Remove Scene object: moon0 moon1").get_attribute("aria-label")
        assert long
        assert len(long.removeprefix("Remove Scene object: ")) <= 120
        page.get_by_text("Fine-tune").click()
        page.get_by_role("textbox", name="Never say").fill("cake, moon,")
        assert asked(page, page.get_by_role("button", name="Write 4 prompts").click)["ban"] == ["cake", "moon"]


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
        kept = page.get_by_role("textbox", name="Always say")
        expect(kept).to_have_accessible_description(re.compile("The term 'moon' can't be kept: 'moon' is banned."))
        page.get_by_role("button", name="Remove moon").first.click()
        page.get_by_role("button", name="Write 2 prompts").click()
        written(page, 2)
        expect(kept).not_to_have_attribute("aria-invalid", "true")


def test_an_order_that_is_refused_leaves_the_prompts_and_their_link(browser: Browser, address: str) -> None:
    with visit(browser, address + LAKE) as page:
        before = written(page, 2)
        link = page.url
        page.get_by_role("combobox", name="Your ideas").fill("Coca-Cola")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("combobox", name="Your ideas")).to_have_accessible_description(re.compile("Coca-Cola"))
        assert written(page, 2) == before
        assert page.url == link
        expect(page.get_by_role("button", name="Remove Scene object: Coca-Cola")).to_be_visible()
        expect(page.locator("#order")).not_to_contain_text("Coca-Cola")
        more = asked(page, cards(page).first.get_by_role("button", name="Longer").click)
        written(page, 3)
    assert more["intents"] == ["Topic: mountain lake", "Mood: serene"]


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
        page.clock.run_for(31_000)
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


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, address: str, width: int) -> None:
    phone = {"viewport": {"width": width, "height": 740}, "has_touch": True, "is_mobile": True}
    with visit(browser, address + LAKE, **phone) as page:
        written(page, 2)
        expect(cards(page).first).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        buttons = cards(page).first.get_by_role("button").all()
        length = page.get_by_role("textbox", name="Length")
        for control in (*buttons, page.get_by_role("button", name="Write 2 prompts"), length):
            box = control.bounding_box()
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

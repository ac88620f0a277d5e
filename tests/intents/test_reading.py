"""Reading a wish in free words: what is known gets its kind, and nothing that was written is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.errors import UsageError
from promptlet.intents.graph import load_graph
from promptlet.intents.mentions import Mentions
from promptlet.intents.phrasing import FILLERS
from promptlet.intents.reading import read_text
from promptlet.intents.techniques import load_techniques
from promptlet.stemming import stems
from promptlet.tasks import load_task, task_names
from promptlet.types import MAX_INTENTS, Intent
from promptlet.vocabulary import load_policy

NODES = [node.value for node in load_graph().nodes()]


@pytest.mark.parametrize(
    ("task", "text", "wanted"),
    [
        ("t2i", "birthday", ["Topic: birthday"]),
        ("t2i", "a fox in the snow", ["Topic: fox", "Scene object: snow"]),
        (
            "t2i",
            "serene mountain lake at golden hour",
            ["Topic: mountain lake", "Mood: serene", "Lighting: golden hour"],
        ),
        (
            "t2i",
            "a mortar and pestle for St. Patrick's Day, shallow depth of field",
            ["Topic: mortar and pestle", "Occasion: St. Patrick's Day", "Composition: shallow depth of field"],
        ),
        # A colour stays with its thing, and a woman in a picture is nobody's audience.
        ("t2i", "a woman in a red coat", ["Topic: woman", "Scene object: red coat"]),
        (
            "t2t",
            "Birthday party invitation with balloons for the kids",
            ["Topic: Birthday party", "Design type: invitation", "Scene object: balloons", "Audience: kids"],
        ),
        ("t2i", "the 'old' well-lit harbor_town (1920)", ["Topic: old well-lit harbor_town", "Scene object: 1920"]),
        (
            "t2i",
            "1,000 balloons over an AT&T sign in U.S. snow",
            ["Topic: 1,000 balloons", "Scene object: AT&T sign", "Scene object: U.S. snow"],
        ),
        ("t2i", "a fox near Zyxlaburg", ["Topic: fox", "Setting: Zyxlaburg"]),
        ("t2t", "card for Vlorp & Sons", ["Topic: card", "Scene object: Vlorp & Sons"]),
        ("t2i", "topic: birthday, Scene object: red balloon", ["Topic: birthday", "Scene object: red balloon"]),
        # What a person is told says nothing of the picture.
        (
            "t2i",
            "I want a picture of a dragon in front of a burning castle",
            ["Topic: dragon", "Scene object: burning castle"],
        ),
        ("t2i", "Please make me an image with two dogs", ["Topic: two dogs"]),
        ("t2i", "a girl reading a book", ["Topic: girl reading", "Scene object: book"]),
        ("t2i", 'a sign reading "OPEN"', ["Topic: sign", 'Scene object: "OPEN"']),
        ("t2t", "Instagram post for a bakery", ["Topic: bakery", "Design type: social media post"]),
        ("t2t", "newsletter about climate change", ["Topic: climate change", "Design type: newsletter"]),
        ("t2i", "a knight vs a dragon", ["Topic: knight", "Scene object: dragon"]),
        ("t2i", "b/w photo of a cat", ["Topic: cat", "Style: black and white photo"]),
        # What a thing is shown as is no thing in it.
        ("t2i", "photo of an old fisherman, 85mm", ["Topic: old fisherman", "Style: photo", "Style: 85mm"]),
        (
            "t2i",
            "I'd like a watercolor painting of a hummingbird",
            ["Topic: hummingbird", "Style: watercolor painting"],
        ),
        ("t2i", "calm pencil sketch of a mug", ["Topic: mug", "Mood: calm", "Style: pencil sketch"]),
        ("t2i", "a painting on a wall", ["Topic: painting", "Scene object: wall"]),
        ("t2i", "a bottle of wine", ["Topic: bottle", "Scene object: wine"]),
        ("t2i", "a girl in anime style", ["Topic: girl", "Style: anime style"]),
        ("t2i", "art deco style poster", ["Topic: poster", "Style: art deco style"]),
        ("t2i", "close-up shot of a bee", ["Topic: bee", "Composition: close-up shot"]),
        ("t2i", "a cinematic shot of a harbor", ["Topic: harbor", "Style: cinematic shot"]),
        ("t2i", "a shot of whiskey on a bar", ["Topic: shot", "Scene object: whiskey", "Setting: bar"]),
        # The name of a style need not be known.
        ("t2i", "Van Gogh style sunflowers", ["Topic: sunflowers", "Style: Van Gogh style"]),
        ("t2i", "a Ghibli-inspired field, rain", ["Topic: field", "Style: Ghibli-inspired", "Scene object: rain"]),
        ("t2i", "Ghibli-style forest with a hut", ["Topic: forest", "Style: Ghibli-style", "Scene object: hut"]),
        ("t2i", "1920s style jazz club", ["Topic: jazz club", "Style: 1920s style"]),
        ("t2i", "a life style blogger at home", ["Topic: life style blogger", "Scene object: home"]),
        # What only says how a thing is, is no topic; behind a comma it may still be said of the same thing.
        ("t2i", "Beautiful, ancient temple in rain", ["Topic: Beautiful ancient temple", "Scene object: rain"]),
        ("t2i", "a tiny, fluffy kitten on a sill", ["Topic: tiny fluffy kitten", "Scene object: sill"]),
        ("t2i", "fox, tiny, snow drifts", ["Topic: fox", "Scene object: tiny", "Scene object: snow drifts"]),
        ("t2i", "happy, a dog", ["Topic: dog", "Scene object: happy"]),
        ("t2i", "stunning aerial view of a harbor", ["Topic: harbor", "Composition: stunning aerial view"]),
        ("t2i", "soft, dreamy light over a hill", ["Topic: hill", "Mood: soft dreamy light"]),
        ("t2i", "beautiful sunset, calm sea", ["Topic: beautiful sunset", "Mood: calm", "Scene object: sea"]),
        ("t2i", "quiet, strange", ["Topic: quiet", "Scene object: strange"]),
        ("t2i", "The picture shows a dog on a beach", ["Topic: dog", "Scene object: beach"]),
        ("t2i", "a serene mountain", ["Topic: mountain", "Mood: serene"]),
        # Woods are not of wood, and oranges are no colour.
        ("t2i", "a bowl of oranges in the woods", ["Topic: bowl", "Scene object: oranges", "Scene object: woods"]),
        ("t2i", "a bowl of wood, orange", ["Topic: bowl", "Material: wood", "Color: orange"]),
        # A mark behind a name is no part of it.
        ("t2i", "city at night, rain", ["Topic: city at night", "Scene object: rain"]),
        ("t2i", "a red fox in the snow at dawn", ["Topic: red fox", "Scene object: snow", "Lighting: dawn"]),
        ("t2t", "menu template for a bakery", ["Topic: bakery", "Design type: menu"]),
        ("t2t", "template", ["Topic: template"]),
        (
            "t2t",
            "birthday invitation for a 5 year old, dinosaurs",
            ["Topic: birthday", "Design type: invitation", "Audience: 5 year old", "Scene object: dinosaurs"],
        ),
        ("t2t", "I need a logo for my bakery", ["Topic: bakery", "Design type: logo"]),
        ("t2i", "show me a quiet lake", ["Topic: quiet lake"]),
        ("t2t", "design conference poster", ["Topic: design conference", "Design type: poster"]),
        ("t2i", "picture frame on a wall", ["Topic: picture frame", "Scene object: wall"]),
        # What shall be written is one piece.
        ("t2i", 'a wall that says "SALE 50% OFF"', ["Topic: wall", 'Scene object: "SALE 50% OFF"']),
        ("t2i", "a dog's bowl that says 'Rex'", ["Topic: dog's bowl", 'Scene object: "Rex"']),
        ("t2i", 'a quote post: "Be the change"', ["Topic: quote post", 'Scene object: "Be the change"']),
        ("t2i", 'a "golden hour" lake', ["Topic: lake", "Lighting: golden hour"]),
        (
            "t2i",
            "rain, 50% off, $19.99, 2/3, C++",
            ["Topic: rain", *(f"Scene object: {each}" for each in ("50% off", "$19.99", "2/3", "C++"))],
        ),
        # Parts without a kind are read as free words.
        ("t2i", "Topic: birthday, balloons", ["Topic: birthday", "Scene object: balloons"]),
        ("t2i", "Object: fox, Mood: calm", ["Scene object: fox", "Mood: calm"]),
        ("t2i", "Topic: fox; Mood: calm", ["Topic: fox", "Mood: calm"]),
        # An article is no part of a thing, unless it is of its name.
        ("t2i", "a fox", ["Topic: fox"]),
        ("t2i", "The fox", ["Topic: fox"]),
        ("t2i", "A FOX", ["Topic: FOX"]),
        ("t2i", "The Hague", ["Topic: The Hague"]),
        ("t2i", "Red Fox In Deep Snow", ["Topic: Red Fox", "Scene object: Deep Snow"]),
        ("t2i", "a landscape, style of Monet", ["Topic: landscape", "Style: Monet"]),
        ("t2i", "a bull in the style of Picasso", ["Topic: bull", "Style: Picasso"]),
        ("t2i", "in the style of the old masters, a bridge", ["Topic: bridge", "Style: old masters"]),
        # What a chat model is told of its answer is no wish.
        (
            "t2t",
            "Create a prompt for a cozy coffee shop poster. Keep it under 20 words. Return only the prompt.",
            ["Topic: coffee shop", "Mood: cozy", "Design type: poster"],
        ),
        ("t2i", "Write a short prompt about a lighthouse, 15 words", ["Topic: lighthouse"]),
        ("t2i", "a lighthouse in 15 words or less. No explanations.", ["Topic: lighthouse"]),
        ("t2i", "/imagine prompt: an airship over a bridge", ["Topic: airship", "Scene object: bridge"]),
        ("t2i", "What about a fox in a library?", ["Topic: fox", "Setting: library"]),
        ("t2i", "I'm looking for an image for my blog on tea", ["Topic: blog", "Scene object: tea"]),
        ("t2i", "Something cozy with a cat", ["Topic: cat", "Mood: cozy"]),
        ("t2i", "something", ["Topic: something"]),
        ("t2i", "1girl, long hair", ["Topic: girl", "Scene object: long hair"]),
        ("t2i", "a card, 2girls", ["Topic: card", "Scene object: 2 girls"]),
        ("t2i", "There should be a lighthouse. It should be serene.", ["Topic: lighthouse", "Mood: serene"]),
        ("t2i", "Make it look like a western, a bridge", ["Topic: western", "Scene object: bridge"]),
        (
            "t2t",
            "A banner for a bakery. Use blue tones.",
            ["Topic: bakery", "Design type: banner", "Scene object: blue tones"],
        ),
        ("t2t", "LinkedIn banner, blue", ["Topic: social media", "Design type: banner", "Color: blue"]),
        ("t2i", "a sign with 3 words", ["Topic: sign", "Scene object: 3 words"]),
        ("t2i", 'a wall that says "return only the prompt"', ["Topic: wall", 'Scene object: "return only the prompt"']),
        # What image makers are told for better pictures is nothing in them.
        ("t2i", "a fox, masterpiece, best quality, 8k, highly detailed", ["Topic: fox"]),
        ("t2i", "a fox in rain, trending on artstation", ["Topic: fox", "Scene object: rain"]),
        ("t2i", "((masterpiece)), {best quality}, score_9, (fox)", ["Topic: fox"]),
        ("t2i", "masterpiece", ["Topic: masterpiece"]),
        ("t2i", "cute kitten " * 20, ["Topic: cute kitten"]),
        ("t2t", "vintage coffee shop menu", ["Topic: coffee shop", "Style: vintage", "Design type: menu"]),
    ],
)
def test_words_get_the_kinds_that_they_have_in_the_graph(task: str, text: str, wanted: list[str]) -> None:
    assert [str(intent) for intent in read_text(text, load_task(task).kinds).intents] == wanted


@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        ("an empty beach without people", ["Topic: empty beach"], ("people",)),
        ("a portrait, no hat", ["Topic: portrait"], ("hat",)),
        ("a street without any cars", ["Topic: street"], ("cars",)),
        ("a forest without a single person", ["Topic: forest"], ("person",)),
        ("a room, no windows, doors or furniture", ["Topic: room"], ("windows", "doors", "furniture")),
        ("a quiet room that isn't dark", ["Topic: quiet room"], ("dark",)),
        ("don't show any cars in the old town", ["Topic: old town"], ("cars",)),
        ("No people, quiet street", ["Topic: quiet street"], ("people",)),
        ("an old house, nobody there", ["Topic: old house"], ("people",)),
        ("Topic: fox, Setting: forest, no people", ["Topic: fox", "Setting: forest"], ("people",)),
        ("a dog without a leash or collar in the park", ["Topic: dog", "Setting: park"], ("leash", "collar")),
        ("a dog and not a cat", ["Topic: dog"], ("cat",)),
        ("EMPTY BEACH, NO PEOPLE", ["Topic: EMPTY BEACH"], ("PEOPLE",)),
        ("Empty Beach, No People", ["Topic: Empty Beach"], ("People",)),
        ("a park, exclude dogs", ["Topic: park"], ("dogs",)),
        ("a park. Avoid dogs.", ["Topic: park"], ("dogs",)),
        ("a man avoiding a puddle", ["Topic: man avoiding", "Scene object: puddle"], ()),
        ("a harbor minus boats", ["Topic: harbor"], ("boats",)),
        ("a harbor at minus 5 degrees", ["Topic: harbor", "Scene object: minus 5 degrees"], ()),
        ("a kitchen but no food", ["Topic: kitchen"], ("food",)),
        ("cats instead of dogs", ["Topic: cats"], ("dogs",)),
        ("No Parking sign on a wall", ["Topic: No Parking sign", "Scene object: wall"], ()),
        # A list bans each of its things, and ends where something is wished for.
        ("a street without cars and people", ["Topic: street"], ("cars", "people")),
        ("a garden, no cats, dogs and birds", ["Topic: garden"], ("cats", "dogs", "birds")),
        (
            "a garden with no cats, dogs, and birds in the snow",
            ["Topic: garden", "Scene object: snow"],
            ("cats", "dogs", "birds"),
        ),
        ("a room without windows & doors", ["Topic: room"], ("windows", "doors")),
        ("a man without a hat and a coat", ["Topic: man"], ("hat", "coat")),
        ("a street without any cars and any people", ["Topic: street"], ("cars", "people")),
        (
            "a man without a hat and a woman with an umbrella",
            ["Topic: man", "Scene object: woman", "Scene object: umbrella"],
            ("hat",),
        ),
        ("a street without cars and with balloons", ["Topic: street", "Scene object: balloons"], ("cars",)),
        ("a street without cars but with balloons", ["Topic: street", "Scene object: balloons"], ("cars",)),
        ("a street without cars, a sunny day", ["Topic: street", "Scene object: sunny day"], ("cars",)),
        ("a house without cars and an old bridge", ["Topic: house", "Scene object: old bridge"], ("cars",)),
        (
            "a beach, no people, blue sky and white sand",
            ["Topic: beach", "Setting: blue sky", "Scene object: white sand"],
            ("people",),
        ),
        ("not a cat but a dog in snow", ["Topic: dog", "Scene object: snow"], ("cat",)),
        ("NO CARS OR PEOPLE, QUIET STREET", ["Topic: QUIET STREET"], ("CARS", "PEOPLE")),
        # Things with articles are of a list that an "or" closes, and begin another wish otherwise.
        ("a park without benches, a fountain, or a statue", ["Topic: park"], ("benches", "fountain", "statue")),
        ("a desk without a lamp, a book or a pen", ["Topic: desk"], ("lamp", "book", "pen")),
        ("a man without a hat, his glasses, or a tie", ["Topic: man"], ("hat", "glasses", "tie")),
        ("a beach without umbrellas, a boat, nor a pier", ["Topic: beach"], ("umbrellas", "boat", "pier")),
        (
            "a house without a chimney, a porch or a fence in the snow",
            ["Topic: house", "Scene object: snow"],
            ("chimney", "porch", "fence"),
        ),
        (
            "a park without benches, a fountain in the middle",
            ["Topic: park", "Scene object: fountain", "Scene object: middle"],
            ("benches",),
        ),
        (
            "a park without benches, a fountain with fish or ducks",
            ["Topic: park", "Scene object: fountain", "Scene object: fish", "Scene object: ducks"],
            ("benches",),
        ),
        (
            "a street without cars, a fountain, and a statue",
            ["Topic: street", "Scene object: fountain", "Scene object: statue"],
            ("cars",),
        ),
        (
            "a red car, not blue, a sunny or rainy day",
            ["Topic: red car", "Scene object: sunny", "Scene object: rainy day"],
            ("blue",),
        ),
        (
            "a cup of cocoa, not coffee, a croissant or a cookie",
            ["Topic: cup", "Scene object: cocoa", "Scene object: croissant", "Scene object: cookie"],
            ("coffee",),
        ),
        (
            "a lake, no people, in the style of Monet or Manet",
            ["Topic: lake", "Style: Monet", "Scene object: Manet"],
            ("people",),
        ),
        (
            "a lake, no people, oil painting in the style of Monet or Manet",
            ["Topic: lake", "Style: oil painting", "Style: Monet", "Scene object: Manet"],
            ("people",),
        ),
        # "No" stands for the article of one thing, but of no other.
        ("a bedroom, no bed, a chair or a table", ["Topic: bedroom"], ("bed", "chair", "table")),
        ("no bed, a chair or a table, an empty room", ["Topic: empty room"], ("bed", "chair", "table")),
        (
            "a poster, no text, a cat or a dog",
            ["Topic: poster", "Scene object: cat", "Scene object: dog"],
            ("text",),
        ),
        (
            "a park, no people, a bench or a pond",
            ["Topic: park", "Scene object: bench", "Scene object: pond"],
            ("people",),
        ),
        ("a man, no hat and a red coat", ["Topic: man", "Scene object: red coat"], ("hat",)),
        ("a desert with neither cacti nor rocks", ["Topic: desert"], ("cacti", "rocks")),
        # What somebody is not doing is done to what shall not be there.
        ("a man who isn't wearing a hat", ["Topic: man"], ("hat",)),
        ("a man who isn\u2019t wearing a hat or a coat", ["Topic: man"], ("hat", "coat")),
        ("a street that doesn't show a car", ["Topic: street"], ("car",)),
        ("a man who's not wearing a hat", ["Topic: man"], ("hat",)),
        ("a woman that isnt wearing glasses", ["Topic: woman"], ("glasses",)),
        ("a girl who\u2019s not holding her umbrella", ["Topic: girl"], ("umbrella",)),
        ("a woman not looking at the camera", ["Topic: woman"], ("camera",)),
        ("a dog that cannot fly", ["Topic: dog"], ("fly",)),
        ("a poster that shouldn't have text", ["Topic: poster"], ("text",)),
        # A sentence begins with a capital, and so does what is written on a sign.
        ("A lake. No people. No boats. Calm.", ["Topic: lake", "Mood: Calm"], ("people", "boats")),
        ("a wall. No Parking sign.", ["Topic: wall", "Scene object: No Parking sign"], ()),
        # Other words for "without", and what is excepted.
        ("a house w/ a red door and w/o windows", ["Topic: house", "Scene object: red door"], ("windows",)),
        ("a beach, nobody else around, only footprints", ["Topic: beach", "Scene object: footprints"], ("people",)),
        ("a street, leave out cars", ["Topic: street"], ("cars",)),
        (
            "a living room with no furniture except a red armchair",
            ["Topic: living room", "Scene object: red armchair"],
            ("furniture",),
        ),
        # No negation at all.
        ("a no parking sign on a wall", ["Topic: no parking sign", "Scene object: wall"], ()),
        ("a playground not only for kids", ["Topic: playground", "Audience: kids"], ()),
        ("a desert, nothing but dunes", ["Topic: desert", "Scene object: dunes"], ()),
        ("a girl who's smiling", ["Topic: girl", "Scene object: smiling"], ()),
        ("tickets free of charge", ["Topic: tickets free", "Scene object: charge"], ()),
        ("not sure, maybe a castle?", ["Topic: castle"], ()),
        ("the owner's dog", ["Topic: owner's dog"], ()),
        ('a sign that says "Don\'t walk"', ["Topic: sign", 'Scene object: "Don\'t walk"'], ()),
        ('a "Don\'t walk" sign', ['Topic: "Don\'t walk" sign'], ()),
        ('"a beach without people"', ["Topic: beach"], ("people",)),
        ("not only cats but also dogs", ["Topic: cats", "Scene object: dogs"], ()),
    ],
)
def test_what_shall_not_be_there_is_no_wish(text: str, wanted: list[str], without: tuple[str, ...]) -> None:
    wish = read_text(text, load_task("t2i").kinds)
    assert ([str(intent) for intent in wish.intents], wish.without) == (wanted, without)


def test_how_pictures_are_made_is_known_beyond_the_graph() -> None:
    graph, kinds = Mentions(load_graph()), load_task("t2i").kinds
    for technique in load_techniques():
        assert not graph.named(stems(technique.value)), f"the graph has '{technique}'"
        assert load_policy().find_denied(technique.value) is None, technique
        assert read_text(f"a castle, {technique.value}", kinds).intents == (Intent("Topic", "castle"), technique)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("an old sailor, 85mm lens, f/1.8, moody", ["Style: 85mm lens", "Style: f/1.8", "Mood: moody"]),
        ("a dog, 35mm film, ISO 100, DSLR, HDR", ["Style: 35mm film", "Style: ISO 100", "Style: DSLR", "Style: HDR"]),
        ("cinematic shot of a wolf, film grain", ["Style: cinematic shot", "Style: film grain"]),
        ("voxel art of a house", ["Style: voxel art"]),
    ],
)
def test_what_cameras_do_is_no_thing(text: str, wanted: list[str]) -> None:
    assert list(map(str, read_text(text, load_task("t2i").kinds).intents))[1:] == wanted


def test_behind_for_stands_an_audience_or_else_an_occasion() -> None:
    named = {(node.kind, node.value) for node in load_graph().nodes()}
    known = [value for kind, value in named if kind in {"Audience", "Occasion"}]
    assert len(known) > 100
    for value in known:
        kind = "Audience" if ("Audience", value) in named else "Occasion"
        intent = read_text(f"a lighthouse for the {value}", load_task("t2i").kinds).intents[1]
        assert (intent.kind, intent.value) == (kind, value)


@given(
    st.sampled_from(task_names()),
    st.lists(st.sampled_from(NODES) | st.from_regex(r"[a-z]{1,12}", fullmatch=True), min_size=1, max_size=30),
    st.sampled_from([" ", ", ", " with ", " for "]),
)
def test_no_word_is_lost_and_the_topic_comes_first(task: str, parts: list[str], between: str) -> None:
    text = between.join(parts)
    wish = read_text(text, load_task(task).kinds)
    intents = wish.intents
    assert len(intents) <= MAX_INTENTS
    assert [intent.kind for intent in intents].count("Topic") == 1
    assert intents[0].kind == "Topic"
    written = text.casefold().translate(_NO_MARKS).split()
    said = (
        " ".join([*(intent.value for intent in intents), *wish.without, "no", "not"])
        .casefold()
        .translate(_NO_MARKS)
        .split()
    )
    assert set(written) - set(said) <= FILLERS


def test_behind_typed_intents_no_word_is_lost_either() -> None:
    text = "Topic: birthday, red balloon on a bench, gold ribbon with stars, candles in deep snow at dawn by the river"
    wish = read_text(text, load_task("t2i").kinds)
    assert len(wish.intents) == MAX_INTENTS
    said = " ".join(intent.value for intent in wish.intents).split()
    assert {"balloon", "bench", "ribbon", "stars", "candles", "snow", "dawn", "river"} <= set(said)


_NO_MARKS = str.maketrans("", "", ",.'")


@pytest.mark.parametrize("text", ["no people", "without people", "no cars, no people", "Nobody"])
def test_a_wish_that_only_says_what_shall_not_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="say what the prompt is about"):
        read_text(text, load_task("t2i").kinds)

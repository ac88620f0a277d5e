"""A request that was held against a student: what to decode for a candidate, and what became of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from promptlet import registry
from promptlet.commands.words import Words, count_words
from promptlet.curation.checks import Examined
from promptlet.engines.base import Decoded, Decoding
from promptlet.errors import UsageError
from promptlet.generation.casing import in_usual_case
from promptlet.generation.faults import chosen_logprobs, repeats, unfinished
from promptlet.generation.openings import Opening, choose, find_openings
from promptlet.generation.ranking import Candidate, intent_coverage
from promptlet.generation.request import Request
from promptlet.generation.terms import BannedTerms, KeptTerm, KeptTerms, misses_article, placed
from promptlet.generation.untaught import Insistence, reword
from promptlet.generation.wanted import fitting, wanted_values, with_room
from promptlet.intents.own_words import Phrase
from promptlet.judges.words import topic_weighted_mean
from promptlet.stemming import terms
from promptlet.student.format import Student
from promptlet.types import MAX_INTENTS, Intent, Intents, Sample, is_plain
from promptlet.vocabulary.spelling import Spelling

_JOINED_SHARE = 2 / 3
"""Of the words that kept terms leave, how many texts with words that the student was not taught may have."""
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What bytes that are no character are decoded to."""
_WISH = "Scene object"
"""As which kind of intent a kept term is put to the student, so that it speaks of the term by itself."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A candidate that is yet to be written."""

    seed: int
    values: dict[str, int]
    """What its commands ask for."""
    order: tuple[KeptTerm, ...]
    forced_ids: tuple[int, ...]
    """Tokens at the end of the decoding's head that the text begins with."""
    decoding: Decoding


@dataclass(frozen=True)
class Plan:
    """A request that this student can be asked for."""

    request: Request
    student: Student
    intents: Intents
    """Those of the request, in the case and the spelling in which the student knows their words."""
    wanted: dict[str, range]
    """By command, the values that satisfy the request."""
    asked: Intents
    """The intents as the student is asked for them."""
    wishes: tuple[str, ...]
    """Kept terms of which it shall speak by itself."""
    kept: KeptTerms
    banned: BannedTerms
    forbidden: tuple[int, ...]
    """Tokens that write a banned word."""
    spelling: Spelling
    """Of words of the intents that the student knows in another one."""
    insisted: tuple[str, ...]
    """Values of intents that the student must write, if there is room, for it leaves them out otherwise."""
    terms_apart: bool
    """Whether kept terms stand between commas, for the student finds no place for them."""
    openings: tuple[Opening, ...] = ()
    """How texts begin that are begun for the student, in turn."""
    first: Plan | None = None
    """The plan of the request as it came, if this one was made of it for what the first texts lacked."""

    @cached_property
    def known(self) -> frozenset[str]:
        """Words that the student was taught, or that the request has."""
        own = (*self.request.keep, *(intent.value for intent in self.request.intents))
        return self.student.words.union(*map(terms, own))

    @cached_property
    def untaught(self) -> tuple[str, ...]:
        """Words of the wish that the student was not taught."""
        return tuple(self.student.untaught(intent.value for intent in self.request.intents))

    @cached_property
    def _demanded(self) -> tuple[Examined, ...]:
        """What a text must say."""
        terms = (term.written for term in self.kept.terms)
        return tuple(map(self._examined, (*terms, *(intent.value for intent in self.request.intents))))

    def _examined(self, text: str) -> Examined:
        return Examined.of(Sample(self.request.intents, self.request.task, text), self.banned.policy)

    @classmethod
    def of(cls, request: Request, student: Student, insisted: tuple[str, ...] = (), terms_apart: bool = False) -> Self:
        """Return the plan of a request.

        Raises:
            UsageError: for what the student does not know, and for demands that contradict each other.
        """
        if request.task not in student.tasks:
            raise UsageError(registry.unknown("task", request.task, student.tasks), "task")
        kept = KeptTerms(request.keep)
        values = [intent.value for intent in request.intents]
        spelling = Spelling.of(values, student.knows).sparing(request.keep)
        unwanted = map(Spelling.of(request.ban, student.knows).asked, request.ban)
        banned = BannedTerms(tuple(dict.fromkeys((*request.ban, *unwanted))), student.policy, values)
        for term in kept.raw:
            if why := banned.objection(term):
                raise UsageError(f"the term '{term}' can't be kept: {why}", "keep")
        for intent in request.intents:
            if why := banned.objection(intent.value):
                raise UsageError(f"the intent '{intent}' can't be expressed: {why}", "intents")
        wanted = wanted_values(request, student)
        respelled = (replace(intent, value=spelling.asked(intent.value)) for intent in request.intents)
        intents = in_usual_case(tuple(respelled), student, request.text)
        asked, wishes = intents, tuple(term.spoken for term in kept.terms)
        if Words.name in wanted and (request.exact or request.keep or insisted):
            room = int(_JOINED_SHARE * (wanted[Words.name][-1] - kept.words))
            stand_in = student.tasks[request.task].stand_in
            firm = Insistence(insisted, terms_apart, request.in_own_words(asked) if insisted else Phrase())
            words = reword(asked, kept.terms, student, room, stand_in, firm, banned.find)
            joined = KeptTerms(request.keep, words.terms)
            if joined.words < wanted[Words.name][-1]:
                asked, wishes, kept = words.intents, words.wishes, joined
        if Words.name in wanted and kept.words >= wanted[Words.name][0]:
            wanted[Words.name] = with_room(wanted[Words.name], kept.words)
        forbidden = banned.tokens(student.codec.tokenizer.get_vocab()) if request.ban else ()
        if unknown := [token for token in request.logit_bias if token >= len(student.codec)]:
            known_tokens = f"this student has 0 to {len(student.codec) - 1}"
            raise UsageError(f"logit_bias: {unknown[0]} is no token; {known_tokens}", "logit_bias")
        if request.free_text:
            asked = fitting(asked, request.task, student)
        plan = cls(
            request, student, intents, wanted, asked, wishes, kept, banned, forbidden, spelling, insisted, terms_apart
        )
        head = plan.draft(0).decoding.head  # intents that are too long are refused before anything is written
        plan._check_room(student.description.context - len(head))
        return plan

    def insisting(self, candidates: Sequence[Candidate]) -> Plan:
        """Return a plan by which the student must write what most candidates leave out, in part or wholly.

        If most say what they would not have said but for the kept terms, these are put aside.
        """
        half = len(candidates) / 2
        forced = sum(each.forced for each in candidates) > half
        more = [
            intent.value
            for index, intent in enumerate(self.intents)
            if intent.value not in self.insisted
            and (
                sum(each.coverage[index] < 1 for each in candidates) > half or (forced and self._partly_taught(intent))
            )
        ]
        terms_apart = self.terms_apart or (forced and not all(term.joined for term in self.kept.terms))
        if not more and terms_apart == self.terms_apart:
            return self
        insisted = (*self.insisted, *more)
        try:
            plan = Plan.of(self.request, self.student, insisted, terms_apart)
        except UsageError:  # that the terms have no room is the fault of these, not of the request
            return replace(self, insisted=insisted, terms_apart=terms_apart)
        begun = next((term for term in plan.kept.terms if term.first), None)
        if begun is None:
            return replace(plan, first=self.first or self)
        openings = [Opening("", begun), *find_openings([each.prompt for each in candidates], begun)]
        random.Random(candidates[0].seed).shuffle(openings)
        return replace(plan, openings=tuple(openings), first=self.first or self)

    def _partly_taught(self, intent: Intent) -> bool:
        """Return whether the student was taught some of the words only, which the grammar may force out of place."""
        known = [self.student.knows(word) for word in intent.value.split()]
        return any(known) and not all(known)

    def _check_room(self, room: int) -> None:
        """Refuse kept terms that have more tokens than the student can write behind its head."""
        if not self.kept.terms:
            return
        kept = sum(len(self.student.codec.ids(term.spoken)) for term in self.kept.terms)
        others = max(0, self.wanted[Words.name][0] - self.kept.words) if self.request.exact else 0
        if kept + others >= room:  # a token for each other word and one for the end, at the least
            message = f"the kept terms are {kept} tokens long; this student has room for {room - others - 1}"
            raise UsageError(message, "keep")

    def draft(self, seed: int, index: int = 0) -> Draft:
        """Return the candidate of a seed, which is the index-th of its request."""
        values = {name: self.student.commands[name].draw(wanted, seed) for name, wanted in self.wanted.items()}
        planned, grammar = dict(values), None
        order: tuple[KeptTerm, ...] = ()
        opening = ""
        if Words.name in values:
            command = self.student.commands[Words.name]
            own = values[Words.name] - self.kept.added_words
            planned[Words.name] = max(own, command.values()[0])
            if self.request.exact or self.kept.terms:
                rng = random.Random(seed)
                order = self.kept.order(rng)
                unplaced: Sequence[KeptTerm] = order
                if self.openings:
                    begun, *unplaced = order
                    chosen = choose(self.openings, index, begun, own - sum(count_words(each.spoken) for each in order))
                    opening, order = chosen.text(rng), (chosen.term, *unplaced)
                placed_terms = placed(unplaced, rng, own)
                grammar = command.grammar(own if self.request.exact else None, placed_terms, count_words(opening))
        ids = tuple(self.student.codec.ids(opening)) if opening else ()
        head = [*self._head(planned), *ids]
        room = self.student.description.context - len(head)
        bias = tuple(self.request.logit_bias.items())
        decoding = Decoding(tuple(head), room, seed, self.request.sampling, grammar, self.forbidden, bias)
        return Draft(seed, values, order, ids, decoding)

    def judge(self, draft: Draft, decoded: Decoded) -> Candidate:
        """Return the candidate that was written."""
        request, forced, drawn = self.request, draft.forced_ids, len(decoded.ids)
        if forced:  # these tokens were no choice of the student's
            ids = (*forced, *decoded.ids)
            text = self.student.codec.decode(list(ids))
            decoded = replace(decoded, text=text, ids=ids, logprobs=(*[0.0] * len(forced), *decoded.logprobs))
        answer = self._examined(decoded.text)
        sample = replace(answer.sample, prompt=self.spelling.wished(self.kept.render(decoded.text, draft.order)))
        covered = intent_coverage(request.intents, sample.prompt)
        adherence = {
            name: command.score(draft.values[name], sample)
            for name, command in self.student.commands.items()
            if not command.judged
        }
        return Candidate(
            seed=draft.seed,
            values=draft.values,
            prompt=sample.prompt,
            tokens=drawn,
            logprobs=chosen_logprobs(decoded, draft.order, self.student.codec),
            log_probability=round(sum(decoded.logprobs), 4),
            rejection=self._rejection(decoded.text, sample.prompt, adherence),
            adherence=adherence,
            coverage=covered,
            relevance=round(topic_weighted_mean(sample, covered), 4),
            repeats=repeats(answer, self._demanded),
            untaught=not self.known.issuperset(answer.terms),
            unfinished=unfinished(answer, decoded),
            ungrammatical=misses_article(sample.prompt, self.kept.terms),
            insisted=tuple(
                self.spelling.wished(value)
                for value in self.insisted
                if any(value in term.written for term in self.kept.terms)
            ),
            repeatable=self.first is None or self.first.draft(draft.seed) == draft,
        )

    def _head(self, values: dict[str, int]) -> list[int]:
        """Return the ids that ask for a prompt. Kept terms are wished for too, as far as the student has room."""
        codec, intents, task = self.student.codec, self.asked, self.request.task
        head = codec.head(intents, task, values)
        self.student.check_head(head)
        for wish in self.wishes:
            wider = (*intents, Intent(_WISH, wish))
            longer = codec.head(wider, task, values)
            if len(wider) <= MAX_INTENTS and len(longer) <= self.student.description.longest_head:
                intents, head = wider, longer
        return head

    def _rejection(self, text: str, prompt: str, adherence: dict[str, int]) -> str | None:
        """Return what must not be and is, or None, in what the student wrote and the prompt that was made of it."""
        if not prompt:
            return "is empty"
        if not is_plain(prompt) or (_REPLACEMENT in text and not any(_REPLACEMENT in term for term in self.kept.raw)):
            return "holds what is no text"
        if self.request.exact and adherence.get(Words.name):
            return "has not the words asked for"
        if missing := self.kept.missing(prompt):
            return f"lacks '{missing}'"
        if self.banned.objection(prompt):
            return "says what is banned or denied"
        return None

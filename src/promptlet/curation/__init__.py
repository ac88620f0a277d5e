"""Curation (paper, section 3.1.3 and 3.3.2): which of a teacher's answers are fit to learn from, and how good they are.

`examining` cleans an answer and says what is wrong with it, by `checks`; `duplicates` finds answers that say the same,
`openers` those that begin the same; `hindsight` makes further samples of what an answer achieved.
"""

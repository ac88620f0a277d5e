"""Curation (paper, section 3.1.3 and 3.3.2): which of a teacher's answers are fit to learn from, and how good they are.

`checks` says why an answer is rejected, `relevance` how much of the intents it expresses, `duplicates` which answers
say the same, `openers` which begin the same.
"""

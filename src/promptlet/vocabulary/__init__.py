"""The vocabulary policy (paper, section 3.3.2): which words may not occur, why, and which are approved."""

from promptlet.vocabulary.dictionary import dictionary_words, in_dictionary
from promptlet.vocabulary.policy import Finding, Policy, load_policy

__all__ = ["Finding", "Policy", "dictionary_words", "in_dictionary", "load_policy"]

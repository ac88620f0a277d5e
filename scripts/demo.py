"""What `make demo` shows: both examples of the paper's Table 1 at four lengths, from the shipped student."""

from __future__ import annotations

import promptlet
from promptlet.evaluation.suites import TABLE_3

WISHES = {
    "t2i": ("Topic: birthday", "Scene object: balloon"),
    "t2t": ("Topic: birthday party", "Design type: invitation"),
}


def main() -> None:
    """Print the prompts with their word counts, and how fast they came."""
    generator = promptlet.load()
    tokens = seconds = 0.0
    for task, intents in WISHES.items():
        print(f"\n{', '.join(intents)}  ({task})")
        for words in TABLE_3:
            prompt = generator.generate(intents, task=task, words=words, seed=1)[0]
            tokens += prompt.tokens
            seconds += prompt.seconds
            print(f"  {prompt.words:>2} words  {prompt.prompt}")
    print(f"\n{generator.student.description.name}: {tokens / seconds:.0f} tokens/s on this machine")


if __name__ == "__main__":
    main()

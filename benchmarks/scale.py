"""What a number of kept pairs costs in time, machines, disk and money, for teachers of given rates and prices.

python benchmarks/scale.py [--pairs 52000000] [--days 30] [--teacher "NAME,ANSWERS/S,KEPT,$/H,$/M IN,$/M OUT"]...

A teacher's rate is that of one unit: two CPU cores, one GPU, one account. The defaults are those of docs/scale.md.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

TOKENS_IN, TOKENS_OUT = 326, 24
"""Of a request with five exemplars and an answer, measured over 10,745 answers; the tuned teacher reads 44."""
SECONDS_PER_DAY, GIGA = 86_400, 1e9


@dataclass(frozen=True)
class Teacher:
    """One unit of a teacher; prices in dollars per hour and per million tokens read and written."""

    name: str
    rate: float
    kept: float
    per_hour: float
    per_input: float
    per_output: float

    @classmethod
    def parse(cls, text: str) -> Teacher:
        """Return the teacher of a line of six fields."""
        name, *numbers = text.split(",")
        if len(numbers) != 5:
            raise argparse.ArgumentTypeError(f"'{text}' has {len(numbers) + 1} fields; 6 are expected")
        return cls(name.strip(), *map(float, numbers))


TEACHERS = (
    Teacher("SmolLM2-135M, tuned, 2 CPU cores", 12, 0.87, 0.085, 0, 0),
    Teacher("SmolLM2-135M, tuned, one H100", 1950, 0.87, 2.0, 0, 0),
    Teacher("8B, vLLM, one H100, cautious", 3400 / TOKENS_OUT, 0.9, 2.0, 0, 0),
    Teacher("8B, vLLM, one H100, tuned", 12_500 / TOKENS_OUT, 0.9, 2.0, 0, 0),
    Teacher("hosted API, batch prices", 100, 0.9, 0, 0.075, 0.30),
)


def main() -> None:
    """Print a Markdown table of teachers, then what is the same for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=float, default=52e6, help="pairs that are kept")
    parser.add_argument("--days", type=float, default=30, help="days in which it should be done")
    parser.add_argument("--teacher", type=Teacher.parse, action="append")
    parser.add_argument("--journal", type=float, default=250, help="bytes of an answer in the journal")
    parser.add_argument("--raw", type=float, default=54, help="bytes of a raw row (Parquet)")
    parser.add_argument("--curated", type=float, default=49, help="bytes of a kept row (Parquet)")
    parser.add_argument("--rejected", type=float, default=66, help="bytes of a rejected row (Parquet)")
    parser.add_argument("--curation", type=float, default=12_000, help="pairs curated per second on two cores")
    arguments = parser.parse_args()
    days = arguments.days
    print(f"| teacher | answers/s | kept | answers | days on one | units for {days:g} days | disk GB | curate h | $ |")
    print("|---|---|---|---|---|---|---|---|---|")
    for teacher in arguments.teacher or TEACHERS:
        answers = arguments.pairs / teacher.kept
        alone = answers / teacher.rate / SECONDS_PER_DAY
        disk = answers * (arguments.journal + arguments.raw) + arguments.pairs * arguments.curated
        disk += (answers - arguments.pairs) * arguments.rejected
        money = alone * 24 * teacher.per_hour
        money += answers * (TOKENS_IN * teacher.per_input + TOKENS_OUT * teacher.per_output) / 1e6
        cells = [teacher.name, f"{teacher.rate:.0f}", f"{teacher.kept:.0%}", f"{answers / 1e6:.1f} M", f"{alone:,.1f}"]
        cells += [f"{math.ceil(alone / days)}", f"{disk / GIGA:.1f}"]
        cells += [f"{answers / arguments.curation / 3600:.1f}", f"{money:,.0f}"]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

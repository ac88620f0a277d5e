"""Publish a finished run's pairs: train.parquet, validation.parquet and a dataset card from the run's manifests.

python scripts/publish_data.py runs/default data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from promptlet.errors import PromptletError
from promptlet.reports.card import publish


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("--licence", help="of the data, as Hugging Face names it (default: apache-2.0)")
    parser.add_argument("--name", default="Promptlet pairs", help="the data set's title")
    parser.add_argument("--teacher", help="who wrote the prompts, where the run was given them")
    parser.add_argument("--note", default="", help="more about how they were made")
    arguments = parser.parse_args()
    try:
        print(
            publish(
                arguments.run, arguments.folder, arguments.licence, arguments.name, arguments.teacher, arguments.note
            )
        )
    except PromptletError as error:
        print(f"publish_data: {error}", file=sys.stderr)
        raise SystemExit(error.exit_status) from error


if __name__ == "__main__":
    main()

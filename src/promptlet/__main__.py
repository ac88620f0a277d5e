"""`python -m promptlet` is the `promptlet` command."""

from promptlet.cli.main import main

main()

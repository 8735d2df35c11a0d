"""`python -m cirkit` is the command line."""

from cirkit.cli import main

main()

"""`python -m local` is `./guichet`."""

from local.cli import main

main()

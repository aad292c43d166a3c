"""`python -m partnerauth` is `partnerauth`."""

from partnerauth.cli import main

main()

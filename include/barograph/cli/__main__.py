"""`python -m barograph.cli`; and where `make docs` finds the commands."""

from barograph.cli import make_app, main

app = make_app()

if __name__ == "__main__":
    main()

"""`python -m barograph.cli`; and where `make docs` finds the commands."""

from barograph.cli import main, make_app

app = make_app()

if __name__ == "__main__":
    main()

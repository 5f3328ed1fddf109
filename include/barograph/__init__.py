"""Barograph turns serial sensors into trusted history. Start at ARCHITECTURE.md."""

__version__ = "0.1.0"

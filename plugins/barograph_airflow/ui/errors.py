"""What a visitor is told instead of a page."""

from barograph.errors import BarographError


class Refused(BarographError):
    """What was asked for makes no sense."""


class NotHere(BarographError):
    """There is nothing of that name."""

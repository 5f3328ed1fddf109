"""Take secrets out of what libraries say. A token stands in URLs that they quote in errors, whole or in parts."""

from __future__ import annotations

import re
from urllib.parse import unquote

SHORT = 5
"""Parts of a URL that are shorter hide nothing, and would hit words."""


def redacted(text: str, *secrets: str) -> str:
    """The text without the secrets, and without any part of a URL among them that may let somebody in."""
    parts = {part for secret in secrets for part in _parts(secret)}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def _parts(secret: str) -> set[str]:
    lines = [line.strip() for line in secret.splitlines() if line.strip()]
    found = {secret.strip(), *lines}
    for line in lines:
        if "://" in line:
            found |= set(re.split(r"[/?&=@#:,]+", line.partition("://")[2]))
    found |= {unquote(part) for part in found}
    return {part for part in found if len(part) >= SHORT}

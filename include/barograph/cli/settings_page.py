"""docs/settings.md: what can be set, as settings.py says it. `make docs` runs this with the page's path."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from barograph import destinations, settings
from barograph.destinations import Destination, KafkaTarget, ParquetTarget, WebhookTarget
from barograph.settings import PREFIX, Section, Settings

INTRODUCTION = """\
# Settings

What can be set, where it stands without that, and what it changes. Written by `make docs` from `settings.py`.

A setting comes from, first found wins: an environment variable, `settings.yaml` in the data folder, the default here.
These two say the same:

```yaml
# settings.yaml
ingest: {interval: 10}
```

```bash
export BAROGRAPH_INGEST__INTERVAL=10
```

The data folder is `BAROGRAPH_HOME`, or `.barograph` in the checkout. A mistake is named by file, line and field before
anything starts. `barograph reload` reads sites again, not settings: those are read once, when a process starts.
"""


def page() -> str:
    said: dict[tuple[str, str], str] = {}
    for module in (settings, destinations):
        said |= documented(inspect.getsource(module))
    parts = [INTRODUCTION, *_table("Of the whole deployment", Settings, said, "")]
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            parts += _table(f"`{name}`", field.annotation, said, f"{name}.")
    parts += _table("Each of `targets`", Destination, said, "")
    for kind in (KafkaTarget, ParquetTarget, WebhookTarget):
        [word] = get_args(kind.model_fields["kind"].annotation)
        parts += _table(f"Also each of `targets` with kind `{word}`", kind, said, "", without=Destination)
    return "\n".join(parts)


def documented(source: str) -> dict[tuple[str, str], str]:
    """(class, field) -> the text below the field."""
    said: dict[tuple[str, str], str] = {}
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                text = ast.literal_eval(below.value) if isinstance(below.value, ast.Constant) else ""
                said[node.name, field.target.id] = " ".join(str(text).split())
    return said


def _table(
    title: str,
    model: type[BaseModel],
    said: dict[tuple[str, str], str],
    prefix: str,
    without: type[BaseModel] = BaseModel,
) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| setting | default | |\n|---|---|---|"
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            continue
        if name in without.model_fields:
            continue
        text = f"{said.get((model.__name__, name), '')} {_choices(field.annotation)}"
        yield f"| `{prefix}{name}` | {_default(name, field)} | {_cell(text.strip())} |"
    yield ""


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return f"`{PREFIX}HOME`" if name == "home" else "required"
    default = field.default
    if default is None or default == [] or default == {}:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return ", ".join(f"`{each}`" for each in default)
    if isinstance(default, float) and default.is_integer():
        return f"{default:.0f}"
    if isinstance(default, str | Path):
        return f"`{default}`" if str(default) else "empty"
    return str(default)


def _choices(annotation: Any) -> str:
    """The words that are allowed, where there are several."""
    if get_origin(annotation) is not Literal or len(get_args(annotation)) < 2:
        return ""
    return f"One of {', '.join(f'`{word}`' for word in get_args(annotation))}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")

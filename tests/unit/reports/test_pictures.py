"""What numbers cannot say of a chart: that letters lie where they can be read, and nothing hides anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.testing.compare import compare_images

from barograph.reports import canvas

from .pictures import BASELINES, WANTED, pictures

TOLERANCE = 2.0
"""Root mean square of the difference of 8-bit pixels: another build of FreeType stays below, a lost label does not."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    for name, png in pictures(tmp_path_factory.mktemp("archive")):
        (folder / f"{name}.png").write_bytes(png)
    return folder


@pytest.mark.parametrize("name", WANTED)
def test_a_chart_looks_as_it_did(drawn: Path, name: str):
    """When it should look otherwise: `python -m tests.unit.reports.pictures`, and look at each of them."""
    assert compare_images(str(BASELINES / f"{name}.png"), str(drawn / f"{name}.png"), TOLERANCE) is None


@pytest.mark.parametrize("lost", ["axhspan", "axhline", "axvspan", "text"])
def test_what_is_lost_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str):
    """The tolerance is small enough: without bands, limits, gaps and alarms, or letters a curve is another picture."""
    whole = getattr(Axes, lost)

    def hidden(axes: Axes, *places: object, **look: object) -> object:
        artist = whole(axes, *places, **look)
        artist.set_visible(False)
        return artist

    canvas._frames.clear()
    monkeypatch.setattr(Axes, lost, hidden)
    name, png = next(pictures(tmp_path / "archive"))
    (tmp_path / f"{name}.png").write_bytes(png)
    canvas._frames.clear()

    assert compare_images(str(BASELINES / f"{name}.png"), str(tmp_path / f"{name}.png"), TOLERANCE) is not None

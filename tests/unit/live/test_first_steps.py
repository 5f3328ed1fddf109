from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from barograph.live.first_steps import DEMO, all_done, first_steps, shipped
from barograph.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    shutil.copytree(DEMO, tmp_path / "sites" / "demo")
    return Settings(home=tmp_path)


def test_of_the_demo_nothing_is_ones_own_yet(settings: Settings):
    steps = first_steps(settings, heard={"fridge-dairy"}, known={"fridge-dairy"})

    assert shipped(settings.sites_folder / "demo")
    assert ["", "", "", ""] == [step.done for step in steps]


def test_each_step_is_done_when_its_file_is_there_or_its_sensor_spoke(settings: Settings):
    own = settings.sites_folder / "plant"
    own.mkdir()
    for name in ("site.yaml", "rules.yaml", "contacts.yaml"):
        assert not all_done(first_steps(settings, {"x"}, set()))
        (own / name).write_text("site: plant")

    steps = first_steps(settings, {"x"}, set())

    assert all_done(steps)
    assert ["x", "sites/plant/site.yaml", "sites/plant/rules.yaml", "sites/plant/contacts.yaml"] == [
        step.done for step in steps
    ]


def test_a_demo_that_somebody_edited_is_his_own(settings: Settings):
    page = settings.sites_folder / "demo" / "rules.yaml"
    page.write_text(page.read_text() + "\n# mine\n")

    assert "sites/demo/rules.yaml" == first_steps(settings, (), ())[2].done

"""Targets in settings.yaml: a mistake is named before anything starts."""

import pytest

from barograph.errors import SettingsError
from barograph.settings import load_settings

HOOK = "{name: hook, kind: webhook, what: [alarms], url: 'https://pager.example/in', secret: pager_key}"


def read(home, *targets):
    lines = "".join(f"  - {target}\n" for target in targets)
    (home / "settings.yaml").write_text(f"targets:\n{lines}")
    return load_settings(home)


def test_three_kinds_are_read(tmp_path):
    found = read(
        tmp_path,
        HOOK,
        "{name: bus, kind: kafka, what: [readings, windows], topics: {windows: shop-windows}}",
        "{name: lake, kind: parquet, what: [windows], folder: /srv/lake, begin: first}",
    ).targets

    assert ["hook", "bus", "lake"] == [target.name for target in found]
    assert ["refined", "shop-windows", "alarms"] == [found[1].topic(what) for what in ("readings", "windows", "alarms")]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("{name: a, kind: mqtt, what: [alarms]}", "kafka"),
        ("{name: a, kind: parquet, what: [alarms]}", "folder: is missing"),
        ("{name: a, kind: parquet, what: [], folder: x}", "at least 1"),
        ("{name: a, kind: parquet, what: [alarm], folder: x}", "'readings', 'windows' or 'alarms'"),
        ("{name: A b, kind: parquet, what: [alarms], folder: x}", "name"),
        (HOOK.replace("https:", "file:"), "must begin with http://"),
        (HOOK.replace("//pager", "//me:pass@pager"), "must not hold a password"),
        (HOOK.replace("//pager.example", "//pager:99999"), "url"),
        (HOOK.replace("pager_key", "../key"), "secret"),
        (HOOK.replace("}", ", timeouts: 3}"), "Did you mean `timeout`"),
        ("{name: a, kind: kafka, what: [windows], topics: {windows: 'a b'}}", "topics"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path, target, said):
    with pytest.raises(SettingsError, match=r"settings.yaml:2: targets\.0") as refused:
        read(tmp_path, target)
    assert said in str(refused.value)


def test_two_of_one_name_would_have_one_place(tmp_path):
    with pytest.raises(SettingsError, match="hook stands there twice"):
        read(tmp_path, HOOK, HOOK)


def test_what_we_write_we_must_not_read(tmp_path):
    """Refined readings in the topic of readings would come round again and again."""
    with pytest.raises(SettingsError, match="bus would write to readings"):
        read(tmp_path, "{name: bus, kind: kafka, what: [readings], topics: {readings: readings}}")

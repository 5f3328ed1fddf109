"""How messages say things, in English and Chinese. Templates ask for words by name: `{{ t.since }}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from barograph.metrics import metric
from barograph.notify.contacts import Language

MINUS = "\N{MINUS SIGN}"

WORDS: dict[str, tuple[str, str]] = {
    "opened": ("Alarm", "告警"),
    "already": ("Open already", "此前已告警，尚未恢复"),
    "escalated": ("Nobody has acknowledged", "无人确认"),
    "reopened": ("Open again", "再次告警"),
    "raised": ("Worse", "告警升级"),
    "repeated": ("Still open", "仍未恢复"),
    "passed": ("Came and went", "已发生并恢复"),
    "happened": ("Happened", "已发生"),
    "cleared": ("Over", "已恢复"),
    "withdrawn": ("Withdrawn", "已撤回"),
    "withdrawn_why": (
        "Later data show that it was none. What you were told before does not hold.",
        "后到的数据表明并无此告警，先前的通知作废。",
    ),
    "passed_why": ("It was over before this could be told.", "在发出本通知之前已恢复。"),
    "already_why": ("It opened before you were to be told of it.", "该告警发生时尚未将您列为通知对象。"),
    "escalated_why": ("You are told because nobody has acknowledged it.", "因无人确认，现通知您。"),
    "provisional": ("Not confirmed yet.", "尚待确认。"),
    "acknowledged": ("Somebody has acknowledged it.", "已有人确认。"),
    "warning": ("warning", "警告"),
    "minor": ("minor", "次要"),
    "major": ("major", "重要"),
    "critical": ("critical", "严重"),
    "limit": ("limit", "限值"),
    "worst": ("worst", "极值"),
    "since": ("since", "自"),
    "from": ("from", "自"),
    "until": ("until", "至"),
    "lasted": ("lasted", "持续"),
    "site": ("Site", "站点"),
    "zone": ("Zone", "区域"),
    "rule": ("Rule", "规则"),
    "device": ("Device", "设备"),
    "measured": ("Measured", "测量值"),
    "alarms": ("alarms", "条告警"),
    "open": ("open", "未恢复"),
    "over": ("over", "已恢复"),
    "more": ("more, not listed here", "条未列出"),
    "look": ("Open in Barograph", "在 Barograph 中查看"),
    "as_of": ("As of", "截至"),
    "late": ("Sent late: it could not be delivered before.", "延迟送达：此前无法投递。"),
    "test": ("Test", "测试"),
    "test_why": (
        "Somebody asked for it: nothing has happened. Alarms will reach you here.",
        "这是一条测试消息，并未发生任何情况。告警将发送到这里。",
    ),
    "why_you": ("You are told as the contact", "您收到此消息，因为您是联系人"),
    "last_hours": ("The last hours", "最近几小时"),
    "nothing": ("no value", "无数值"),
    "about_itself": ("About Barograph itself", "关于 Barograph 自身"),
}
"""(English, Chinese)"""

CHINESE = {
    "temperature": "温度", "humidity": "相对湿度", "pressure": "气压", "voltage": "电压", "co2": "二氧化碳",
    "door": "门", "light": "光照", "dew_point": "露点", "pm2_5": "PM2.5", "pm10": "PM10",
}  # fmt: skip
"""Metrics by their Chinese names; the others by their label."""

UNITS = (("d", "天", 86_400), ("h", "小时", 3_600), ("min", "分钟", 60), ("s", "秒", 1))


def words(language: Language) -> SimpleNamespace:
    return SimpleNamespace(**{name: said[language == "zh"] for name, said in WORDS.items()})


MEASURES: dict[str, tuple[str, str]] = {
    "deviation": ("deviation", "偏差"),
    "rate": ("change per minute", "每分钟变化"),
    "mkt": ("mean kinetic temperature", "平均动力学温度"),
    "cumulative": ("time beyond the limit", "超限累计时间"),
    "n_of_m": ("readings beyond the limit", "超限读数"),
    "quality": ("share of bad readings", "不良读数比例"),
    "missing": ("silence", "无数据"),
    "error_code": ("error code", "错误代码"),
}
"""What rules of a kind measure, where that is not the metric itself."""


def measure(alarm: Mapping[str, Any], language: Language) -> str:
    """What the value of an alarm is: `Temperature`, `Temperature, time beyond the limit`, `Silence`."""
    label = metric_name(alarm["metric"], alarm["metric_label"], language)
    if alarm["kind"] not in MEASURES:
        return label
    what = MEASURES[alarm["kind"]][language == "zh"]
    return what[:1].upper() + what[1:] if alarm["kind"] == "missing" else f"{label}, {what}"


def found(alarm: Mapping[str, Any], language: Language = "en") -> str:
    """What a row of `alarms` is about, on one line: `Temperature 11.3 °C, limit 8 °C`, `Silence 6 min, limit 5 min`."""
    row = {**alarm, "metric_label": metric(alarm["metric"]).label, "code": (alarm["thresholds"] or {}).get("code")}
    said = [measure(row, language)] + ([measured(row, row["value"], language)] if row["value"] is not None else [])
    limit = [] if row["limit"] is None else [f"{words(language).limit} {measured(row, row['limit'], language)}"]
    return ", ".join([" ".join(said), *limit])


def measured(alarm: Mapping[str, Any], value: float | None, language: Language) -> str:
    """A value of the alarm's kind, with its unit."""
    if value is None:
        return WORDS["nothing"][language == "zh"]
    match alarm["kind"]:
        case "missing" | "cumulative":
            return duration(timedelta(seconds=value), language)
        case "quality":
            return f"{value:.0%}"
        case "n_of_m":
            return f"{value:.0f}"
        case "rate":
            return f"{value:.3g} {metric(alarm['metric']).unit}/min".replace("-", MINUS)
        case "error_code":
            code = alarm.get("code")
            return f"{code:g}" if isinstance(code, int | float) else ""
    return quantity(value, alarm["metric"])


def limited(alarm: Mapping[str, Any], language: Language) -> str:
    """The limit of an alarm as a person wrote it, 8 and not 8.0; nothing where its kind has none."""
    value = alarm["limit"]
    if value is None or alarm["kind"] == "error_code":
        return ""
    if alarm["kind"] in MEASURES and alarm["kind"] not in ("deviation", "mkt"):
        return measured(alarm, value, language)
    return f"{value:g} {metric(alarm['metric']).unit}".strip().replace("-", MINUS)


def metric_name(name: str, label: str, language: Language) -> str:
    return CHINESE.get(name, label) if language == "zh" else label


def quantity(value: float, name: str) -> str:
    """As fine as the sensor resolves, with its unit."""
    known = metric(name)
    if known.resolution:
        decimals = max(0, len(f"{known.resolution:.6f}".rstrip("0").partition(".")[2]))
        text = f"{value:.{decimals}f}"
    else:
        text = f"{value:.4g}"
    if not text.strip("-0.e+"):
        text = text.lstrip("-")
    return f"{text.replace('-', MINUS)} {known.unit}".strip()


def local(moment: datetime, timezone: str) -> str:
    """`2026-11-27 14:03:20 CET`: the zone's name tells the two hours apart when clocks go back."""
    return moment.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M:%S %Z")


def duration(length: timedelta, language: Language) -> str:
    """The two largest units: `2 h 5 min`, `2 小时 5 分钟`."""
    left = max(0, int(length.total_seconds()))
    parts: list[str] = []
    for english, chinese, seconds in UNITS:
        count, left = divmod(left, seconds)
        if count and len(parts) < 2:
            parts.append(f"{count} {chinese if language == 'zh' else english}")
        elif parts:
            break
    return " ".join(parts) or ("0 秒" if language == "zh" else "0 s")

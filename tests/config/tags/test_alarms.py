"""Alarms of tags: written and read back, merged in types, carried from and to Ignition's export."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.config.fields import Entry
from plantgate.config.load import load
from plantgate.config.problems import ConfigErrors, Problems
from plantgate.config.tags import files as tagfiles
from plantgate.config.tags.alarms import LONGEST_DELAY, AlarmEntry, alarm_row, keys_of, merged_alarms
from plantgate.config.tags.entries import read_tag
from plantgate.config.tags.ignition.export import to_ignition
from plantgate.config.tags.ignition.reading import from_ignition
from plantgate.config.tags.imports import plan_import, read_rows
from plantgate.config.tags.write import TagRows, csv_text, json_text, row_of, rows_of, toml_text
from plantgate.config.units import duration_text, parse_duration
from plantgate.limits import CONFIG_ALARMS, TAG_ALARMS
from plantgate.model.alarm import AckMode, AlarmDefinition, AlarmMode, Priority
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType
from plantgate.tags.derived import formula_inputs

ALARMS = Path(__file__).parents[1] / "cases" / "valid" / "alarms"

# every alarm that a Float8 tag from 0 to 100 can have

NUMBERS = st.floats(-1e9, 1e9) | st.integers(-(2**40), 2**40)
DELAYS = st.sampled_from([0.0, 0.0005, 0.1, 0.3, 1.0, 2.5, 59.0, 60.0, 5_400.0, 86_400.0, LONGEST_DELAY])
TEXTS = st.text(max_size=12).filter(lambda text: "{" not in text)


@st.composite
def definitions(draw: st.DrawFn) -> AlarmDefinition:
    mode = draw(st.sampled_from([mode for mode in AlarmMode if mode is not AlarmMode.BIT]))
    keys = keys_of(mode)
    wanted: dict[str, Any] = {}
    if "setpoint" in keys:
        formula = draw(st.booleans())
        wanted = {"expression": "{[.]Other} + 1"} if formula else {"setpoint": draw(NUMBERS)}
        if mode in {AlarmMode.EQUAL, AlarmMode.NOT_EQUAL} and not formula:
            wanted["setpoint"] = float(wanted["setpoint"])
    elif "expression" in keys:
        wanted["expression"] = "{value} > 5 && {[.]Other}"
    if "low" in keys:
        low = draw(st.none() | st.floats(-1e6, 1e6))
        wanted |= {
            "low": low,
            "high": (low or 0.0) + draw(st.floats(100, 1e6)) if low is None or draw(st.booleans()) else None,
        }
    if "inclusive" in keys:
        wanted["inclusive"] = draw(st.sampled_from(Bounds))
    if "deadband" in keys:
        wanted |= {"deadband": draw(st.floats(0, 40)), "deadband_mode": draw(st.sampled_from(DeadbandMode))}
    if mode is not AlarmMode.ANY_CHANGE:
        wanted |= {"active_delay": draw(DELAYS), "clear_delay": draw(DELAYS)}
    ack = draw(st.sampled_from(AckMode))
    return AlarmDefinition(
        name=draw(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_ '\-:()]{0,20}", fullmatch=True)),
        mode=mode,
        priority=draw(st.sampled_from(Priority)),
        ack=ack,
        ack_note_required=ack is AckMode.MANUAL and draw(st.booleans()),
        shelvable=draw(st.booleans()),
        enabled=draw(st.booleans()),
        label=draw(TEXTS),
        notes=draw(TEXTS),
        **wanted,
    )


TAGS = st.lists(definitions(), max_size=4, unique_by=lambda alarm: alarm.name).map(
    lambda alarms: TagDefinition("[default]Line/T", DataType.FLOAT8, low=0.0, high=100.0, alarms=tuple(alarms))
)


def read(values: Mapping[str, object], problems: Problems | None = None) -> TagDefinition | None:
    problems = problems or Problems()
    tag = read_tag(Entry(values, lambda _: "a.toml:1"), "tag.T", problems)
    problems.raise_any()
    return tag


@given(TAGS)
def test_an_alarm_that_is_written_is_read_back(tag: TagDefinition) -> None:
    assert read(row_of(tag)) == tag


@pytest.mark.parametrize("suffix", [".toml", ".json", ".csv"])
@given(tag=TAGS)
def test_through_every_form_of_file(tag: TagDefinition, suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = TagRows(tag=[row_of(tag)])
    file = tmp_path_factory.getbasetemp() / f"tags{suffix}"
    file.write_text({".toml": toml_text, ".json": json_text, ".csv": csv_text}[suffix](rows), encoding="utf-8")
    back, _ = read_rows(file)
    assert back == rows
    assert read(back.tag[0]) == tag


@given(TAGS)
def test_texts_are_toml_on_the_short_way_and_the_long(tag: TagDefinition) -> None:
    text = toml_text(TagRows(tag=[row_of(tag)]))
    short = tagfiles._plain_items(text)
    assert short is None or {"tag": short} == tomllib.loads(text)


def test_what_programs_write_takes_the_short_way() -> None:
    alarm = AlarmDefinition("High", AlarmMode.ABOVE, setpoint=80.5, active_delay=5.0, enabled=False, label="x = {y}, z")
    for alarms in ((alarm,), (alarm, AlarmDefinition("Lost", AlarmMode.BAD_QUALITY))):
        text = toml_text(TagRows(tag=[row_of(TagDefinition("[default]T", DataType.FLOAT8, alarms=alarms))]))
        assert tagfiles._plain_items(text) == tomllib.loads(text)["tag"]


@pytest.mark.parametrize(
    "line",
    [
        'alarms = [{ name = "a", name = "b" }]',
        'alarms = [{ name = "a" } { name = "b" }]',
        'alarms = [{ name = "a", }]',
        'alarms = [\n  { name = "a" }\n  { name = "b" },\n]',
        "alarms = [{ name = a }]",
        'alarms = [{ name = "a" },',
    ],
)
def test_what_is_not_toml_is_not_read_on_the_short_way(line: str) -> None:
    assert tagfiles._plain_items(f"[[tag]]\n{line}\n") is None


@given(st.integers(0, 10**9) | st.integers(0, 10**6).map(lambda n: n / 1_000))
def test_times_are_written_as_they_are_read(seconds: float) -> None:
    assert math.isclose(parse_duration(duration_text(seconds)), seconds, rel_tol=1e-12, abs_tol=1e-9)
    assert duration_text(parse_duration(duration_text(seconds))) == duration_text(seconds)


def test_the_shortest_time() -> None:
    assert [duration_text(each) for each in (0.0005, 0.25, 90.0, 7_200.0, 86_400.0, 0.0)] == [
        "0.0005s", "250ms", "90s", "2h", "1d", "0s",
    ]  # fmt: skip


def test_a_plant_with_alarms_is_the_same_plant_after_an_export(tmp_path: Path) -> None:
    before = load(ALARMS, (), {}, formula_check=formula_inputs)
    (tmp_path / "tags").mkdir()
    (tmp_path / "plantgate.toml").write_text("")
    (tmp_path / "tags" / "all.toml").write_text(toml_text(rows_of(before)), encoding="utf-8")
    after = load(tmp_path, (), {}, formula_check=formula_inputs)
    assert sorted(after.tags, key=lambda tag: tag.path) == sorted(before.tags, key=lambda tag: tag.path)


def test_formulas_of_alarms_are_checked(tmp_path: Path) -> None:
    (tmp_path / "plantgate.toml").write_text(
        '[[tag]]\npath = "A"\ntype = "Float8"\n'
        '[[tag.alarms]]\nname = "Good"\nmode = "on_condition"\nexpression = "{value} > {[.]B}"\n'
        '[[tag.alarms]]\nname = "Bad"\nmode = "above"\nexpression = "{value} +"\n'
    )
    with pytest.raises(ConfigErrors) as raised:
        load(tmp_path, (), {}, formula_check=formula_inputs)
    (error,) = raised.value.errors
    assert error.code == "CFG-200"
    assert error.message.startswith("plantgate.toml:11: tag.[default]A.alarms.Bad.expression: ")


def test_there_are_not_more_alarms_than_a_gateway_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alarms = [{"name": f"A{number}", "mode": "bad_quality"} for number in range(TAG_ALARMS)]
    assert read({"path": "T", "type": "Int2", "alarms": alarms})
    with pytest.raises(ConfigErrors, match=f"{TAG_ALARMS + 1} alarms; {TAG_ALARMS} are the most"):
        read({"path": "T", "type": "Int2", "alarms": [*alarms, {"name": "One more", "mode": "bad_quality"}]})
    monkeypatch.setattr("plantgate.config.tags.checks.CONFIG_ALARMS", TAG_ALARMS - 1)
    (tmp_path / "plantgate.toml").write_text(toml_text(TagRows(tag=[{"path": "T", "type": "Int2", "alarms": alarms}])))
    with pytest.raises(ConfigErrors, match=f"{TAG_ALARMS} alarms; {TAG_ALARMS - 1} are the most"):
        load(tmp_path, (), {})
    assert CONFIG_ALARMS > TAG_ALARMS


def test_an_override_from_outside(tmp_path: Path) -> None:
    (tmp_path / "plantgate.toml").write_text('[[tag]]\npath = "A"\ntype = "Float8"\n')
    value = '[{"name": "High", "mode": "above", "setpoint": 5}]'
    (tag,) = load(tmp_path, (f"tag.A.alarms={value}",), {}).tags
    assert [alarm.setpoint for alarm in tag.alarms] == [5]
    with pytest.raises(ConfigErrors, match=r"^--set: tag.\[default\]A.alarms.High.setpoint: missing"):
        load(tmp_path, ('tag.A.alarms=[{"name": "High", "mode": "above"}]',), {})


# types


def test_alarms_are_merged_by_name() -> None:
    base = [
        {"name": "High", "mode": "above", "setpoint": 5, "priority": "low"},
        {"name": "Lost", "mode": "bad_quality"},
    ]
    override = [{"name": "High", "setpoint": 6}, {"name": "Low", "mode": "below", "setpoint": 1}]
    assert merged_alarms(base, override) == [
        {"name": "High", "mode": "above", "setpoint": 6, "priority": "low"},
        {"name": "Lost", "mode": "bad_quality"},
        {"name": "Low", "mode": "below", "setpoint": 1},
    ]
    other = [{"name": "High", "mode": "between", "low": 1}]
    assert merged_alarms(base, other) == [{"name": "High", "mode": "between", "low": 1, "priority": "low"}, base[1]]
    for odd in ("x", [1], [{"name": "High", "mode": []}], None):
        merged_alarms(base, odd)


# Ignition

LEVEL = {
    "name": "Level",
    "tagType": "AtomicTag",
    "valueSource": "memory",
    "dataType": "Float8",
    "engLow": 0,
    "engHigh": 100,
    "value": 1.0,
    "alarms": [
        {
            "name": "High/High %",
            "mode": "AboveValue",
            "setpointA": 90.0,
            "inclusiveA": False,
            "priority": "Critical",
            "deadband": 2.5,
            "deadbandMode": "Percent",
            "timeOnDelaySeconds": 5.0,
            "timeOffDelaySeconds": 0.5,
            "ackMode": "Manual",
            "ackNotesReqd": True,
            "shelvingAllowed": False,
            "label": {"bindType": "Expression", "value": '{Area} + " is full"'},
            "notes": "Close V12.",
            "enabled": False,
            "displayPath": "Hall/Tank",
            "activePipeline": "Plant/Pager",
            "timestampSource": "System",
            "bitPosition": 3,
        },
        {"name": "Plain"},
        {"name": "Tag", "mode": "BelowValue", "setpointA": {"bindType": "Tag", "value": "[.]Limit"}, "priority": 3},
        {"name": "Limit", "mode": "AboveValue", "setpointA": {"bindType": "Expression", "value": "{Limit}"}},
        {"name": "Sum", "mode": "AboveValue", "setpointA": {"bindType": "Expression", "value": "{[.]A} + 1"}},
        {"name": "Range", "mode": "OutsideValues", "setpointA": 10, "setpointB": 20, "inclusiveB": False},
        {"name": "Bound", "mode": "BetweenValues", "setpointA": {"bindType": "Tag", "value": "[.]A"}},
        {"name": "Cond", "mode": "OnCondition", "activeCondition": {"bindType": "Expression", "value": "{[.]A} > 1"}},
        {"name": "None", "mode": "OnCondition"},
        {"name": "Zero", "mode": "Bit", "bitOnZero": True},
        {"name": "Odd", "mode": "Sideways"},
        {"name": "Change", "mode": "AnyChange", "timeOnDelaySeconds": 3, "ackMode": "Unused", "ackNotesReqd": True},
        "what",
    ],
}


def test_alarms_of_an_export_of_ignition() -> None:
    rows, unmapped = from_ignition({"name": "", "tagType": "Provider", "tags": [LEVEL]})
    assert rows.tag[0]["alarms"] == [
        {
            "name": "High_High _",
            "mode": "above",
            "priority": "critical",
            "setpoint": 90.0,
            "inclusive": "none",
            "deadband": 2.5,
            "deadband_mode": "percent",
            "active_delay": "5s",
            "clear_delay": "500ms",
            "ack_note_required": True,
            "shelvable": False,
            "enabled": False,
            "label": "{Area} is full",
            "notes": "Close V12.",
        },
        {"name": "Plain", "mode": "equal", "setpoint": 0},
        {"name": "Tag", "mode": "below", "priority": "high", "expression": "{[.]Limit}"},
        {"name": "Limit", "mode": "above", "setpoint": "{Limit}"},
        {"name": "Sum", "mode": "above", "expression": "{[.]A} + 1"},
        {"name": "Range", "mode": "outside", "low": 10, "high": 20, "inclusive": "low"},
        {"name": "Cond", "mode": "on_condition", "expression": "{[.]A} > 1"},
        {"name": "Change", "mode": "any_change", "ack": "unused"},
    ]
    assert [(item.path.removeprefix("Level.alarms"), item.reason) for item in unmapped] == [
        (".High/High %.name", "a name has letters, digits and _ '-:(): it is 'High_High _' here"),
        (".High/High %.displayPath", "no counterpart"),
        (".High/High %.activePipeline", "no counterpart"),
        (".Bound", "its setpointA is computed: [.]A: left out"),
        (".None", "it has no condition: left out"),
        (".Zero", "it is active while a bit is zero: left out"),
        (".Odd", "mode Sideways has no counterpart: left out"),
        (" #13", "an alarm without a name"),
    ]


def test_setpoints_fit_the_type_of_the_tag_and_no_evaluation_means_disabled() -> None:
    tags = [
        {"name": "B", "dataType": "Boolean", "alarms": [{"name": "On", "setpointA": 1.0}], "alarmEvalEnabled": False},
        {"name": "S", "dataType": "String", "alarms": [{"name": "Is", "setpointA": 5}], "alarmEvalEnabled": True},
    ]
    rows, unmapped = from_ignition(tags)
    assert [row["alarms"] for row in rows.tag] == [
        [{"name": "On", "mode": "equal", "setpoint": True, "enabled": False}],
        [{"name": "Is", "mode": "equal", "setpoint": "5"}],
    ]
    assert unmapped == []


def test_overrides_of_instances_know_the_mode_of_their_type(tmp_path: Path) -> None:
    between = {"name": "Range", "mode": "BetweenValues", "setpointA": 1.0, "setpointB": 2.0}
    above = {"name": "High", "mode": "AboveValue", "setpointA": 5.0}
    member = {"name": "T", "valueSource": "memory", "dataType": "Float8", "alarms": [between, above]}
    document = {
        "name": "",
        "tagType": "Provider",
        "tags": [
            {"name": "M1", "tagType": "UdtInstance", "typeId": "Child", "tags": [
                {"name": "T", "alarms": [
                    {"name": "Range", "setpointA": 1.5},
                    {"name": "High", "setpointA": 6.5, "inclusiveA": False},
                ]}]},
            {"name": "_types_", "tagType": "Folder", "tags": [
                {"name": "Motor", "tagType": "UdtType", "tags": [member]},
                {"name": "Child", "tagType": "UdtType", "typeId": "Motor", "tags": []},
            ]},
        ],
    }  # fmt: skip
    file = tmp_path / "export.json"
    file.write_text(json.dumps(document))
    (tmp_path / "plantgate.toml").write_text("")
    plan = plan_import(tmp_path, file, lambda drafts: load(tmp_path, (), {}, tag_drafts=drafts))
    plan.apply()
    (tag,) = load(tmp_path, (), {}).tags
    assert [(alarm.low, alarm.high, alarm.setpoint, str(alarm.inclusive)) for alarm in tag.alarms] == [
        (1.5, 2.0, None, "both"),
        (None, None, 6.5, "none"),
    ]


@given(TAGS)
def test_to_ignition_and_back(tag: TagDefinition) -> None:
    rows = TagRows(tag=[row_of(tag)])
    document, _ = to_ignition(rows)
    back, lost = from_ignition(json.loads(json.dumps(document)))
    assert [item for item in lost if "alarms" in item.path] == []
    expected = [alarm_row(alarm) for alarm in tag.alarms]
    for alarm in expected:
        if alarm["mode"] in {"between", "outside"}:
            alarm.setdefault("low", 0)  # Ignition has no open ends
            alarm.setdefault("high", 0)
        if alarm["mode"] in {"above", "below"} and "inclusive" in alarm:
            at = alarm["inclusive"] == ("low" if alarm["mode"] == "above" else "high")
            alarm["inclusive"] = "both" if at else "none"
    strip = [{key: value for key, value in alarm.items() if value != "both"} for alarm in expected]
    assert back.tag[0].get("alarms", []) == strip


def test_what_ignition_has_no_place_for_is_told() -> None:
    alarms = [
        {"name": "Open", "mode": "between", "low": 5},
        {"name": "Delay", "mode": "bad_quality", "active_delay": "{Delay}", "label": "{Area} \"x\" lost"},
    ]  # fmt: skip
    document, unmapped = to_ignition(TagRows(tag=[{"path": "T", "type": "Float8", "alarms": alarms}]))
    assert document["tags"][0]["alarms"] == [
        {"name": "Open", "mode": "BetweenValues", "setpointA": 5},
        {"name": "Delay", "mode": "BadQuality", "label": {"bindType": "Expression", "value": "{Area} + \" 'x' lost\""}},
    ]
    assert [(item.path, item.reason) for item in unmapped if "alarms" in item.path] == [
        ("T.alarms.Open.high", "Ignition has no open end: it takes 0"),
        ("T.alarms.Delay.active_delay", "Ignition has seconds here: a text with a parameter is none"),
    ]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["AboveValue", "Bit", "{a}", "High", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["value", "bindType"]), inner, max_size=2)
    ),
    max_leaves=3,
)
KEYS = (
    "name mode priority setpointA setpointB inclusiveA deadband deadbandMode timeOnDelaySeconds bitPosition "
    "activeCondition ackMode label enabled bitOnZero x"
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS.split()), ANY, max_size=6), max_size=3), st.booleans())
def test_nothing_in_an_export_breaks_the_reading(alarms: list[dict[str, Any]], whole: bool) -> None:
    tag = {"name": "T", "dataType": "Boolean", "alarms": alarms}
    instance = {"name": "I", "tagType": "UdtInstance", "typeId": "M", "tags": [tag]}
    from_ignition([tag] if whole else [instance, {"name": "M", "tagType": "UdtType", "tags": [tag]}])


@given(st.dictionaries(st.sampled_from(list(AlarmEntry.__struct_fields__)), ANY, max_size=8))
def test_nothing_in_a_table_breaks_the_checks(alarm: dict[str, Any]) -> None:
    problems = Problems()
    read_tag(Entry({"path": "T", "type": "Int4", "alarms": [alarm]}, lambda _: "a.toml:1"), "tag.T", problems)
    told: list[str] = []
    try:
        problems.raise_any()
    except ConfigErrors as refused:
        told = [error.message for error in refused.errors]
    assert all(message.startswith("a.toml:1: tag.T.alarms") for message in told)

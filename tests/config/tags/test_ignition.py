"""Tag exports in the shapes that Ignition's have: what comes over, what is said of the rest, and the way back.

The plant is invented; the shapes are those of exports of 8.0 to 8.3, and of XML exports of 7.9 and 8.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plantgate.config.load import load
from plantgate.config.tags.edit import TagBook
from plantgate.config.tags.ignition.export import to_ignition
from plantgate.config.tags.ignition.reading import from_ignition
from plantgate.config.tags.ignition.xml import xml_document
from plantgate.config.tags.references import Checks
from plantgate.config.tags.salvage import plan_what_fits
from plantgate.config.tags.write import Row, TagRows, rows_of
from plantgate.errors import ConfigError
from plantgate.limits import TAG_XML_DEPTH
from plantgate.model.tagedit import TagEdit
from plantgate.tags.derived import formula_inputs

TYPES = Path(__file__).parents[1] / "cases" / "valid" / "types"


def bound(text: str) -> dict[str, str]:
    return {"bindType": "parameter", "binding": text}


def atomic(name: str, source: str = "memory", **values: Any) -> dict[str, Any]:
    return {"name": name, "tagType": "AtomicTag", "valueSource": source, **values}


def opc(name: str, item: object = "ns=1;s=[PLC1]HR1", **values: Any) -> dict[str, Any]:
    return atomic(name, "opc", opcItemPath=item, opcServer="Ignition OPC UA Server", **values)


def folder(name: str, *tags: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "tagType": "Folder", "tags": list(tags)}


def read(*tags: dict[str, Any]) -> tuple[TagRows, list[tuple[str, str]]]:
    rows, lost = from_ignition({"name": "", "tagType": "Provider", "tags": list(tags)})
    return rows, [(path, reason) for path, reason in lost]


def row(tag: dict[str, Any]) -> Row:
    rows, lost = read(tag)
    assert lost == []
    return rows.tag[0]


@pytest.mark.parametrize(
    "document",
    [
        {"tags": [atomic("A")]},
        {"name": "", "tagType": "Provider", "tags": [atomic("A")]},
        [atomic("A")],
        atomic("A"),
        [{"name": "A", "dataType": "Int4"}],
    ],
    ids=["tags", "provider", "list", "one tag", "a list without tagType"],
)
def test_what_an_export_may_be(document: object) -> None:
    rows, lost = from_ignition(document)
    assert (rows.tag, lost) == ([{"path": "A", "type": "Int4", "persist": True, "writable": True}], [])


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (opc("A", dataType="Float4"), {"type": "Float4", "address": "[PLC1]HR1", "writable": True}),
        (opc("A", "[PLC1]3.HRF40", readOnly=True), {"address": "[PLC1]3.HRF40"}),
        (opc("A", "nsu=urn:x;s=[PLC1]C7", readOnly="true"), {"address": "[PLC1]C7"}),
        (opc("A", tagGroup="Default", engLow="0", engHigh="10.5"), {"low": 0.0, "high": 10.5}),
        (opc("A", tagGroup="Fast"), {"group": "Fast"}),
        (opc("A", deadbandMode="Off", deadband=2), {}),
        (opc("A", deadband=0.5, deadbandMode="Percent"), {"deadband": 0.5, "deadband_mode": "percent", "low": 0.0,
                                                          "high": 100.0}),
        (opc("A", engLimitMode="Clamp_Both", engHigh=50.0), {"limit": "both", "low": 0.0, "high": 50.0}),
        (opc("A", scaleMode="Off", rawHigh=1.0, scaledHigh=1000.0, clampMode="No_Clamp"), {}),
        (opc("A", scaleMode="Linear", rawHigh=27648, scaledHigh=100.0, clampMode="None"),
         {"scale": "linear", "raw_low": 0.0, "raw_high": 27648, "scaled_low": 0.0, "scaled_high": 100.0}),
        (opc("A", scaleMode="ExponentialFilter", scaleFactor=0.2, rawHigh=5), {"scale": "exponential_filter",
                                                                             "factor": 0.2}),
        (opc("A", historyEnabled="true", formatString="0.0", tooltip="t", documentation="d", engUnit="m"),
         {"history": True, "format": "0.0", "description": "t", "documentation": "d", "unit": "m"}),
        (atomic("A", value=5), {"initial": 5, "persist": True}),
        (atomic("A", defaultValue=7), {"initial": 7}),
        (atomic("A", value=True, dataType="Boolean", valuePersistence="None"), {"initial": True, "type": "Boolean"}),
        (atomic("A", value=1_700_000_000_000, dataType="DateTime"), {"initial": 1_700_000_000_000_000}),
        (atomic("A", value=[1, 2], dataType="Int4Array"), {"initial": [1, 2], "type": "Int4Array"}),
        (atomic("A", value='{"columns":[],"rows":[]}', dataType="DataSet"), {"initial": '{"columns":[],"rows":[]}'}),
        (atomic("A", value={"rows": []}, dataType="Document"), {"initial": '{"rows":[]}', "type": "Document"}),
        (atomic("A", sourceTagPath="", expression="", query="", queryType="Select"), {"persist": True}),
        (atomic("A", "expr", expression="{[.]B.Quality} = 192", opcItemPath="ns=1;s=[PLC1]HR1", value=3),
         {"expression": "{[.]B.Quality} = 192"}),
        (atomic("A", "expr", expression="1", executionMode="TagGroupRate"), {"execute": "rate"}),
        (atomic("A", "reference", sourceTagPath="[default]B/C"), {"source": "B/C", "writable": True}),
        (atomic("A", "reference", sourceTagPath="[~]B", readOnly=True), {"source": "B"}),
        (atomic("A", "derived", sourceTagPath="[.]B", deriveExpressionGetter="{source} * 2", readOnly=True),
         {"source": "[.]B", "expression": "{value} * 2"}),
        (atomic("A", "derived", sourceTagPath="[.]B"),
         {"expression": "{value}", "write_expression": "{value}", "writable": True}),
    ],
)  # fmt: skip
def test_one_tag(tag: dict[str, Any], expected: Row) -> None:
    found = row(tag)
    assert {key: found.get(key) for key in expected} == expected
    for key in ("scale", "deadband", "deadband_mode", "raw_high"):
        assert (key in found) == (key in expected)


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        (atomic("A", "db", query="SELECT 1"), "valueSource db has no counterpart"),
        (atomic("A", "query"), "valueSource db has no counterpart"),
        (atomic("A", enabled=False), "it is disabled there: left out"),
        (atomic("A", dataType="ByteArray"), "dataType ByteArray has no counterpart: left out"),
        (opc("A", "ns=2;s=RTU_01.40001F"), "opcItemPath ns=2;s=RTU_01.40001F is no item of a device"),
        (opc("A", None), "opcItemPath is missing and is no item of a device"),
        (opc("A") | {"opcServer": "Kepware"}, "it is on the OPC UA server Kepware: tags of other servers"),
        (opc("A", scaleMode="Linear", rawHigh=5), "scaleMode Linear without scaledHigh: left out"),
        (opc("A", scaleMode="SquareRoot", rawHigh=0, scaledHigh=1), "scaleMode SquareRoot without rawHigh"),
        (opc("A", scaleMode="ExponentialFilter"), "scaleMode ExponentialFilter without scaleFactor"),
        (atomic("A", scaleMode="Linear", rawHigh=5, scaledHigh=7), "scaleMode Linear of a tag that is no OPC tag"),
        (atomic("A", "expr"), "without an expression: left out"),
        (atomic("A", "reference"), "without a sourceTagPath: left out"),
        ({"name": "A", "tagType": "OpcTag"}, "a tag of tagType OpcTag has no counterpart"),
        (atomic("A.B"), "that can't be a name here: letters, digits"),
        (folder("-A", atomic("B")), "that can't be a name here: letters, digits, _ ' - : ( ) and spaces, with all"),
    ],
)
def test_what_is_left_out_is_said(tag: dict[str, Any], reason: str) -> None:
    rows, lost = read(tag, atomic("Other"))
    assert [each["path"] for each in rows.tag] == ["Other"]
    assert len(lost) == 1
    assert lost[0][0] == tag["name"]
    assert lost[0][1].startswith(reason)


@pytest.mark.parametrize(
    ("values", "key", "reason"),
    [
        ({"eventScripts": [{"eventid": "valueChanged", "script": "\tpass"}]}, "eventScripts", "no counterpart"),
        ({"writePermissions": {"type": "AllOf", "securityLevels": []}}, "writePermissions", "no counterpart"),
        ({"historyProvider": "Core Historian"}, "historyProvider", "no counterpart"),
        ({"meta_view": "Pump"}, "meta_view", "no counterpart"),
        ({"value": 5, "defaultValue": 6}, "defaultValue", "it begins with value"),
        ({"deadband": 0.5}, "deadband", "only for numbers that are read or computed"),
        ({"engLow": 5, "engHigh": 5}, "engHigh", "5 is not above engLow, 5: there is no range here"),
        ({"historyEnabled": True, "dataType": "StringArray"}, "historyEnabled", "the history has no place for a value"),
        ({"executionMode": "FixedRate"}, "executionMode", "FixedRate has no counterpart"),
        ({"enabled": bound("{On}")}, "enabled", "bound to a parameter: it is enabled here"),
        ({"readOnly": bound("{Locked}")}, "readOnly", "bound to a parameter: it can't be written here"),
        ({"engUnit": {"bindType": "Expression", "value": "1"}}, "engUnit", "no plain value, nor one with parameters"),
        ({"tagGroup": 5}, "tagGroup", "no text"),
    ],
)
def test_what_is_lost_of_a_tag_is_said(values: dict[str, Any], key: str, reason: str) -> None:
    rows, lost = read(folder("F", atomic("A", **values)))
    assert [each["path"] for each in rows.tag] == ["F/A"]
    assert [(path, why[: len(reason)]) for path, why in lost] == [(f"F/A.{key}", reason)]


BASE = {
    "name": "Analog",
    "tagType": "UdtType",
    "typeId": "",
    "parameters": {
        "Device": {"dataType": "String", "value": bound("{PathToParentFolder}")},
        "Item": {"dataType": "String", "value": bound("{InstanceName}_Pv")},
        "Most": {"dataType": "Integer"},
        "Unit": {"dataType": "String"},
        "Base": 10,
    },
    "tags": [
        opc("Value", bound("ns=1;s=[{Device}]HR{Base}"), dataType=bound("{Kind}"), engUnit=bound("{Unit}"),
            engHigh=bound("{Most}"), documentation="of {InstanceName}"),
        folder("Setup", atomic("Limit", dataType="Float8", value=bound("{Most}"))),
        atomic("Sum", "expr", dataType="Float8", expression="{[.]Value} + {Base} + {[.]Setup/Limit}"),
    ],
}  # fmt: skip
PUMP = {
    "name": "Pump",
    "tagType": "UdtType",
    "typeId": "Basic/Analog",
    "parameters": {"Kind": {"dataType": "String", "value": "Int2"}},
    "tags": [
        {"name": "Value", "tagType": "AtomicTag", "tooltip": "flow"},
        {"name": "Sum", "tagType": "AtomicTag"},
        folder("Setup", {"name": "Limit", "tagType": "AtomicTag", "value": 7.5}),
        atomic("Hours", dataType="Int4"),
        {"name": "Valve", "tagType": "UdtInstance", "typeId": "Basic/Valve", "parameters": {"Base": bound("{Base}")}},
    ],
}
STATION = {
    "name": "Station",
    "tagType": "UdtType",
    "typeId": "[default]_types_/Pump",
    "tags": [
        {
            "name": "Valve",
            "tagType": "UdtInstance",
            "tags": [{"name": "Open", "tagType": "AtomicTag", "readOnly": True}],
        },
        {"name": "Hours", "tagType": "AtomicTag"},
    ],
}
VALVE = {
    "name": "Valve",
    "tagType": "UdtType",
    "parameters": {"Base": {"dataType": "Integer", "value": 0}},
    "tags": [opc("Open", bound("[PLC1]C{Base}"), dataType="Boolean")],
}
INSTANCE = {
    "name": "P1",
    "tagType": "UdtInstance",
    "typeId": "Station",
    "parameters": {"Unit": "l/s", "Most": {"dataType": "Integer", "value": 40}},
    "tags": [
        {"name": "Value", "tagType": "AtomicTag", "formatString": "0.0"},
        {"name": "Sum", "tagType": "AtomicTag"},
        {"name": "Gone", "tagType": "AtomicTag", "value": 3},
    ],
}
# The child before its parent, the instance before its type: the order of an export means nothing.
PLANT = [
    folder("PLC1", INSTANCE),
    folder("_types_", STATION, PUMP, folder("Basic", BASE, VALVE)),
]


def test_types_their_children_and_instances() -> None:
    rows, lost = read(*PLANT)
    udts = {each["name"]: each for each in rows.udt}
    assert list(udts) == ["Basic/Analog", "Basic/Valve", "Pump", "Station"]
    assert udts["Basic/Analog"]["parameters"] == {
        "Device": "{PathToParentFolder}", "Item": "{InstanceName}_Pv", "Most": 0, "Unit": "", "Base": 10,
    }  # fmt: skip
    members = {each["path"]: each for each in udts["Basic/Analog"]["member"]}
    assert (members["Value"]["address"], members["Value"]["type"]) == ("[{Device}]HR{Base}", "{Kind}")
    assert members["Setup/Limit"]["initial"] == "{Most}"
    assert (udts["Pump"]["extends"], udts["Station"]["extends"]) == ("Basic/Analog", "Pump")
    assert udts["Pump"]["member"] == [
        {"path": "Value", "description": "flow"},
        {"path": "Hours", "type": "Int4", "persist": True, "writable": True},
        {"path": "Valve", "udt": "Basic/Valve", "parameters": {"Base": "{Base}"}},
        {"path": "Setup/Limit", "initial": 7.5},
    ]
    assert udts["Station"]["member"] == [
        {
            "path": "Valve",
            "udt": "Basic/Valve",
            "parameters": {"Base": "{Base}"},
            "override": {"Open": {"writable": False}},
        }
    ]
    assert rows.instance == [
        {
            "path": "PLC1/P1", "udt": "Station", "override": {"Value": {"format": "0.0"}},
            "parameters": {"Unit": "l/s", "Most": 40, "Device": "PLC1", "Item": "P1_Pv"},
        }
    ]  # fmt: skip
    assert [path for path, _ in lost] == [
        "_types_/Basic/Analog.parameters.Device", "_types_/Basic/Analog.parameters.Item", "PLC1/P1/Gone",
    ]  # fmt: skip


@pytest.mark.parametrize("circle", [["A"], ["A", "B"], ["A", "B", "C"]])
def test_types_that_extend_each_other_end(circle: list[str]) -> None:
    types = [
        {"name": name, "tagType": "UdtType", "typeId": parent, "tags": [{"name": "X", "tagType": "AtomicTag"}]}
        for name, parent in zip(circle, [*circle[1:], circle[0]], strict=True)
    ]
    rows, lost = read(folder("_types_", *types))
    assert [each["name"] for each in rows.udt] == circle
    assert any("is not in this file" in reason for _, reason in lost)


def test_parameters_that_are_made_of_each_other_end() -> None:
    udt = {"name": "T", "tagType": "UdtType", "parameters": {"A": bound("{B}x"), "B": bound("{A}y")}, "tags": []}
    rows, lost = read(udt, {"name": "I", "tagType": "UdtInstance", "typeId": "T"})
    assert set(rows.instance[0]["parameters"]) == {"A", "B"}
    assert [path for path, _ in lost] == ["T.parameters.A", "T.parameters.B", "I.parameters.A", "I.parameters.B"]


def test_files_of_a_gateway_s_configuration() -> None:
    """udts.json and tags.json of 8.3 leave tagType out where the folder says it."""
    rows, _ = from_ignition(
        [
            {"name": "T", "parameters": {"Base": 1}, "tags": [atomic("A")]},
            {"name": "I", "typeId": "T", "parameters": {"Base": 2}},
            {"name": "F", "tags": [{"name": "B", "valueSource": "memory"}]},
        ]
    )
    assert [each["name"] for each in rows.udt] == ["T"]
    assert rows.instance == [{"path": "I", "udt": "T", "parameters": {"Base": 2}}]
    assert [each["path"] for each in rows.tag] == ["F/B"]


# the whole way


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    (directory / "tags").mkdir(parents=True)
    (directory / "plantgate.toml").write_text('[[device]]\nname = "PLC1"\nhost = "127.0.0.1"\n')
    (directory / "tags" / "old.toml").write_text('[[tag]]\npath = "Old"\ntype = "Int4"\n')
    return directory


def imported(data: Path, rows: TagRows) -> tuple[dict[str, Row], list[tuple[str, str]]]:
    """(all tags after it, what was left out)."""
    configuration = load(data, (), {}, formula_check=formula_inputs)
    book = TagBook(configuration, data, Checks(formula=formula_inputs))
    edit = TagEdit(put=[*rows.instance, *rows.tag], udts=rows.udt, file="new.toml")
    plan, left = plan_what_fits(book.plan, edit, {device.name for device in configuration.devices})
    book.write(plan)
    tags = rows_of(load(data, (), {}, formula_check=formula_inputs), expanded=True).tag
    return {str(each["path"]): each for each in tags}, [(path, reason) for path, reason in left]


def test_an_export_becomes_tags(data: Path) -> None:
    rows, _ = read(*PLANT)
    tags, left = imported(data, rows)
    assert left == []
    value = tags["PLC1/P1/Value"]
    assert (value["address"], value["type"], value["unit"], value["high"], value["format"], value["description"]) == (
        "[PLC1]HR10", "Int2", "l/s", 40.0, "0.0", "flow",
    )  # fmt: skip
    assert value["documentation"] == "of P1"
    assert tags["PLC1/P1/Setup/Limit"]["initial"] == 7.5
    assert tags["PLC1/P1/Sum"]["expression"] == "{[.]Value} + 10 + {[.]Setup/Limit}"
    assert (tags["PLC1/P1/Valve/Open"]["address"], "writable" in tags["PLC1/P1/Valve/Open"]) == ("[PLC1]C10", False)
    assert "Old" in tags


def test_what_the_gateway_refuses_costs_nobody_else(data: Path) -> None:
    types = folder(
        "_types_",
        {
            "name": "T",
            "tagType": "UdtType",
            "parameters": {"Device": "PLC1"},
            "tags": [
                opc("A", bound("[{Device}]HR1"), tagGroup="1sec"),
                atomic("Bad", "expr", expression='runScript("x")', dataType="Int4"),
            ],
        },
    )
    tags = [
        atomic("Good", "expr", expression="{[.]Plain} * 2", dataType="Float8"),
        atomic("Script", "expr", expression="runScript('x', 0)", dataType="Int4"),
        atomic("Broken", "expr", expression="{[.A.Quality}", dataType="Int4"),
        atomic("Plain", value="text", dataType="Int4"),
        atomic("Lost", "reference", sourceTagPath="[.]Nowhere"),
        opc("Grouped", tagGroup="1sec"),
        *(opc(f"Other{number}", "[PLC7]HR1") for number in range(3)),
        opc("Limited", engLimitMode=bound("{x}")),
        {"name": "I1", "tagType": "UdtInstance", "typeId": "T"},
        {"name": "I2", "tagType": "UdtInstance", "typeId": "T", "parameters": {"Device": "PLC9"}},
        {"name": "I3", "tagType": "UdtInstance", "typeId": "Unknown"},
    ]
    rows, lost = read(types, folder("F", *tags))
    assert lost == []
    found, left = imported(data, rows)
    assert sorted(found) == ["F/Good", "F/Grouped", "F/I1/A", "F/Limited", "F/Plain", "Old"]
    assert {path for path, _ in left} == {
        "[PLC7]", "F/Broken", "F/Script", "F/Plain.initial", "F/Lost", "F/Grouped.group", "F/Limited.limit", "F/I2",
        "F/I3", "_types_/T/A.group", "_types_/T/Bad",
    }  # fmt: skip
    assert dict(left)["[PLC7]"] == "no such device: 3 tags left out; add a [[device]] PLC7 and import again"
    assert "there is no function runScript()" in dict(left)["F/Script"]


def test_thousands_of_faults_come_to_an_end(data: Path) -> None:
    rows, _ = read(*(atomic(f"T{number}", value="x", dataType="Int4") for number in range(1_000)))
    found, left = imported(data, rows)
    assert (len(found), len(left)) == (1_001, 1_000)


# the way back


def test_a_round_trip_gives_the_same_definitions(data: Path) -> None:
    rows, _ = read(*PLANT, folder("More", *ROUND))
    document, unmapped = to_ignition(rows)
    assert unmapped == []
    back, _ = from_ignition(json.loads(json.dumps(document)))
    assert back.tag == rows.tag
    assert back.instance == rows.instance
    assert back.udt == rows.udt
    first, left = imported(data, back)
    assert left == []
    assert len(first) == len(ROUND) + 6


ROUND = [
    opc("Scaled", scaleMode="Linear", rawHigh=27648, scaledHigh=100.0, clampMode="Clamp_Both", dataType="Float8"),
    opc("Banded", deadband=0.5, deadbandMode="Percent", dataType="Float4", readOnly=True),
    opc("Limited", engLimitMode="Clamp_High", engHigh=5.0, historyEnabled=True),
    opc("Text", "ns=1;s=[PLC1]HRS10:20", dataType="String", documentation="a {brace} stays a brace"),
    atomic("Kept", value=3), atomic("Lost", value=3, valuePersistence="None", readOnly=True),
    atomic("List", value=["a", "b"], dataType="StringArray"),
    atomic("When", value=1_700_000_000_000, dataType="DateTime"),
    atomic("Table", value='{"columns":["a"],"rows":[[1]]}', dataType="DataSet"),
    atomic("Made", "expr", expression="{[.]Kept} * 2", executionMode="TagGroupRate", dataType="Int4"),
    atomic("Seen", "derived", sourceTagPath="[.]Kept", deriveExpressionGetter="{source} + 1", dataType="Float8",
           readOnly=True),
    atomic("Both", "derived", sourceTagPath="[~]More/Kept", deriveExpressionGetter="{source} + 1",
           deriveExpressionSetter="{value} - 1", dataType="Float8"),
    atomic("Second", "reference", sourceTagPath="[.]Kept"),
]  # fmt: skip


def test_our_own_tags_come_back() -> None:
    rows = rows_of(load(TYPES, (), {}))
    document, _ = to_ignition(rows)
    back, lost = from_ignition(json.loads(json.dumps(document)))
    assert lost == []
    assert {each["path"] for each in back.tag} == {each["path"] for each in rows.tag}
    for mine, theirs in zip(rows.udt, back.udt, strict=True):
        assert (mine["name"], mine.get("extends"), mine.get("parameters")) == (
            theirs["name"], theirs.get("extends"), theirs.get("parameters"),
        )  # fmt: skip
        assert [each["path"] for each in mine["member"]] == [each["path"] for each in theirs["member"]]


# XML

XML_8 = """<Tags MinVersion="8.0.0" locale="en_US">
   <Tag name="_types_" type="Folder"><Tags>
      <Tag name="Motor" type="UdtType">
         <Parameters><Property name="Base" type="Integer">4</Property></Parameters>
         <Tags><Tag name="Amps" type="AtomicTag">
            <Property name="opcItemPath" boundValueType="parameter">ns=1;s=[PLC1]HR{Base}</Property>
            <Property name="valueSource">opc</Property>
            <Property name="dataType">Float4</Property>
            <CompoundProperty name="alarms"><PropertySet>
               <Property name="mode">BelowValue</Property>
               <Property name="setpointA">25</Property>
               <Property name="name">Low Amps</Property>
            </PropertySet></CompoundProperty>
         </Tag></Tags>
      </Tag></Tags>
   </Tag>
   <Tag name="Hall" type="Folder"><Tags>
      <Tag name="M1" type="UdtInstance"><Property name="typeId">Motor</Property>
         <Parameters><Property name="Base" type="Integer">9</Property></Parameters>
      </Tag>
      <Tag name="Rate" type="AtomicTag">
         <Property name="valueSource">expression</Property>
         <Property name="expression">1 + 1</Property>
         <Property name="historyEnabled" datatype="Boolean">true</Property>
         <Property name="engHigh">12.5</Property>
         <Property name="tooltip">12</Property>
      </Tag></Tags>
   </Tag>
</Tags>
"""
XML_7 = """<?xml version="1.0" encoding="UTF-8"?>
<Tags>
   <Tag name="Hall" path="" type="Folder"/>
   <Tag name="Run" path="Hall" type="OPC">
      <Property name="Value">true</Property>
      <Property name="DataType">6</Property>
      <Property name="OPCServer">Ignition OPC-UA Server</Property>
      <Property name="OPCItemPath">ns=1;s=[PLC1]C1</Property>
      <Property name="AccessRights">0</Property>
      <Property name="ScanClass">Default</Property>
   </Tag>
   <Tag name="Half" path="Hall/Deep" type="DB">
      <Property name="DataType">5</Property>
      <Property name="ExpressionType">1</Property>
      <Property name="Expression">{[.]Set} / 2</Property>
   </Tag>
   <Tag name="Set" path="Hall/Deep" type="DB"><Property name="Value">5</Property><Property name="Odd">1</Property></Tag>
   <Tag name="T" path="_types_" type="UDT_DEF">
      <Property name="Value"/><Property name="DataType">2</Property>
      <Parameters><Property name="opc_path" type="String"/></Parameters>
      <Tag name="A" path="In" type="OPC">
         <Property name="DataType">4</Property>
         <Property name="OPCItemPath">ns=1;s=[PLC1]{opc_path}</Property>
      </Tag>
   </Tag>
   <Tag name="I" path="" type="UDT_INST">
      <Property name="UDTParentType">T</Property>
      <Parameters><Property name="opc_path" type="String">HR7</Property></Parameters>
      <Tag name="A" path="In" type="EXTENSION"><Property name="EngUnit">A</Property></Tag>
   </Tag>
</Tags>
"""


def xml(text: str) -> tuple[TagRows, list[tuple[str, str]]]:
    rows, lost = from_ignition(xml_document(Path("export.xml"), text.encode()))
    return rows, [(path, reason) for path, reason in lost]


def test_xml_of_version_8() -> None:
    rows, lost = xml(XML_8)
    assert lost == []
    (amps,) = rows.udt[0]["member"]
    assert (amps["address"], amps["type"], amps["alarms"][0]["name"]) == ("[PLC1]HR{Base}", "Float4", "Low Amps")
    assert rows.instance == [{"path": "Hall/M1", "udt": "Motor", "parameters": {"Base": 9}}]
    (rate,) = rows.tag
    assert (rate["expression"], rate["history"], rate["high"], rate["description"]) == ("1 + 1", True, 12.5, "12")


def test_xml_of_version_7() -> None:
    rows, lost = xml(XML_7)
    assert lost == [("Hall/Deep/Set.Odd", "no counterpart")]
    tags = {each["path"]: each for each in rows.tag}
    assert tags["Hall/Run"] == {"path": "Hall/Run", "type": "Boolean", "address": "[PLC1]C1"}
    assert (tags["Hall/Deep/Half"]["expression"], tags["Hall/Deep/Half"]["type"]) == ("{[.]Set} / 2", "Float8")
    assert tags["Hall/Deep/Set"]["initial"] == 5
    assert rows.udt[0]["parameters"] == {"opc_path": ""}
    assert rows.udt[0]["member"][0]["address"] == "[PLC1]{opc_path}"
    assert rows.instance == [
        {"path": "I", "udt": "T", "parameters": {"opc_path": "HR7"}, "override": {"In/A": {"unit": "A"}}}
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Tags><Tag>", "not XML"),
        ("<Project/>", "no tag export of Ignition: <Project> instead of <Tags>"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Tags>&a;<Tag/></Tags', "not XML"),
        (
            "<Tags>" + "<Tag name='a'>" * (TAG_XML_DEPTH + 3) + "</Tag>" * (TAG_XML_DEPTH + 3) + "</Tags>",
            "tags within tags",
        ),
    ],
)
def test_xml_that_is_no_export(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        xml_document(Path("export.xml"), text.encode())

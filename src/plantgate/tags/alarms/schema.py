"""The file of the alarms, `state/alarms.sqlite`: the journal, the live events, what is shelved.

`alarm_events` and `alarm_event_data` show the journal as the tables of those names in an Ignition journal profile do,
so that a report made for one reads the other: eventtype 0 active, 1 clear, 2 acknowledged, 4 enabled, 5 disabled, ours
6 shelved, 7 unshelved; eventflags 2 is shelved; eventtime is milliseconds UTC; dtype 0 whole number, 1 number, 2 text.
"""

from __future__ import annotations

import json
from typing import Final

from plantgate.model.value import Scalar

FILE_NAME: Final = "alarms.sqlite"
APPLICATION: Final = 0x70674C31  # "pgL1"
VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE alarm(id INTEGER PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL,
                   UNIQUE(path, name, label));
CREATE TABLE line(id INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL, alarm INTEGER NOT NULL,
                  priority INTEGER NOT NULL, change INTEGER NOT NULL, shelved INTEGER NOT NULL, at INTEGER NOT NULL,
                  value TEXT, actor TEXT NOT NULL, note TEXT NOT NULL);
CREATE INDEX line_alarm ON line(alarm);
CREATE INDEX line_at ON line(at);
CREATE INDEX line_people ON line(id) WHERE change > 1;
CREATE TABLE event(id INTEGER PRIMARY KEY, alarm INTEGER NOT NULL, priority INTEGER NOT NULL, state TEXT NOT NULL,
                   value TEXT, active_at INTEGER NOT NULL, cleared_at INTEGER, cleared_value TEXT, acked_at INTEGER,
                   acked_by TEXT NOT NULL, ack_note TEXT NOT NULL);
CREATE TABLE shelf(alarm INTEGER PRIMARY KEY, until INTEGER NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIEW alarm_events AS
  SELECT line.id AS id, line.event AS eventid,
         'prov:' || substr(path, 2, instr(path, ']') - 2) || ':/tag:' || substr(path, instr(path, ']') + 1)
           || ':/alm:' || name AS source,
         label AS displaypath, priority, change AS eventtype, shelved * 2 AS eventflags, at / 1000 AS eventtime
  FROM line JOIN alarm ON alarm.id = line.alarm;
CREATE VIEW alarm_event_data AS
  SELECT id, 'eventValue' AS propname,
         CASE WHEN value GLOB '-[0-9]*' OR value GLOB '[0-9]*' THEN instr(value, '.') > 0 ELSE 2 END AS dtype,
         CASE WHEN value GLOB '-[0-9]*' OR value GLOB '[0-9]*' THEN CAST(value AS INTEGER) END AS intvalue,
         CASE WHEN value GLOB '-[0-9]*' OR value GLOB '[0-9]*' THEN CAST(value AS REAL) END AS floatvalue,
         value AS strvalue
  FROM line WHERE value IS NOT NULL
  UNION ALL
  SELECT id, CASE change WHEN 2 THEN 'ackUser' ELSE 'user' END, 2, NULL, NULL, actor FROM line WHERE actor != ''
  UNION ALL
  SELECT id, CASE change WHEN 2 THEN 'ackNotes' ELSE 'notes' END, 2, NULL, NULL, note FROM line WHERE note != '';
"""
NEXT_EVENT: Final = "next_event"


def encoded(value: Scalar) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=True)


def decoded(text: str | None) -> Scalar:
    """None for what nobody wrote so."""
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, bool | int | float | str) else None


def stored_text(text: str) -> str:
    """Lone surrogates can't be stored as UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

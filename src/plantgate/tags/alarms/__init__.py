"""Alarms of tags: judged with each change, kept over restarts, acknowledged and shelved through the gate.

Alarms(tree, data_dir, clock, tasks)      AlarmBoard, AlarmTarget, ChangeSink, StatusSource: see service.py
alarm_tag_definitions(definitions)        the tags that show the state of alarms
alarm_formula_inputs(definition, alarm)   what the formula of an alarm reads, or what is wrong with it
read_records(path, limit, before, wanted) the journal without a gateway
"""

from plantgate.tags.alarms.formulas import alarm_formula_inputs
from plantgate.tags.alarms.journal import read_records
from plantgate.tags.alarms.keeping import ALARMS_KEPT_SECONDS
from plantgate.tags.alarms.service import Alarms
from plantgate.tags.alarms.statetags import alarm_tag_definitions

__all__ = ["ALARMS_KEPT_SECONDS", "Alarms", "alarm_formula_inputs", "alarm_tag_definitions", "read_records"]

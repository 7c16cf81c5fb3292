"""What tags and tag groups say about each other: sources that are there, no circles, driving tags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import msgspec

from plantgate.config.origins import Origins
from plantgate.config.problems import Problems
from plantgate.config.tags.document import TagGroup
from plantgate.limits import CONFIG_ALARMS
from plantgate.model.tag import TagDefinition, full_path
from plantgate.model.taggroup import ANY_CHANGE, GroupMode, parse_condition

Dangling: TypeAlias = Callable[[tuple[str, str, str], str, str, set[str]], None]
# What a formula reads (full paths), or what is wrong with it in words. `key` is expression or write_expression.
FormulaCheck: TypeAlias = Callable[[TagDefinition, str], Sequence[str] | str]
_SHOWN_STEPS = 8


class TagChecks:
    """`named` has all paths, also those of tags that were wrong otherwise: no error is told twice."""

    def __init__(
        self, tags: Sequence[TagDefinition], named: set[str], origins: Origins, problems: Problems, dangling: Dangling
    ) -> None:
        self._tags = tags
        self._named = named
        self._origins = origins
        self._problems = problems
        self._dangling = dangling
        self._alarm_count = 0
        self.warnings: list[str] = []

    def sources(self, formula_check: FormulaCheck | None) -> None:
        """Every source is there, every formula can be read, and nothing is computed from itself."""
        inputs: dict[str, list[str]] = {}
        for tag in self._tags:
            if tag.source and tag.source not in self._named:
                self._dangling(("tag", tag.path, "source"), "tag", tag.source, self._named)
            reads = [tag.source] if tag.source else []
            if formula_check is not None:
                reads += self._formula(tag, "expression", formula_check) if tag.expression else []
                if tag.write_expression:
                    self._formula(tag, "write_expression", formula_check)
            if reads:
                inputs[tag.path] = reads
            if tag.alarms:
                self._alarms(tag, formula_check)
        if self._alarm_count > CONFIG_ALARMS:
            where = self._origins.of("tag", self._tags[-1].path, "alarms")
            self._problems.add("CFG-200", where, "tag", f"{self._alarm_count} alarms; {CONFIG_ALARMS} are the most")
        for circle in circles(inputs):
            key = "source" if self._by_path(circle[0]).source else "expression"
            steps = circle if len(circle) <= _SHOWN_STEPS else [*circle[:_SHOWN_STEPS], "..."]
            what = f"is computed from itself: {' <- '.join([*steps, circle[0]])}"
            where = self._origins.of("tag", circle[0], key)
            self._problems.add("CFG-196", where, f"tag.{circle[0]}.{key}", what)

    def _alarms(self, tag: TagDefinition, formula_check: FormulaCheck | None) -> None:
        self._alarm_count += len(tag.alarms)
        for number, alarm in enumerate(tag.alarms):
            if formula_check is None or not alarm.expression:
                continue
            found = formula_check(replace(tag, source="", expression=alarm.expression), "expression")
            if isinstance(found, str):
                where = self._origins.inside("tag", tag.path, ("alarms", number, "expression"))
                self._problems.add("CFG-200", where, f"tag.{tag.path}.alarms.{alarm.name}.expression", found)

    def _formula(self, tag: TagDefinition, key: str, check: FormulaCheck) -> list[str]:
        found = check(tag, key)
        if isinstance(found, str):
            self._problems.add("CFG-197", self._origins.of("tag", tag.path, key), f"tag.{tag.path}.{key}", found)
            return []
        return list(found)

    def _by_path(self, path: str) -> TagDefinition:
        return next(tag for tag in self._tags if tag.path == path)

    def groups(self, groups: Sequence[TagGroup]) -> tuple[TagGroup, ...]:
        """The groups with full paths."""
        return tuple(self._group(group) for group in groups)

    def _group(self, group: TagGroup) -> TagGroup:
        def wrong(key: str, what: str, hint: str = "") -> None:
            where = self._origins.of("tag_group", group.name, key)
            self._problems.add("CFG-198", where, f"tag_group.{group.name}.{key}", what, hint)

        driven, leased = group.mode is GroupMode.DRIVEN, group.mode is GroupMode.LEASED
        for key, used in (
            ("driving_tag", driven),
            ("condition", driven),
            ("driven_rate", driven and not group.one_shot and group.condition != ANY_CHANGE.operator),
            ("leased_rate", leased),
        ):
            given = getattr(group, key)
            if used and not given:
                wrong(key, f"missing: a group with mode = {group.mode} needs it")
            elif given and not used and not (key == "driven_rate" and driven):
                wrong(key, f"means nothing for a group with mode = {group.mode}")
        if group.one_shot and not driven:
            wrong("one_shot", f"means nothing for a group with mode = {group.mode}")
        if group.condition:
            try:
                parse_condition(group.condition)
            except ValueError as error:
                wrong("condition", str(error))
        path = full_path(group.driving_tag) if group.driving_tag else ""
        if path and path not in self._named:
            self._dangling(("tag_group", group.name, "driving_tag"), "tag", path, self._named)
        if driven and not group.rate and any(tag.path == path and tag.group == group.name for tag in self._tags):
            where = self._origins.of("tag_group", group.name, "driving_tag")
            what = f"{path} is in this group itself, which is not read before {path} changes"
            self.warnings.append(f"{where}: tag_group.{group.name}.driving_tag: {what}")
        return msgspec.structs.replace(group, driving_tag=path)


def circles(inputs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each circle of `inputs` once, as the paths on it. Depth first without recursion: chains may be long."""
    done: set[str] = set()
    found: list[list[str]] = []
    for start in inputs:
        if start in done:
            continue
        trail: list[str] = [start]
        places = {start: 0}
        waiting = [iter(inputs[start])]
        while waiting:
            step = next(waiting[-1], None)
            if step is None:
                waiting.pop()
                last = trail.pop()
                del places[last]
                done.add(last)
            elif step in places:
                found.append(trail[places[step] :])
            elif step in inputs and step not in done:
                places[step] = len(trail)
                trail.append(step)
                waiting.append(iter(inputs[step]))
    return found

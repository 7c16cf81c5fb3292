"""Live tag configuration put together: files, tree, drivers, history and the Modbus server change as one.

    plan (thread): everything is checked -> write (thread): the files, all or none -> take over (event loop, one step)

What is wrong changes nothing; a gateway that is killed in between has the new definitions after its next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from plantgate.composing.devices import Point
from plantgate.config.document import Configuration
from plantgate.config.tags.commit import commit, finish
from plantgate.config.tags.edit import TagBook, TagPlan
from plantgate.config.tags.export import exported
from plantgate.config.tags.groups import GroupPlan, plan_group
from plantgate.config.tags.references import Checks
from plantgate.config.tags.state import TagState
from plantgate.config.tags.write import row_of
from plantgate.drivers.modbus import ModbusDevice, device_tag_definitions
from plantgate.errors import ConfigError, Overload, PeerError, PlantgateError, Refused, Unavailable
from plantgate.limits import TAG_EDIT_ITEMS, TAG_EDITS_WAITING
from plantgate.model.command import Origin, Outcome
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.tagedit import ConfiguredTag, Conflict, EntryOrigin, TagEdit, TagsEdited
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.tasks import TaskGroup
from plantgate.runtime.worker import Worker
from plantgate.tags.engine import TagEngine, TagsChanged

_audit = get_logger("audit")
_LOOKING = "tag-look"
_NAMED_PATHS = 5
_WORDS_CHARS = 200
T = TypeVar("T")


class History(Protocol):
    """The part of the historian that this needs."""

    def change(self, put: Sequence[tuple[int, TagDefinition]], removed: Sequence[int] = ()) -> None: ...


class TagConfigurator:
    """Implements `TagConfiguration`. `start`, and at the end `stop`."""

    def __init__(
        self,
        configuration: Callable[[], Configuration],
        reconfigured: Callable[[Configuration], None],
        load: Callable[[], Configuration],
        data_dir: Path,
        checks: Checks,
        tags: TagEngine,
        devices: Sequence[ModbusDevice],
        history: History | None,
        remap: Callable[[], None],
        clock: Clock,
        tasks: TaskGroup,
    ) -> None:
        """`reconfigured` is handed the configuration as it is after a change, `load` reads the files anew, on a thread.

        `remap` is called when tags that the Modbus server shows have other definitions. Without `history` none is kept.
        """
        self._configuration = configuration
        self._reconfigured = reconfigured
        self._load = load
        self._data_dir = data_dir
        self._tags = tags
        self._devices = {device.name: device for device in devices}
        self._places: dict[str, dict[str, None]] = {name: {} for name in self._devices}
        for tag in configuration().tags:
            if tag.device in self._places:
                self._places[tag.device][tag.path] = None
        self._history = history
        self._remap = remap
        self._tasks = tasks
        self._book = TagBook(configuration(), data_dir, checks)
        self._workers: dict[str, Worker] = {}
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._watchers: list[Callable[[], None]] = []
        # Numbers of a run are above those of the one before: a page that stayed open notices.
        self.revision = clock.wall() // 1_000

    async def start(self) -> None:
        """Write out what an edit of an earlier run has decided, and get to know the tags beside what else goes on.

        Raises ConfigError or StorageError if that can't be done.
        """
        await self._run(finish, self._data_dir)
        self._tasks.spawn("tag-book", self._get_ready)

    async def _get_ready(self) -> None:
        await self._state()

    async def stop(self) -> None:
        """The tasks have been stopped."""
        workers, self._workers = self._workers, {}
        for worker in workers.values():
            await worker.close()

    async def _run(self, work: Callable[..., T], *given: Any, thread: str = "tag-edit") -> T:
        """On the one thread for edits, or on another: who only looks need not wait for an edit."""
        worker = self._workers.get(thread)
        if worker is None:
            worker = self._workers[thread] = Worker(thread)
        return await worker.run(work, *given)

    async def _state(self) -> TagState:
        known = self._book.known
        return known if known is not None else await self._run(lambda: self._book.state)

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    # looking

    async def origins(self) -> Callable[[str], EntryOrigin]:
        state = await self._state()

        def origin(path: str) -> EntryOrigin:
            if path in state.instance_of:
                return EntryOrigin.INSTANCE
            return EntryOrigin.TAG if path in state.tags else EntryOrigin.SYSTEM

        return origin

    async def instances(self) -> Collection[str]:
        return (await self._state()).instances.keys()

    async def configured(self, path: str) -> ConfiguredTag | None:
        full = full_path(path)
        tag = self._tags.tree.find(full)
        if tag is None:
            return None
        definition = self._tags.tree.definitions()[tag]
        found = await self._run(self._book.configured, full, thread=_LOOKING)
        if found is None:
            why = "the gateway makes this tag itself"
            return ConfiguredTag(full, row_of(definition), EntryOrigin.SYSTEM, editable=False, why_not=why)
        return found

    async def export_tags(self, form: str, path: str = "") -> tuple[bytes, Sequence[tuple[str, str]]]:
        return await self._run(exported, self._configuration(), form, path, thread=_LOOKING)

    # editing

    async def edit(
        self, edit: TagEdit, origin: Origin, revision: int | None = None, *, dry_run: bool = False
    ) -> TagsEdited:
        if len(edit.put) > TAG_EDIT_ITEMS:
            raise PeerError(
                "CFG-451", f"{len(edit.put)} tags; {TAG_EDIT_ITEMS} are the most of one edit", "import them"
            )
        return await self._alone(
            lambda: self._edit(lambda reserved: self._book.plan(edit, reserved), revision, dry_run=dry_run),
            origin,
            _words(edit),
            dry_run=dry_run,
        )

    async def import_tags(
        self,
        data: bytes,
        name: str,
        conflict: Conflict,
        origin: Origin,
        revision: int | None = None,
        *,
        into: str = "",
        file: str = "",
        dry_run: bool = False,
    ) -> TagsEdited:
        def plan(reserved: Callable[[str], bool]) -> TagPlan:
            return self._book.plan_import(data, name, conflict, into=into, file=file, reserved=reserved)

        return await self._alone(
            lambda: self._edit(plan, revision, dry_run=dry_run),
            origin,
            f"tags import {len(data)} bytes, on conflict {conflict}",
            dry_run=dry_run,
        )

    async def reload(self, origin: Origin) -> TagsEdited:
        def plan(_: Callable[[str], bool]) -> TagPlan:
            return self._book.plan_reload(self._load())

        return await self._alone(lambda: self._edit(plan, None, dry_run=False), origin, "tags reload", dry_run=False)

    async def _edit(
        self, plan: Callable[[Callable[[str], bool]], TagPlan], revision: int | None, *, dry_run: bool
    ) -> TagsEdited:
        self._book.configuration = configuration = self._configuration()
        if revision is not None and revision != self.revision:
            raise Refused("CFG-450", "the tags have been changed since you looked at them", "look at them again")
        done = await self._run(plan, self._is_system)
        if dry_run:
            differences = await self._run(done.differences)
            return replace(done.result, revision=self.revision, differences=differences)
        self._check_room(done)
        changed = await self._run(self._book.write, done)
        if self._configuration() is not configuration:  # a port has changed meanwhile
            changed = done.configuration(self._configuration())
        self._take_over(done, changed)
        return replace(done.result, revision=self.revision)

    def _is_system(self, path: str) -> bool:
        """Called on the thread: looking into a dictionary is safe there."""
        return self._tags.tree.find(path) is not None and path not in self._book.state.tags

    def _check_room(self, plan: TagPlan) -> None:
        """The files must not say what the tree can't do."""
        going = sum(1 + 3 * len(plan.before.tags[path].alarms) for path in plan.removed)
        going += sum(3 * len(plan.before.tags[tag.path].alarms) for tag in plan.put if tag.path in plan.before.tags)
        if plan.removed and going > self._tags.tree.room:
            raise Overload(
                "CFG-452", "too many tags were removed since the gateway started", "restart it, then do this again"
            )

    # taking over: one step between two events

    def _take_over(self, plan: TagPlan, configuration: Configuration) -> None:
        self._book.accept(plan, configuration)
        self._reconfigured(configuration)
        if plan.put or plan.removed:
            changed = self._tags.change(plan.put, plan.removed, plan.moved)
            self._tell_parts(changed, plan)
        self._changed()

    def _tell_parts(self, changed: TagsChanged, plan: TagPlan) -> None:
        tree, definitions = self._tags.tree, self._tags.tree.definitions()
        touched = self._polled_otherwise(plan)
        more = self._more_diagnostics(plan.put)
        if self._history is not None:
            put = [(tag, definitions[tag]) for tag in (*changed.put, *more)]
            self._history.change(put, changed.removed)
        self._know_places(plan)
        for name in touched:
            self._devices[name].set_points(self._points(name))
        mapped = {row.tag for row in self._configuration().modbus_map}
        if not mapped.isdisjoint(tag.path for tag in plan.put):
            self._remap()
        tree.announce((*changed.fresh, *more))

    def _know_places(self, plan: TagPlan) -> None:
        """Which tags are on which device."""
        for path in (*plan.removed, *(tag.path for tag in plan.put)):
            old, new = plan.before.tags.get(path), plan.after.tags.get(path)
            if old is not None and old.device in self._places:
                self._places[old.device].pop(path, None)
            if new is not None and new.device in self._places:
                self._places[new.device][path] = None

    def _points(self, device: str) -> list[Point]:
        """Its tags as its driver is to poll them, with the rates that are in force now."""
        tree, rates = self._tags.tree, self._tags.groups.rates
        definitions = tree.definitions()
        tags = [tag for path in self._places[device] if (tag := tree.find(path)) is not None]
        return [(tag, definitions[tag].on_device, rates[definitions[tag].group]) for tag in tags]

    def _polled_otherwise(self, plan: TagPlan) -> set[str]:
        """The devices of which other tags are polled, or at other places."""
        gone = [plan.before.tags[path] for path in plan.removed if path in plan.before.tags]
        found = {tag.device for tag in gone}
        for tag in plan.put:
            old = plan.before.tags.get(tag.path)
            if old is None:
                found.add(tag.device)
            elif _polled(old) != _polled(tag):
                found |= {old.device, tag.device}
        return found & self._devices.keys()

    def _more_diagnostics(self, put: Iterable[TagDefinition]) -> list[int]:
        """A device that is polled at a new rate has tags that tell of it."""
        rates = {group.name: group.rates for group in self._configuration().tag_groups}
        wanted: dict[str, set[float]] = {}
        for tag in put:
            if tag.kind is TagKind.DEVICE and tag.device in self._devices:
                wanted.setdefault(tag.device, set()).update(rates[tag.group])
        tree = self._tags.tree
        made = (each for device, its in wanted.items() for each in device_tag_definitions(device, its))
        return tree.add([each for each in made if tree.find(each.path) is None])

    def _changed(self) -> None:
        self.revision += 1
        for changed in self._watchers:
            changed()

    # tag groups

    async def put_group(self, name: str, keys: Mapping[str, Any] | None, origin: Origin) -> None:
        async def work() -> TagsEdited:
            plan = await self._run(plan_group, self._configuration(), self._data_dir, name, keys)
            await self._run(commit, self._data_dir, plan.files)
            self._take_over_groups(plan)
            return TagsEdited(self.revision)

        words = f"tag group {printable(name)} {'removed' if keys is None else 'changed'}"
        await self._alone(work, origin, words, dry_run=False)

    def _take_over_groups(self, plan: GroupPlan) -> None:
        before = {group.name: group for group in self._configuration().tag_groups}
        other = {group.name for group in plan.groups if before.get(group.name) != group}
        configuration = msgspec.structs.replace(self._configuration(), tag_groups=plan.groups)
        self._reconfigured(configuration)
        self._book.configuration = configuration
        tree, tags = self._tags.tree, self._tags
        definitions = tree.definitions()
        members = [tag for tag in tree.ids() if definitions[tag].group in other]
        more = self._more_diagnostics(definitions[tag] for tag in members)
        tags.configure(plan.groups)
        tags.derived.change([tag for tag in members if definitions[tag].kind is not TagKind.DEVICE], ())
        if self._history is not None:
            self._history.change([(tag, definitions[tag]) for tag in more])
        tree.announce(more)
        self._changed()

    # one after the other

    async def _alone(
        self, work: Callable[[], Awaitable[TagsEdited]], origin: Origin, words: str, *, dry_run: bool
    ) -> TagsEdited:
        """`work` as a task of ours: whoever asked may go away, what was begun is done to its end."""
        if self._waiting >= TAG_EDITS_WAITING:
            raise Overload("CFG-453", f"{self._waiting} edits of tags are waiting", "try again in a moment")
        self._waiting += 1
        answer: asyncio.Future[TagsEdited] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be left to ask for it

        async def run() -> None:
            try:
                async with self._one_at_a_time:
                    result = await self._told(work, origin, words, dry_run=dry_run)
                answer.set_result(result)
            except PlantgateError as error:
                answer.set_exception(error)
            finally:
                self._waiting -= 1
                if not answer.done():
                    answer.set_exception(Unavailable("CFG-454", "the gateway is stopping, or has met a defect"))

        self._tasks.spawn("tag-edit", run)
        return await asyncio.shield(answer)

    async def _told(
        self, work: Callable[[], Awaitable[TagsEdited]], origin: Origin, words: str, *, dry_run: bool
    ) -> TagsEdited:
        """One audit line for each change, whatever becomes of it."""
        outcome, reason = Outcome.FAILED, "given up before it was done"
        try:
            if not origin.may_write:
                raise Refused("CFG-455", f"{printable(origin.actor) or 'nobody'} may look but not change tags")
            done = await work()
            outcome, reason = Outcome.DONE, _counts(done)
        except PlantgateError as error:
            outcome = Outcome.REFUSED if isinstance(error, Refused | ConfigError) else Outcome.FAILED
            reason = printable(error.message, _WORDS_CHARS)
            raise
        finally:
            if not dry_run:
                _audit.info(
                    "command",
                    actor=printable(origin.actor),
                    address=origin.address or "-",
                    command=words,
                    outcome=outcome.value,
                    reason=reason or "-",
                )
        return done


def _polled(tag: TagDefinition) -> tuple[object, ...]:
    return tag.kind, tag.device, tag.address, tag.data_type, tag.group, tag.scaling


def _words(edit: TagEdit) -> str:
    """What is asked for, for the audit line."""
    if edit.rename is not None:
        return printable(f"tags rename {edit.rename[0]} to {edit.rename[1]}", _WORDS_CHARS)
    paths = [str(row.get("path")) for row in edit.put] or list(edit.remove)
    more = f" and {len(paths) - _NAMED_PATHS} more" if len(paths) > _NAMED_PATHS else ""
    return printable(f"tags {'put' if edit.put else 'remove'} {', '.join(paths[:_NAMED_PATHS])}{more}", _WORDS_CHARS)


def _counts(done: TagsEdited) -> str:
    names = ("added", "changed", "removed", "renamed", "ignored", "types")
    return ", ".join(f"{len(found)} {name}" for name in names if (found := getattr(done, name)))

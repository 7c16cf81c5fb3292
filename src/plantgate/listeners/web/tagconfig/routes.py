"""The routes by which tags are configured."""

from __future__ import annotations

from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.route import Endpoint, Parameter
from plantgate.listeners.web.tagconfig import editing, looking, shapes

_TAGS = "/api/v1/tags"
_GROUP = "/api/v1/tag-groups/{name}"
_LIMIT = Parameter("limit", "rows at most", "integer")
_OFFSET = Parameter("offset", "rows to skip", "integer")
_NAME = Parameter("name", "name of a tag group", required=True, place="path")
_IF_MATCH = Parameter("If-Match", "the ETag that was seen: 412 if the tags have changed since", place="header")


def tag_configuration_endpoints() -> list[Endpoint]:
    return [*_looking(), *_editing(), *_groups()]


def _looking() -> list[Endpoint]:
    return [
        Endpoint(
            "GET",
            f"{_TAGS}/browse",
            Rule.READ,
            looking.browse,
            "What is in a folder of tags",
            shapes.BrowseItems,
            parameters=(
                Parameter("path", "a folder, [default]Line 1; without it the providers"),
                Parameter("search", "words that must all be in the name"),
                _LIMIT,
                _OFFSET,
            ),
        ),
        Endpoint(
            "GET",
            f"{_TAGS}/configuration",
            Rule.READ,
            looking.configuration,
            "How a tag is defined, and in which file",
            shapes.Configured,
            parameters=(Parameter("path", "full tag path, [provider]Folder/Tag", required=True),),
        ),
        Endpoint(
            "GET",
            f"{_TAGS}/configurations",
            Rule.READ,
            looking.configurations,
            "How tags are defined",
            shapes.ConfiguredItems,
            parameters=(
                Parameter("path", "only what is in this folder"),
                Parameter("search", "words that must all be in path or description"),
                Parameter("kind", "device, memory, expression, derived or reference"),
                Parameter("device", "only tags of this device"),
                Parameter("group", "only tags of this tag group"),
                _LIMIT,
                _OFFSET,
            ),
        ),
        Endpoint(
            "GET",
            f"{_TAGS}/export",
            Rule.READ,
            looking.export,
            "Tags as a file",
            parameters=(
                Parameter("format", "toml, json, csv, or ignition (JSON that Ignition imports)"),
                Parameter("path", "only this folder"),
            ),
        ),
    ]


def _editing() -> list[Endpoint]:
    return [
        Endpoint(
            "PUT",
            f"{_TAGS}/configuration",
            Rule.COMMAND,
            editing.faults_told(editing.put_tags),
            "Add tags, or give them other definitions, all or none; they are written to the tag files",
            shapes.TagsDone,
            shapes.TagsPut,
            (_IF_MATCH,),
        ),
        Endpoint(
            "POST",
            f"{_TAGS}/remove",
            Rule.COMMAND,
            editing.faults_told(editing.remove_tags),
            "Remove tags, instances or folders that nothing needs",
            shapes.TagsDone,
            shapes.TagsRemove,
            (_IF_MATCH,),
        ),
        Endpoint(
            "POST",
            f"{_TAGS}/rename",
            Rule.COMMAND,
            editing.faults_told(editing.rename),
            "Give a tag, an instance or a folder another path; sources and formulas that name it follow",
            shapes.TagsDone,
            shapes.TagRename,
            (_IF_MATCH,),
        ),
        Endpoint(
            "POST",
            f"{_TAGS}/import",
            Rule.COMMAND,
            editing.faults_told(editing.import_tags),
            "Take over the tags of a file (the body), all or none",
            shapes.TagsDone,
            parameters=(
                Parameter("format", "toml, json, csv or ignition"),
                Parameter("on_conflict", "of what is there: abort, overwrite, ignore, rename or merge"),
                Parameter("into", "a folder that all paths are put into"),
                Parameter("file", "the file of the tags folder for what is new"),
                Parameter("dry_run", "true: only tell what would be done"),
                _IF_MATCH,
            ),
        ),
        Endpoint(
            "POST",
            f"{_TAGS}/reload",
            Rule.COMMAND,
            editing.faults_told(editing.reload),
            "Take over tag files that were edited by hand",
            shapes.TagsDone,
        ),
    ]


def _groups() -> list[Endpoint]:
    return [
        Endpoint(
            "PUT",
            _GROUP,
            Rule.COMMAND,
            editing.faults_told(editing.put_group),
            "Add a tag group, or give it other rates",
            shapes.GroupDone,
            shapes.GroupPut,
            (_NAME,),
        ),
        Endpoint(
            "DELETE",
            _GROUP,
            Rule.COMMAND,
            editing.faults_told(editing.remove_group),
            "Remove a tag group that no tag uses",
            shapes.GroupDone,
            parameters=(_NAME,),
        ),
    ]

"""Functions of arrays, and of the texts of DataSet and Document tags.

A dataset is `{"columns": ["a", ...], "rows": [[...], ...]}`, as a DataSet tag holds it. What is found in a document
and is a list or an object itself is given as the text of that, so that it can be looked into further.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from plantgate.limits import TAG_DOCUMENT_CHARS
from plantgate.runtime.log import printable
from plantgate.tags.expressions.evaluation import (
    Trouble,
    Value,
    anything,
    equal,
    failure,
    fits,
    shown,
    text,
    whole,
    wrong,
)
from plantgate.tags.expressions.functions.shape import Function, plain

_DATASET = '\'{"columns": ["id", "name"], "rows": [[1, "Filler"], [2, "Capper"]]}\''
_MOST_STEPS = 32
_SHOWN_CHARS = 40


def _document(value: Value, where: str) -> Any:
    """Raises Trouble."""
    if not isinstance(value, str):
        raise wrong(value, "an array or the text of a document", where)
    if len(value) > TAG_DOCUMENT_CHARS:
        raise failure(f"{where} is a document of more than {TAG_DOCUMENT_CHARS} characters")
    try:
        return json.loads(value, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise failure(f"{where} is no JSON: {shown(value)}") from None


def _refused(word: str) -> Any:
    raise ValueError(word)


def _given(found: Any, where: str) -> Value:
    """What an expression can go on with."""
    if isinstance(found, dict | list):
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return fits(found, where) if isinstance(found, int) else found


def _rows(value: Value, where: str) -> tuple[list[str], list[Any]]:
    """(columns, rows) of a dataset. Raises Trouble."""
    document = _document(value, where)
    if isinstance(document, dict) and isinstance(document.get("rows"), list):
        columns = document.get("columns")
        names = [str(each.get("name")) if isinstance(each, dict) else str(each) for each in columns or ()]
        return names, document["rows"]
    raise failure(f"{where} is no dataset: {shown(value)}")


def _cell(columns: Sequence[str], rows: Sequence[Any], row: int, column: Value, where: str) -> Value:
    place = columns.index(column) if isinstance(column, str) and column in columns else column
    if isinstance(place, str):
        raise _missing(place, f"{where} has columns, but")
    cells = rows[_place(row, len(rows), "rows", where)]
    if not isinstance(cells, list):
        raise failure(f"{where} has a row that is no list")
    return _given(cells[_place(whole(place, "a column"), len(cells), "columns", where)], where)


def _place(index: int, count: int, what: str, where: str) -> int:
    if 0 <= index < count:
        return index
    raise failure(f"{where} has {count} {what}, counted from 0: there is no [{index}]")


def _element(value: Value, row: Value, column: Value = 0) -> Value:
    where = "the first argument of element()"
    if isinstance(value, tuple):
        if column != 0:
            raise failure("an array has one column: [row] or [row, 0]")
        return value[_place(whole(row, "an index"), len(value), "values", where)]
    document = _document(value, where)
    if isinstance(document, list):
        return _given(document[_place(whole(row, "an index"), len(document), "values", where)], where)
    if isinstance(document, dict) and isinstance(row, str):
        return _step(document, row, where)
    columns, rows = _rows(value, where)
    return _cell(columns, rows, whole(row, "a row"), column, where)


def _step(document: Mapping[str, Any], key: str, where: str) -> Value:
    if key in document:
        return _given(document[key], where)
    raise _missing(key, where)


def _missing(key: str, where: str) -> Trouble:
    return failure(f"{where} has no {printable(repr(key), _SHOWN_CHARS)}")


def _lookup(dataset: Value, wanted: Value, otherwise: Value, looked: Value = 0, result: Value = 1) -> Value:
    where = "the first argument of lookup()"
    columns, rows = _rows(dataset, where)
    for number in range(len(rows)):
        found = _cell(columns, rows, number, looked, where)
        if isinstance(found, str) is isinstance(wanted, str) and equal(found, wanted, "lookup()"):
            return _cell(columns, rows, number, result, where)
    return otherwise


def _json_get(value: str, path: str) -> Value:
    where = "the first argument of jsonGet()"
    found = _document(value, where)
    steps = path.replace("[", ".").replace("]", "").split(".") if path else []
    if len(steps) > _MOST_STEPS:
        raise failure(f"jsonGet() takes a path of at most {_MOST_STEPS} steps")
    for step in steps:
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step[:9]) < len(found):
            found = found[int(step[:9])]
        elif step:
            raise _missing(step, where)
    return _given(found, where)


def _length(value: Value) -> int:
    return len(value) if isinstance(value, tuple) else len(text(value, "the first argument of len()"))


def _contains(value: Value, part: Value) -> bool:
    if isinstance(value, tuple):
        return any(isinstance(item, str) is isinstance(part, str) and item == part for item in value)
    return text(part, "the second argument of contains()") in text(value, "the first argument of contains()")


def _split(value: str, separator: str, most: int = 0) -> Value:
    """`\\\\.` and `\\\\|` are what people write for whom the separator is a regular expression."""
    plain_separator = separator.replace("\\", "") if len(separator) > 1 else separator
    if not plain_separator:
        raise failure("split() takes a separator of at least one character")
    return tuple(value.split(plain_separator, most - 1 if most > 0 else -1))


def _join(values: Value, separator: str) -> str:
    if not isinstance(values, tuple):
        raise wrong(values, "an array", "the first argument of join()")
    return separator.join("" if item is None else text(item, "a value of join()") for item in values)


FUNCTIONS: tuple[Function, ...] = (
    plain(
        "element(value, row, [column])",
        "One value of an array, a cell of a dataset, a part of a document; also written `value[row, column]`. Counted "
        "from 0; columns and parts also by name.",
        f'element({_DATASET}, 1, "name")', '"Capper"', _element, anything, anything, anything,
    ),
    plain("len(value)", "How many values an array, or characters a text has.", 'len("hello")', "5", _length, anything),
    plain(
        "contains(value, part)", "Whether a text has that part, or an array that value.",
        'contains("hello", "ell")', "true", _contains, anything, anything,
    ),
    plain(
        "split(text, separator, [most])",
        "The parts between separators as an array, at most so many. The separator is a plain text.",
        'len(split("a,b,c", ","))', "3", _split, text, text, whole,
    ),
    plain("join(array, separator)", "Its values as one text.", 'join(split("a b", " "), "+")', '"a+b"', _join,
          anything, text),
    plain(
        "lookup(dataset, value, otherwise, [column], [result])",
        "Of the first row with that value in `column` (0) what is in `result` (1); else `otherwise`.",
        f'lookup({_DATASET}, 2, "none")', '"Capper"', _lookup, anything, anything, anything, anything, anything,
    ),
    plain(
        "jsonGet(document, path)", "What is at `a.b[0].c` of a document.",
        'jsonGet(\'{"a": {"b": [5, 6]}}\', "a.b[1]")', "6", _json_get, text, text,
    ),
)  # fmt: skip

"""What an expression costs to parse, bind and evaluate; and that the graph's cost grows with the tags, not faster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from bench.table import table
from plantgate.limits import EXPRESSION_CHARS, EXPRESSION_DEPTH, EXPRESSION_FOLDER_TAGS, EXPRESSION_NODES
from plantgate.model.value import TagValue
from plantgate.tags.expressions import Expression, ExpressionError, Graph, Inputs, parse
from plantgate.tags.expressions.expression import forget

ROUNDS = 5
NOW = 1_795_212_000_000_000
EVALUATED = {
    "small": "{A} + {B} * 2",
    "comparison": "{A} > 2 && {B} < 100",
    "medium": 'if({A} > 80, "high", if({A} < 20, "low", concat("at ", round({A}, 1), " of ", {B})))',
    "scaling": "round(({A} - 4) * ({B} - 0.5) / (20 - 4) + 32, 2)",
    "quality": "coalesce(try({A} / {B}, 0), {Bad}, -1)",
    "bad input": "{Bad} + 1",
    "time": 'if(getHour24(now()) >= 6, dateFormat(now(), "yyyy-MM-dd HH:mm"), "night")',
    "100 tags in a folder": "mean({Line 1/*})",
    "20,000 tags in a folder": "sum({Plant/**})",
}
DISTINCT = 100_000
SHAPES = {
    "small": "{{A{number}}} * {number} + {{B{number}}}",
    "medium": 'if({{A{number}}} > {number}, "{word}", if({{A{number}}} < 20, "low", '
    'concat("at ", round({{A{number}}}, 1), " of ", {{B{number}}})))',
}
DEAREST = "concat(" + ", ".join(["dateFormat({B}, {F})"] * 332) + ")"


def main() -> None:
    _evaluations()
    _parsing()
    _graphs()


def _evaluations() -> None:
    values = {
        "[default]A": TagValue(42.5, 192, 0),
        "[default]B": TagValue(7, 192, 0),
        "[default]Bad": TagValue(1.0, 522, 0, "connection refused by 10.0.0.7:502"),
    }
    folders = {
        "[default]Line 1/*": [TagValue(float(number), 192, 0) for number in range(100)],
        "[default]Plant/**/*": [TagValue(float(number), 192, 0) for number in range(EXPRESSION_FOLDER_TAGS)],
    }
    rows: list[list[object]] = []
    for name, text in EVALUATED.items():
        expression = parse(text).bound("[default]")
        count = 200 if "20,000" in name else 20_000
        work = partial(_evaluate, expression, values.__getitem__, folders.__getitem__, count)
        rows.append([name, text, _best(work) / count * 1e6])
    values |= {"[default]F": TagValue("yMdHms" * 16, 192, 0)}
    dearest = parse(DEAREST).bound("[default]")
    work = partial(_evaluate, dearest, values.__getitem__, folders.__getitem__, 5)
    rows.append(["dearest", "332 times dateFormat({B}, {F})", _best(work) / 5 * 1e6])
    table("Expressions: one evaluation", ["", "expression", "us"], rows)


def _evaluate(
    expression: Expression, read: Callable[[str], TagValue], folder: Callable[[str], Sequence[TagValue]], count: int
) -> None:
    for _ in range(count):
        expression.evaluate(read, NOW, folder)


def _parsing() -> None:
    rows: list[list[object]] = []
    for name, shape in SHAPES.items():
        texts = [shape.format(number=number, word=f"w{number}") for number in range(DISTINCT)]
        rows.append([f"{DISTINCT} distinct of one shape, {name}", len(texts[0]), _loading(texts) / DISTINCT * 1e6])
        rows.append([f"{DISTINCT} equal, {name}", len(texts[0]), _loading(texts[:1] * DISTINCT) / DISTINCT * 1e6])
    count = 300
    for name in ("small", "medium"):
        texts = [f"{EVALUATED[name]}{' ' * number}+ 0" for number in range(count)]
        rows.append([f"{count} of a shape each, {name}", len(EVALUATED[name]), _loading(texts) / count * 1e6])
    known = parse(EVALUATED["medium"])
    rows.append(
        ["bind medium, its text known", len(EVALUATED["medium"]), _best(partial(_bind, known, 20_000)) / 20_000 * 1e6]
    )
    longest = "+".join(["1"] * (EXPRESSION_DEPTH - 1)) + " " * 100
    wide = "sum(" + ",".join(["{A}"] * (EXPRESSION_NODES - 1)) + ")"
    for name, text in (
        ("parse the deepest", longest),
        ("parse the one with most parts", wide),
        ("refuse ((((", "(" * EXPRESSION_CHARS),
        ("refuse ----", "-" * EXPRESSION_CHARS + "1"[:0]),
        ("refuse 1+1+", "1+" * (EXPRESSION_CHARS // 2)),
    ):
        rows.append([name, len(text), _best(partial(_parse, [text])) * 1e6])
    table("Expressions: parsing", ["", "characters", "us"], rows)


def _loading(texts: Sequence[str]) -> float:
    """Seconds to parse and bind all of them and to keep them, as a gateway does at its start."""
    forget()
    began = time.process_time()
    kept = [parse(text).bound("[default]Line 1") for text in texts]
    seconds = time.process_time() - began
    assert len(kept) == len(texts)
    return seconds


def _parse(texts: Sequence[str]) -> None:
    forget()
    for text in texts:
        try:
            parse(text)
        except ExpressionError:
            continue


def _bind(expression: Expression, count: int) -> None:
    for _ in range(count):
        expression.bound("[default]Line 1/Filler")


def _graphs() -> None:
    rows: list[list[object]] = []
    for count in (1_000, 10_000, 100_000):
        for shape, inputs in (
            ("each of two tags", _pairs(count)),
            ("chains of 50", _chains(count)),
            ("with 100 folders", _folders(count)),
        ):
            graph = Graph()
            loading = _best(partial(_load, inputs), rounds=1)
            graph.update(inputs)
            changed = [f"[default]raw{number}" for number in range(count)]
            everything = _best(partial(graph.order, changed), rounds=2)
            one = _best(partial(_repeat, partial(graph.order, changed[:1]), 20), rounds=2) / 20
            tag = next(iter(inputs))
            edit = _best(partial(graph.update, {tag: inputs[tag]}), rounds=2)
            rows.append([shape, count, loading * 1e3, everything * 1e3, one * 1e6, edit * 1e6])
        ring = {f"[default]x{number}": _reads(f"x{(number + 1) % count}") for number in range(count)}
        rows.append(["one ring", count, _best(partial(_load, ring), rounds=1) * 1e3, "", "", ""])
        graph = Graph()
        graph.update(_folders(count))
        same = [f"[default]dark{number}" for number in range(count)]
        rows.append(["changes of tags in no expression", count, "", _best(partial(graph.order, same)) * 1e3, "", ""])
    table(
        "Expressions: the graph",
        ["", "expressions", "load ms", "order after all changed ms", "after one us", "edit one us"],
        rows,
    )


def _reads(*names: str) -> Inputs:
    return Inputs(frozenset(f"[default]{name}" for name in names))


def _pairs(count: int) -> dict[str, Inputs]:
    return {f"[default]x{number}": _reads(f"raw{number}", f"raw{(number + 1) % count}") for number in range(count)}


def _chains(count: int) -> dict[str, Inputs]:
    """In the worst order: each before the one it reads."""
    return {
        f"[default]x{number}": _reads(f"raw{number}", *([f"x{number - 1}"] if number % 50 else []))
        for number in reversed(range(count))
    }


def _folders(count: int) -> dict[str, Inputs]:
    """A hundredth of the expressions is in each of 100 folders, and each folder has a sum."""
    inputs = {f"[default]F{number % 100}/x{number}": _reads(f"raw{number}") for number in range(count)}
    sums = {f"[default]Sums/{number}": Inputs(folders=frozenset({f"[default]F{number}/*"})) for number in range(100)}
    return inputs | sums


def _load(inputs: dict[str, Inputs]) -> None:
    Graph().update(inputs)


def _repeat(work: Callable[[], object], count: int) -> None:
    for _ in range(count):
        work()


def _best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds of processor time: the best round, for others use this machine as well."""
    return min(_seconds(work) for _ in range(rounds))


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()

"""From text to tree: a LALR grammar for lark. Neither the parser nor the tree goes deeper than EXPRESSION_DEPTH."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from plantgate.limits import EXPRESSION_CHARS, EXPRESSION_DEPTH, EXPRESSION_NODES
from plantgate.runtime.log import printable
from plantgate.tags.expressions.errors import ExpressionError, nearest
from plantgate.tags.expressions.functions import FUNCTIONS, find
from plantgate.tags.expressions.functions.shape import Function
from plantgate.tags.expressions.paths import written
from plantgate.tags.expressions.syntax import COMPARING, Call, Literal, Node, Operation, Reference, level_of
from plantgate.tags.expressions.terminals import COMMENT, LINE_COMMENT, NUMBER, REFERENCE, TEXT, number, plain_text

# How operators bind is not in the grammar: a rule for each of their levels would cost every operand a dozen reductions,
# three times as much as all the rest.
_GRAMMAR = rf"""
?start: chain
?chain: operand (OPERATOR operand)*
?operand: SIGN operand -> signed
    | item
?item: NUMBER -> number
    | TEXT -> text
    | REFERENCE -> reference
    | NAME -> word
    | NAME "(" [arguments] ")" -> call
    | item BRACKET arguments "]" -> element
    | "(" chain ")"
arguments: chain ("," chain)*

OPERATOR: /\|\||&&|==|!=|<<|>>|<=|>=|[-+*\/%^&|<>=]|(?i:xor|like)\b/
SIGN: /[-!~]/
BRACKET: "["
NUMBER: /{NUMBER}/
TEXT: /{TEXT}/
REFERENCE: /{REFERENCE}/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[ \t\r\n]+/
%ignore /{LINE_COMMENT}/
%ignore /{COMMENT}/
"""
_CONSTANTS = {"true": True, "false": False, "null": None}
_SHOWN_CHARS = 20


def tree(text: str) -> Node:
    """Raises ExpressionError."""
    if len(text) > EXPRESSION_CHARS:
        raise ExpressionError(
            "EXP-101",
            f"the expression has {len(text)} characters: at most {EXPRESSION_CHARS}",
            1,
            "put parts of it into expression tags of their own",
        )
    try:
        node: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unexpected(error, text) from None
    _check_single(node)
    return node  # type: ignore[no-any-return]


@cache
def _parser() -> Lark:
    """Made when the first expression is parsed: 30 ms."""
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder(), maybe_placeholders=False)


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Called by the parser as it goes: nothing too large is ever built."""

    def number(self, token: Token) -> Node:
        return Literal(number(token, _column(token)), _column(token))

    def text(self, token: Token) -> Node:
        return Literal(plain_text(token, _column(token)), _column(token))

    def reference(self, token: Token) -> Node:
        return Reference(written(token[1:-1], _column(token)), _column(token))

    def word(self, token: Token) -> Node:
        if (constant := token.lower()) in _CONSTANTS:
            return Literal(_CONSTANTS[constant], _column(token))
        name = printable(token, _SHOWN_CHARS)
        hint = f"a tag is written {{{name}}}, a text {chr(34)}{name}{chr(34)}"
        if find(token):
            hint = f"a function is called with parentheses: {name}()"
        raise ExpressionError("EXP-104", f"{name} is no value", _column(token), hint)

    def signed(self, operator: Token, operand: Node) -> Node:
        return _operation(operator, (operand,))

    def chain(self, first: Node, *rest: Any) -> Node:
        """Operators wait until a looser one comes (E. Dijkstra's shunting yard)."""
        operands: list[Node] = [first]
        waiting: list[Token] = []
        for operator, operand in zip(rest[::2], rest[1::2], strict=True):
            while waiting and _comes_first(waiting[-1], operator):
                _join(operands, waiting.pop())
            waiting.append(operator)
            operands.append(operand)
        while waiting:
            _join(operands, waiting.pop())
        return operands[0]

    def arguments(self, *nodes: Node) -> Any:
        return nodes

    def element(self, value: Node, bracket: Token, arguments: tuple[Node, ...]) -> Node:
        """`value[row]` is `element(value, row)`."""
        return _called("element", (value, *arguments), _column(bracket))

    def call(self, token: Token, arguments: tuple[Node, ...] = ()) -> Node:
        return _called(token, arguments, _column(token))


def _called(name: str, arguments: tuple[Node, ...], column: int) -> Node:
    function = find(name)
    if function is None:
        raise ExpressionError(
            "EXP-105",
            f"there is no function {printable(name, _SHOWN_CHARS)}()",
            column,
            nearest(name, FUNCTIONS) or "docs/expressions.md has all of them",
        )
    _check_count(function, len(arguments), column)
    _check_folders(function, arguments)
    _check_rate(function, arguments)
    _check_references(function, arguments)
    depth, size = _measured(arguments, column)
    return Call(function.name, arguments, column, depth, size)


def _column(token: Token) -> int:
    return (token.start_pos or 0) + 1


def _measured(nodes: Sequence[Node], column: int) -> tuple[int, int]:
    depth = 1 + max((node.depth for node in nodes), default=0)
    size = 1 + sum(node.size for node in nodes)
    if depth > EXPRESSION_DEPTH:
        raise ExpressionError(
            "EXP-106",
            f"the expression is nested deeper than {EXPRESSION_DEPTH} levels",
            column,
            "sum(), max() and && of two parts take many values without nesting",
        )
    if size > EXPRESSION_NODES:
        raise ExpressionError(
            "EXP-107",
            f"the expression has more than {EXPRESSION_NODES} parts",
            column,
            "put some of them into expression tags of their own, or take a function over a folder",
        )
    return depth, size


def _comes_first(left: Token, right: Token) -> bool:
    """Whether in `a left b right c` the left operator belongs to b."""
    levels = level_of(left), level_of(right)
    if levels[0] == levels[1] and levels[0] in COMPARING:
        raise ExpressionError(
            "EXP-114",
            f"{right} can't stand here",
            _column(right),
            "comparisons don't stand in a row: write 1 < {A} && {A} < 5",
        )
    return levels[0] > levels[1] or (levels[0] == levels[1] and right != "^")


def _join(operands: list[Node], operator: Token) -> None:
    right, left = operands.pop(), operands.pop()
    operands.append(_operation(operator, (left, right)))


def _operation(operator: Token, operands: tuple[Node, ...]) -> Node:
    for operand in operands:
        _check_single(operand)
    column = _column(operator)
    depth, size = _measured(operands, column)
    return Operation("=" if operator == "==" else str(operator).lower(), operands, column, depth, size)


def names_several(node: Node) -> bool:
    """A folder, or onlyGood() of one: only functions of several values take it."""
    return node.path.is_pattern if isinstance(node, Reference) else isinstance(node, Call) and node.name == "onlyGood"


def _check_single(node: Node) -> None:
    if names_several(node):
        raise ExpressionError(
            "EXP-108",
            "several tags stand where one value is wanted",
            node.column,
            "put sum(), mean(), min(), max() or count() around them",
        )


def _check_count(function: Function, count: int, column: int) -> None:
    uneven = function.in_pairs and count % 2
    if function.least <= count <= (count if function.most is None else function.most) and not uneven:
        return
    raise ExpressionError(
        "EXP-109", f"{function.name}() can't have {count} argument{'s' * (count != 1)}", column,
        f"it is {function.signature}",
    )  # fmt: skip


def _check_folders(function: Function, arguments: tuple[Node, ...]) -> None:
    for node in arguments:
        if not function.takes_folders:
            _check_single(node)
        elif function.name == "onlyGood" and not (isinstance(node, Reference) and node.path.is_pattern):
            raise ExpressionError(
                "EXP-110", "onlyGood() takes the tags of a folder", node.column, "as in mean(onlyGood({Line 1/*}))"
            )


def _check_rate(function: Function, arguments: tuple[Node, ...]) -> None:
    """How often the clock makes it evaluated is known before it is."""
    if function.rate is None or len(arguments) <= function.rate:
        return
    rate = arguments[function.rate]
    if not isinstance(rate, Literal) or isinstance(rate.value, bool) or not isinstance(rate.value, int):
        raise ExpressionError(
            "EXP-111",
            f"{function.name}() takes a constant number of milliseconds",
            rate.column,
            "as in now(5000)",
        )


def _check_references(function: Function, arguments: tuple[Node, ...]) -> None:
    if function.takes_references and not isinstance(arguments[0], Reference):
        raise ExpressionError(
            "EXP-115", f"{function.name}() takes a tag", arguments[0].column, "as in timestampOf({[.]Speed})"
        )


def _unexpected(error: UnexpectedInput, text: str) -> ExpressionError:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return ExpressionError(
            "EXP-112", "the expression ends too early", len(text) + 1, "a value or a closing ) is missing"
        )
    position: Any = error.pos_in_stream  # lark declares it as None
    place: int = position or 0
    if isinstance(error, UnexpectedCharacters):
        found, hint = printable(text[place], _SHOWN_CHARS), _character_hint(text[place])
    else:
        token: Any = getattr(error, "token", None)
        found, hint = printable(str(token), _SHOWN_CHARS), "an operator or a comma may be missing before it"
    return ExpressionError("EXP-113", f"{found} can't stand here", place + 1, hint)


def _character_hint(character: str) -> str:
    if character in "\"'":
        return f"the text that begins here has no closing {character}"
    if character == "{":
        return "the tag that begins here has no closing }"
    if character == "/":
        return "a comment that begins with /* ends with */"
    return "docs/expressions.md shows what an expression is made of"

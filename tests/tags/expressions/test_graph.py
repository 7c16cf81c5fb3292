"""Order, cycles and depth of the dependencies between expressions."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.limits import EXPRESSION_CHAIN, EXPRESSION_PATTERNS
from plantgate.model.quality import Quality
from plantgate.tags.expressions import FolderPattern, Graph, Inputs, parse


def reads(*names: str, folders: Iterable[str] = ()) -> Inputs:
    return Inputs(frozenset(f"[p]{name}" for name in names), frozenset(f"[p]{name}" for name in folders))


def graph_of(**inputs: Inputs) -> Graph:
    graph = Graph()
    graph.update({f"[p]{name}": each for name, each in inputs.items()})
    return graph


def names(tags: Iterable[str]) -> list[str]:
    return [tag.removeprefix("[p]") for tag in tags]


def test_a_change_is_carried_on_in_order_and_once() -> None:
    graph = graph_of(d=reads("b", "c"), c=reads("b", "a"), b=reads("a"), other=reads("x"))
    assert names(graph.order(["[p]a"])) == ["b", "c", "d"]
    assert names(graph.order(["[p]a", "[p]b", "[p]a"])) == ["b", "c", "d"]
    assert names(graph.order(["[p]c"])) == ["d"]
    assert names(graph.order(["[p]d", "[p]nobody reads"])) == []
    assert sorted(names(graph.order(["[p]x", "[p]c"]))) == ["d", "other"]


def test_what_is_due_is_evaluated_itself_and_then_what_depends_on_it() -> None:
    graph = graph_of(b=reads("a"), c=reads("b"))
    assert names(graph.order(due=["[p]b"])) == ["b", "c"]
    assert names(graph.order(["[p]a"], due=["[p]c", "[p]b"])) == ["b", "c"]
    assert names(graph.order(due=["[p]a", "[p]unknown"])) == []


def test_an_expression_itself_can_be_put() -> None:
    graph = Graph()
    assert graph.update({"[p]A/Sum": parse("sum({../B/*}) + {../x}").bound("[p]A")}) == {"[p]A/Sum"}
    assert graph.order(["[p]B/one"]) == graph.order(["[p]x"]) == ["[p]A/Sum"]
    assert graph.order(["[p]B/deep/one"]) == []


def test_replacing_and_removing() -> None:
    graph = graph_of(b=reads("a"), c=reads("b"))
    assert graph.update({"[p]b": reads("x")}) == {"[p]b"}
    assert names(graph.order(["[p]a"])) == []
    assert names(graph.order(["[p]x"])) == ["b", "c"]
    assert graph.update({}, ["[p]b", "[p]never there"]) == frozenset()
    assert names(graph.order(["[p]x"])) == []
    assert names(graph.order(["[p]b"])) == ["c"], "what reads a removed tag still waits for it"


def test_a_cycle_is_named_and_leaves_the_others_alone() -> None:
    ring = {"a": reads("b", "raw"), "b": reads("c"), "c": reads("a"), "self": reads("self")}
    graph = graph_of(**ring, after=reads("a"), apart=reads("raw"))
    fault = graph.fault("[p]a")
    assert fault is not None
    assert fault.quality == Quality.ERROR_CYCLE_DETECTED
    assert fault.reason == "it is made from itself: [p]a <- [p]b <- [p]c <- [p]a"
    assert graph.fault("[p]b") == graph.fault("[p]c") == fault
    own = graph.fault("[p]self")
    assert own is not None
    assert own.reason == "it is made from itself: [p]self <- [p]self"
    assert graph.fault("[p]after") is graph.fault("[p]apart") is None
    assert names(graph.order(["[p]raw"])) == ["apart"]
    assert names(graph.order(["[p]a"])) == ["after"]
    assert graph.order(due=["[p]a", "[p]self"]) == []


def test_a_cycle_that_comes_and_goes_tells_whom_to_look_at() -> None:
    graph = graph_of(a=reads("b"), b=reads("c"), d=reads("b"))
    assert graph.update({"[p]c": reads("a")}) == {"[p]a", "[p]b", "[p]c"}
    assert graph.update({"[p]c": reads("raw")}) == {"[p]a", "[p]b", "[p]c"}
    assert graph.fault("[p]a") is None
    assert names(graph.order(["[p]raw"])) in (["c", "b", "a", "d"], ["c", "b", "d", "a"])
    graph.update({"[p]c": reads("a")})
    assert graph.update({}, ["[p]c"]) == {"[p]a", "[p]b"}
    assert graph.fault("[p]c") is graph.fault("[p]a") is None


def test_two_cycles_of_a_tangle_are_named_apart() -> None:
    graph = graph_of(a=reads("b", "c"), b=reads("a"), c=reads("a"))
    reasons = {name: (graph.fault(f"[p]{name}") or pytest.fail(name)).reason for name in "abc"}
    assert reasons["b"].endswith("[p]a <- [p]b <- [p]a")
    assert reasons["c"] == "it is made from itself: [p]c <- [p]a <- [p]c"


def test_a_long_cycle_is_shortened() -> None:
    graph = graph_of(**{f"x{number}": reads(f"x{(number + 1) % 100}") for number in range(100)})
    fault = graph.fault("[p]x0")
    assert fault is not None
    assert fault.reason == "it is made from itself: [p]x0 <- [p]x1 <- [p]x2 <- [p]x3 <- 96 more <- [p]x0"


def test_a_folder_that_contains_its_own_sum_is_a_cycle() -> None:
    graph = Graph()
    graph.update({"[p]A/sum": reads(folders=["A/*"]), "[p]A/x": reads("raw"), "[p]total": reads(folders=["**/x"])})
    fault = graph.fault("[p]A/sum")
    assert fault is not None
    assert fault.reason == "it is made from itself: [p]A/sum <- [p]A/* <- [p]A/sum"
    assert graph.fault("[p]A/x") is graph.fault("[p]total") is None
    assert graph.order(["[p]raw"]) == ["[p]A/x", "[p]total"]
    assert graph.update({}, ["[p]A/sum"]) == frozenset()


def test_a_new_member_of_a_folder_moves_its_sum() -> None:
    graph = graph_of(sum=reads(folders=["A/*"]), after=reads("sum"))
    assert graph.order(["[p]A/any tag"]) == ["[p]sum", "[p]after"]
    assert graph.update({"[p]A/x": reads("after")}) == {"[p]A/x", "[p]sum", "[p]after"}
    fault = graph.fault("[p]A/x")
    assert fault is not None
    assert fault.quality == Quality.ERROR_CYCLE_DETECTED
    assert graph.update({}, ["[p]A/x"]) == {"[p]sum", "[p]after"}
    assert graph.order(["[p]A/x"]) == ["[p]sum", "[p]after"]


@pytest.mark.parametrize("through", ["references", "folders"])
def test_a_chain_is_bounded(through: str) -> None:
    def link(number: int) -> Inputs:
        return reads(f"F{number - 1}/x") if through == "references" else reads(folders=[f"F{number - 1}/*"])

    count = EXPRESSION_CHAIN + 5
    chain = {f"[p]F{number}/x": link(number) for number in range(count)}
    graph = Graph()
    graph.update(dict(reversed(chain.items())))
    faulty = [tag for tag in chain if graph.fault(tag)]
    assert faulty == [f"[p]F{number}/x" for number in range(EXPRESSION_CHAIN, count)]
    fault = graph.fault(faulty[0])
    assert fault is not None
    assert fault.quality == Quality.ERROR_CONFIGURATION
    assert "a chain of more than" in fault.reason
    assert graph.order(["[p]F-1/x"]) == list(chain)[:EXPRESSION_CHAIN]
    assert graph.update({"[p]F50/x": reads("raw")}) == {"[p]F50/x", *faulty}
    assert not any(graph.fault(tag) for tag in chain)
    assert graph.update({"[p]F50/x": link(50)}) == {"[p]F50/x", *faulty}
    assert graph.update({}, ["[p]F50/x"]) == frozenset(faulty)


def test_patterns_that_begin_in_one_folder_are_bounded() -> None:
    graph = Graph()
    graph.update({f"[p]S/{number}": reads(folders=[f"A/x{number}*"]) for number in range(EXPRESSION_PATTERNS)})
    graph.update({"[p]one more": reads(folders=["A/y*"]), "[p]known": reads(folders=["A/x1*"])})
    fault = graph.fault("[p]one more")
    assert fault is not None
    assert fault.quality == Quality.ERROR_CONFIGURATION
    assert fault.reason.startswith("[p]A/y*: more than")
    assert graph.fault("[p]known") is None
    assert graph.update({}, ["[p]one more"]) == frozenset()
    graph.update({}, [f"[p]S/{number}" for number in range(EXPRESSION_PATTERNS)])
    graph.update({"[p]one more": reads(folders=["A/y*"])})
    assert graph.fault("[p]one more") is None


_NAMES = ("a", "b", "F/c", "F/d", "F/G/e", "raw")
_FOLDERS = ("F/*", "F/**/*", "*")
_EDITS = st.lists(
    st.one_of(
        st.dictionaries(
            st.sampled_from(_NAMES[:-1]),
            st.builds(
                lambda some, folders: reads(*some, folders=folders),
                st.sets(st.sampled_from(_NAMES), max_size=2),
                st.sets(st.sampled_from(_FOLDERS), max_size=1),
            ),
            max_size=3,
        ),
        st.sets(st.sampled_from(_NAMES[:-1]), max_size=2),
    ),
    max_size=8,
)


@given(_EDITS)
def test_order_and_cycles_after_any_edits(edits: list[dict[str, Inputs] | set[str]]) -> None:
    graph, nodes = Graph(), dict[str, Inputs]()
    before: dict[str, object] = {}
    for edit in edits:
        put = {f"[p]{name}": inputs for name, inputs in edit.items()} if isinstance(edit, dict) else {}
        gone = [] if isinstance(edit, dict) else [f"[p]{name}" for name in edit]
        told = graph.update(put, gone)
        nodes = {tag: inputs for tag, inputs in (nodes | put).items() if tag not in gone}
        faults: dict[str, object] = {tag: _kind(graph, tag) for tag in nodes}
        assert faults == _expected(nodes)
        assert {tag for tag in nodes if faults[tag] != before.get(tag)} | set(put) <= told
        assert told <= set(nodes)
        for tag in (f"[p]{name}" for name in _NAMES):
            _check_order(graph, nodes, faults, tag)
        before = dict(faults)


@given(_EDITS)
def test_depths_are_kept_by_any_edits(edits: list[dict[str, Inputs] | set[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plantgate.tags.expressions.graph.EXPRESSION_CHAIN", 1)
        graph, nodes = Graph(), dict[str, Inputs]()
        for edit in edits:
            put = {f"[p]{name}": inputs for name, inputs in edit.items()} if isinstance(edit, dict) else {}
            gone = [] if isinstance(edit, dict) else [f"[p]{name}" for name in edit]
            graph.update(put, gone)
            nodes = {tag: inputs for tag, inputs in (nodes | put).items() if tag not in gone}
            fresh = Graph()
            fresh.update(nodes)
            assert [_kind(graph, tag) for tag in nodes] == [_kind(fresh, tag) for tag in nodes]


def _kind(graph: Graph, tag: str) -> object:
    """Which of several cycles a reason names may differ."""
    fault = graph.fault(tag)
    return fault and fault.quality


def _inputs(nodes: dict[str, Inputs], tag: str) -> set[str]:
    everything = {f"[p]{name}" for name in _NAMES}
    inputs = nodes[tag]
    named = {each for text in inputs.folders for each in everything if FolderPattern(text).matches(each)}
    return set(inputs.references) | named


def _expected(nodes: dict[str, Inputs]) -> dict[str, object]:
    """By the definition: a tag on a cycle is one of its own inputs' inputs."""
    expected: dict[str, object] = {}
    for tag in nodes:
        above, row = set[str](), _inputs(nodes, tag)
        while row - above:
            above |= row
            row = {each for one in row if one in nodes for each in _inputs(nodes, one)}
        expected[tag] = Quality.ERROR_CYCLE_DETECTED if tag in above else None
    return expected


def _check_order(graph: Graph, nodes: dict[str, Inputs], faults: dict[str, object], changed: str) -> None:
    order = graph.order([changed])
    assert len(order) == len(set(order))
    moved = {changed}
    for tag in order:
        assert faults[tag] is None
        assert _inputs(nodes, tag) & moved, "evaluated before its inputs, or for nothing"
        moved.add(tag)
    for tag in nodes:
        if tag not in order and faults[tag] is None:
            assert not _inputs(nodes, tag) & moved, "left out"
    for place, tag in enumerate(order):
        assert not _inputs(nodes, tag) & set(order[place:]), "an input is evaluated later"

"""gateway.xml: edits change the value asked for and not one byte else."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plantgate.config.edit import edit_gateway_xml
from plantgate.config.xmlfile import edit_bytes, parse_gateway_xml
from plantgate.errors import ConfigError

IGNITION = Path(__file__).parent / "cases" / "valid" / "ignition_file" / "gateway.xml"

_XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))
_KEYS = st.text(string.ascii_letters + string.digits + "._-&<>\"' é", min_size=1, max_size=20)
_SPACE = st.sampled_from(["", " ", "\n", "\n  ", "\t"])
_FILLER = st.sampled_from(
    [
        "",
        "<!-- plain -->",
        '<!-- <entry key="gateway.port">1</entry> -->',
        "<?keep this > too?>",
        "<comment>a &gt; b</comment>",
    ]
)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A properties file in any of the ways it may be written, and its values."""
    values: dict[str, str] = {}
    parts: list[str] = []
    for key in draw(st.lists(_KEYS, max_size=6, unique=True)):
        value = draw(_XML_TEXT).strip()
        values[key] = value
        quote = draw(st.sampled_from("\"'"))
        name = _escaped(key).replace('"', "&quot;").replace("'", "&#39;")
        tag = f"entry{draw(st.sampled_from([' ', '  ', chr(10)]))}key={quote}{name}{quote}"
        written = draw(st.sampled_from([_escaped(value), f"<![CDATA[{value}]]>" if "]]>" not in value else ""]))
        if not value:
            body = draw(st.sampled_from([f"<{tag}/>", f"<{tag} />", f"<{tag}></entry>"]))
        else:
            body = f"<{tag}>{written or _escaped(value)}</entry{draw(st.sampled_from(['', ' ']))}>"
        parts.append(draw(_SPACE) + draw(_FILLER) + draw(_SPACE) + body)
    head = draw(
        st.sampled_from(
            [
                "",
                '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
                '<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">\n',
            ]
        )
    )
    return f"{head}<properties>{''.join(parts)}\n</properties>\n", values


@given(_documents(), st.data())
def test_an_edit_changes_one_value_and_no_other_byte(document: tuple[str, dict[str, str]], data: st.DataObject) -> None:
    text, values = document
    before = text.encode()
    assert {key: item.value for key, item in parse_gateway_xml(before, "x").items()} == values
    key = data.draw(st.sampled_from([*sorted(values), "a.new.key"]))
    value = data.draw(_XML_TEXT)
    after = edit_bytes(before, {key: value}, "x")
    assert {name: item.value for name, item in parse_gateway_xml(after, "x").items()} == values | {key: value.strip()}
    # All bytes that are gone or new lie in one place: a common head, a common tail, and a small middle.
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    touched = before[head : len(before) - tail].decode("utf-8", "replace")
    assert "<!--" not in touched
    assert touched.count("<entry") <= 1
    assert edit_bytes(after, {key: value}, "x") == after, "setting what is set already changes nothing"


@given(_documents(), _XML_TEXT)
@example(('<properties><entry key="0">0</entry>\n</properties>\n', {"0": "0"}), "0 ")
def test_an_edit_can_be_undone(document: tuple[str, dict[str, str]], value: str) -> None:
    text, values = document
    plain = {key: old for key, old in values.items() if f"{_escaped(old)}</entry>" in text and old}
    for key, old in plain.items():
        if "CDATA" in text:
            continue
        assert edit_bytes(edit_bytes(text.encode(), {key: value}, "x"), {key: old}, "x") == text.encode()


def test_a_port_of_an_ignition_file_is_one_line_of_difference(tmp_path: Path) -> None:
    path = tmp_path / "gateway.xml"
    path.write_bytes(IGNITION.read_bytes())
    edit_gateway_xml(path, {"gateway.port": 8080, "gateway.requireSSL": True})
    before, after = IGNITION.read_text().splitlines(), path.read_text().splitlines()
    assert [line for line in before if line not in after] == ['<entry key="gateway.port">9088</entry>']
    assert [line for line in after if line not in before] == [
        '<entry key="gateway.port">8080</entry>',
        '<entry key="gateway.requireSSL">true</entry>',
    ]
    assert after.index('<entry key="gateway.requireSSL">true</entry>') == len(after) - 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<properties/>", '<properties>\n<entry key="a">1</entry>\n</properties>'),
        ("<properties></properties>", '<properties><entry key="a">1</entry>\n</properties>'),
        ('<properties><entry key="a"/></properties>', '<properties><entry key="a">1</entry></properties>'),
        (
            '<properties>\r\n\t<entry key="b">2</entry>\r\n</properties>\r\n',
            '<properties>\r\n\t<entry key="b">2</entry>\r\n\t<entry key="a">1</entry>\r\n</properties>\r\n',
        ),
        (
            "<properties><!-- </properties> --><comment>x</comment></properties>",
            '<properties><!-- </properties> --><comment>x</comment><entry key="a">1</entry>\n</properties>',
        ),
        (
            '<properties><entry key="a">8<!-- why -->0</entry></properties>',
            '<properties><entry key="a">1</entry></properties>',
        ),
        (
            '<!DOCTYPE properties [ <!ELEMENT properties ANY> ]><properties><entry key="a">0</entry></properties>',
            '<!DOCTYPE properties [ <!ELEMENT properties ANY> ]><properties><entry key="a">1</entry></properties>',
        ),
    ],
)
def test_unusual_files_can_be_edited(before: str, after: str) -> None:
    assert edit_bytes(before.encode(), {"a": "1"}, "x") == after.encode()


def test_other_encodings() -> None:
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?><properties><entry key="ö">é</entry></properties>'
    edited = edit_bytes(latin.encode("latin-1"), {"ö": "à €"}, "x")
    assert edited == latin.replace(">é<", ">à &#8364;<").encode("latin-1")
    assert parse_gateway_xml(edited, "x")["ö"].value == "à €"
    wide = latin.replace("ISO-8859-1", "UTF-16").encode("utf-16")
    assert parse_gateway_xml(wide, "x")["ö"].value == "é"
    with pytest.raises(ConfigError, match="CFG-108"):
        edit_bytes(wide, {"ö": "a"}, "x")
    marked = b"\xef\xbb\xbf" + b'<properties><entry key="a">0</entry></properties>'
    assert edit_bytes(marked, {"a": "1"}, "x") == marked.replace(b">0<", b">1<")


@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "\ud800", "\ufffe"])
def test_what_xml_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="CFG-107"):
        edit_bytes(b"<properties/>", {"a": value}, "x")


def test_a_refused_edit_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gateway.xml"
    path.write_bytes(b"<properties><entry key='a'>1</entry>")
    with pytest.raises(ConfigError, match="CFG-103"):
        edit_gateway_xml(path, {"a": "2"})
    assert path.read_bytes() == b"<properties><entry key='a'>1</entry>"


def test_external_and_internal_entities_are_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    bomb = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x" * 10}">' for i in range(10))
    for declared, used in ((f'<!ENTITY s SYSTEM "{secret.as_uri()}">', "&s;"), (bomb, "&e9;")):
        text = f'<!DOCTYPE properties [{declared}]><properties><entry key="a">{used}</entry></properties>'
        with pytest.raises(ConfigError, match=r"CFG-10[39]") as raised:
            parse_gateway_xml(text.encode(), "x")
        assert "hunter2" not in str(raised.value)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway.xml"
    with path.open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ConfigError, match="CFG-102"):
        edit_gateway_xml(path, {"a": "2"})


@given(st.binary(max_size=200) | _documents().map(lambda pair: pair[0].encode()[:-9]))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_gateway_xml(data, "x")
    except ConfigError as error:
        assert str(error)  # noqa: PT017 - anything else than these two ends is a failure by itself

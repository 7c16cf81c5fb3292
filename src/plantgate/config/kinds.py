"""What the value of a key can be: the annotations of the structs of `document.py`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from plantgate.config.units import parse_duration

# `extra` of a Meta is read by fields.py: "read" turns the text of a file into the value, "words" says what is valid.
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535, extra={"words": "a port number from 0 (off) to 65535"})]
PeerPort: TypeAlias = Annotated[int, Meta(ge=1, le=65_535, extra={"words": "a port number from 1 to 65535"})]
Seconds: TypeAlias = Annotated[
    float, Meta(gt=0, extra={"read": parse_duration, "words": 'a time with its unit, such as "500ms", "2s" or "90d"'})
]
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, extra={"words": "a whole number of milliseconds"})]
Count: TypeAlias = Annotated[int, Meta(ge=0, extra={"words": "a whole number from 0"})]
Name: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ \-]{0,63}$",
        extra={"words": "a name: letters, digits and _ first, then also space and -, at most 64"},
    ),
]
Host: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.:%\-]{1,253}$", extra={"words": "a host name or an IP address"})
]
Secret: TypeAlias = Annotated[str, Meta(min_length=1, extra={"secret": True, "words": "a text"})]

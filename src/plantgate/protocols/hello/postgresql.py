"""PostgreSQL: SSLRequest, then a StartupMessage without any password (PostgreSQL docs, 55.2 and 55.7).

The server answers with how it wants to be logged in to, or with an error; either proves it. It tells its version
only to who is let in, which happens where it trusts everybody.
"""

from __future__ import annotations

from collections.abc import Generator

from plantgate.limits import HELLO_BODY_BYTES
from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Silence, Steps

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
NOT_ALLOWED = "28000"  # SQLSTATE of "no pg_hba.conf entry", also where only TLS is let in
_METHODS = {
    0: "none (everybody is trusted)",
    2: "Kerberos V5",
    3: "password in clear text",
    5: "password, MD5",
    7: "GSSAPI",
    9: "SSPI",
    10: "password, SCRAM",
}
_USER = b"plantgate_probe"


def ssl_request() -> Steps:
    """`tls` (offered). Without TLS the start-up follows on the same connection."""
    answer = yield Ask(SSL_REQUEST, exactly=1)
    if answer == b"S":
        return Recognised("PostgreSQL", "", {"tls": True})
    if answer == b"N":
        return (yield from _startup({"tls": False}))
    if answer == b"E":  # too many connections, or a server that does not know the request
        return Recognised("PostgreSQL", "", {"tls": False, **_error((yield from _message_body()))})
    raise Malformed("does not answer as PostgreSQL does")


def startup() -> Steps:
    """`auth` (how it wants to be logged in to) or `refused`; on a connection of its own, without TLS."""
    return (yield from _startup({}))


def _startup(facts: dict[str, object]) -> Steps:
    parameters = b"user\0" + _USER + b"\0database\0" + _USER + b"\0application_name\0plantgate\0\0"
    ask = (len(parameters) + 8).to_bytes(4, "big") + b"\x00\x03\x00\x00" + parameters
    version = ""
    try:
        for _ in range(64):
            kind = yield Ask(ask, exactly=1)
            ask = b""
            if kind not in (b"R", b"E", b"S", b"N", b"K", b"Z", b"v"):
                raise Malformed("does not answer as PostgreSQL does")
            body = yield from _message_body()
            if kind == b"E":
                facts |= _error(body)
                break
            if kind == b"R":
                method = int.from_bytes(body[:4], "big")
                facts["auth"] = _METHODS.get(method, f"method {method}")
                if method != 0:
                    break
            if kind == b"S":
                name, _, value = body.rstrip(b"\0").partition(b"\0")
                version = value.decode("utf-8", "replace") if name == b"server_version" else version
            if kind == b"Z":
                break
    except Silence:
        if not facts:
            raise
    return Recognised("PostgreSQL", version.partition(" ")[0], facts)


def _message_body() -> Generator[Ask, bytes, bytes]:
    length = int.from_bytes((yield Ask(exactly=4)), "big")
    if not 4 < length <= HELLO_BODY_BYTES:
        raise Malformed("sent a message of an impossible length")
    return (yield Ask(exactly=length - 4))


def _error(body: bytes) -> dict[str, object]:
    """ErrorResponse: fields of one letter and a text each."""
    fields = {field[:1]: field[1:].decode("utf-8", "replace") for field in body.split(b"\0") if field}
    if b"C" not in fields or b"M" not in fields:
        raise Malformed("sent an error that is not PostgreSQL's")
    return {"refused": fields[b"M"], "error": fields[b"C"]}

"""Headers and the opening of a channel, against asyncua's codec."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import pytest
from asyncua import ua as asyncua_types
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from plantgate.protocols.opcua import messages, status
from plantgate.protocols.opcua.messages import DecodingError, RequestType, TypeId

ua: Any = asyncua_types  # its annotations are names for readers

TOKEN = ua.NodeId(bytes(range(32)), 0, ua.NodeIdType.ByteString)
WHEN = status.filetime(1_795_000_000_000_000)


def test_numbers_of_messages_are_those_of_asyncua() -> None:
    for number in TypeId:
        name = "".join(word.capitalize() for word in number.name.split("_"))
        stock = {"OpenRequest": "OpenSecureChannelRequest", "OpenResponse": "OpenSecureChannelResponse"}.get(name, name)
        stock = {"CloseRequest": "CloseSecureChannelRequest", "CloseResponse": "CloseSecureChannelResponse"}.get(
            stock, stock
        )
        assert getattr(ua.ObjectIds, f"{stock}_Encoding_DefaultBinary") == number
    assert ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary == 811


@pytest.mark.parametrize("extra", [None, ua.ExtensionObject(ua.NodeId(4_711, 3), b"more"), ua.ExtensionObject()])
def test_a_request_of_asyncua_is_understood(extra: Any) -> None:
    request = ua.ReadRequest()
    header = request.RequestHeader
    header.AuthenticationToken, header.RequestHandle, header.TimeoutHint = TOKEN, 77, 4_000
    header.Timestamp = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
    header.AuditEntryId, header.ReturnDiagnostics = "audit", 5
    if extra is not None:
        header.AdditionalHeader = extra
    body = struct_to_binary(request)
    head = messages.parse_request(body)
    assert head[:6] == (
        TypeId.READ_REQUEST,
        nodeid_to_binary(TOKEN),
        ua.datetime_to_win_epoch(header.Timestamp),
        77,
        5,
        4_000,
    )
    assert struct_from_binary(ua.ReadParameters, Buffer(body, head.at)) == request.Parameters
    for end in range(head.at):
        with pytest.raises(DecodingError):
            messages.parse_request(body[:end])


def test_our_requests_and_answers_are_understood_by_asyncua() -> None:
    body = messages.request_head(TypeId.CLOSE_REQUEST, nodeid_to_binary(TOKEN), WHEN, 5, 1_000)
    request = struct_from_binary(ua.CloseSecureChannelRequest, Buffer(body))
    assert (request.RequestHeader.AuthenticationToken, request.RequestHeader.RequestHandle) == (TOKEN, 5)
    assert request.RequestHeader.TimeoutHint == 1_000
    fault = struct_from_binary(ua.ServiceFault, Buffer(messages.service_fault(WHEN, 6, status.BAD_TIMEOUT)))
    assert (fault.ResponseHeader.RequestHandle, fault.ResponseHeader.ServiceResult.value) == (6, status.BAD_TIMEOUT)
    assert ua.datetime_to_win_epoch(fault.ResponseHeader.Timestamp) == WHEN


def test_an_answer_of_asyncua_is_understood() -> None:
    response = ua.ReadResponse()
    header = response.ResponseHeader
    header.RequestHandle, header.ServiceResult = 9, ua.StatusCode(status.BAD_TIMEOUT)
    header.StringTable = ["one", "two"]
    header.ServiceDiagnostics = ua.DiagnosticInfo(SymbolicId=1, LocalizedText=2, AdditionalInfo="why")
    body = struct_to_binary(response)
    head = messages.parse_response(body)
    assert (head.type_id, head.handle, head.status) == (TypeId.READ_RESPONSE, 9, status.BAD_TIMEOUT)
    assert body[head.at :] == b"\x00" * 8
    for end in range(head.at):
        with pytest.raises(DecodingError):
            messages.parse_response(body[:end])


def test_diagnostics_inside_diagnostics_end() -> None:
    start = messages.response_head(TypeId.READ_RESPONSE, 0, 1)[:20]
    assert messages.parse_response(start + b"\x40" * 50 + b"\x00" + bytes(7)).handle == 1
    with pytest.raises(DecodingError):
        messages.parse_response(start + b"\x40" * 100_000)


def test_opening_there_and_back() -> None:
    body = messages.encode_open_request(WHEN, 3, RequestType.RENEW, 2, bytes(32), 60_000)
    stock = struct_from_binary(ua.OpenSecureChannelRequest, Buffer(body)).Parameters
    assert (stock.RequestType, stock.SecurityMode, stock.ClientNonce, stock.RequestedLifetime) == (
        1,
        2,
        bytes(32),
        60_000,
    )
    asked = messages.decode_open_request(body)
    assert asked[1:] == (RequestType.RENEW, 2, bytes(32), 60_000)
    answer = messages.encode_open_response(WHEN, 3, 7, 8, 60_000, b"")
    token = struct_from_binary(ua.OpenSecureChannelResponse, Buffer(answer)).Parameters.SecurityToken
    assert (token.ChannelId, token.TokenId, token.RevisedLifetime) == (7, 8, 60_000)
    assert messages.decode_open_response(answer)[1:] == (7, 8, 60_000, b"")
    for end in range(len(body)):
        with pytest.raises(DecodingError):
            messages.decode_open_request(body[:end])
    with pytest.raises(DecodingError):
        messages.decode_open_request(answer)
    with pytest.raises(DecodingError) as error:
        messages.decode_open_response(messages.service_fault(WHEN, 3, status.BAD_SECURITY_MODE_REJECTED))
    assert error.value.status == status.BAD_SECURITY_MODE_REJECTED


@given(st.binary(max_size=80))
def test_any_bytes_are_a_header_or_refused(data: bytes) -> None:
    for parse in (messages.parse_request, messages.parse_response, messages.decode_open_request):
        with contextlib.suppress(DecodingError):
            parse(data)

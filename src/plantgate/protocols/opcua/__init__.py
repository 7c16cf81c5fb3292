"""OPC UA binary over TCP, without I/O: bytes and time in, events and bytes out.

    status.py          status codes and times, and the error that carries a status
    framing.py         one connection's bytes cut into chunks; Hello, Acknowledge, Error
    policies.py        what is signed and encrypted with what; certificates taken apart
    chunks.py          chunks numbered, sealed, put together; caps
    asymmetric.py      the message that opens a channel
    channel.py         a secure channel, the server's side; channel_client.py the client's
    messages.py        headers of requests and answers, faults
    hot.py             reads asked, values and notifications encoded; hot_decode.py, plain_values.py the other way
    decoding.py        everything else, by asyncua's codec behind a scan that bounds it (scanning.py)

Nothing is imported here: `policies` and what builds on it load cryptography, `decoding` loads asyncua (0.3 s).
Sources, cited by paragraph: OPC 10000 Part 4 (services), Part 6 (mappings), Part 7 (profiles), Part 8 (data access),
release 1.05.
"""

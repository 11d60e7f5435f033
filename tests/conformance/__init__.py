"""One table of raw bytes, run against xoproxy by pytest and against any proxy by `python -m tests.conformance`.

Its words: a *case* says what a client sends (and, on the response side, what the backend answers) and which *outcomes* follow.
The *recorder* is the backend: it writes down the exact bytes of every request and answers each with a serial number of its own.
The *marker* is a plain request that follows on the same connection: it is answered as itself, or the connection has ended
before it; anything else is a desynchronisation.

How a case is written::

    case(
        "lengths",                                  # group
        "a plus sign",                              # name, unique in its group
        "RFC 9110 8.6",                             # what it serves
        b"POST /CASETOKN/x HTTP/1.1\\r\\nHost: front.example\\r\\nContent-Length: +2\\r\\n\\r\\nhi",
        Refused(),                                  # one outcome per answer that is due before the marker's
    )

- ``CASETOKN`` (`TOKEN`) becomes another word of eight letters in each run.  It stands in the target, or in a field if the
  target has no room for it, and tells the recorder whose request it sees.  What must never arrive has it too.
- `Refused`: an error of the proxy's own; the backend has seen nothing whole.  Exact in its status for xoproxy, any 4xx or 5xx
  or a closed connection is as good from others.
- `Forwarded`: the backend has seen exactly this request.  For xoproxy every field line is compared with what was sent, without
  those in `drops`; for others the method, target, content and the named `fields`.
- `Answered`: what the client gets, for cases with a scripted `reply` of the backend.
- `lawful` lists other outcomes that the standards allow and that are safe: they count for other proxies, never for xoproxy.
- `marker=Marker.NONE` for a case that ends by a deadline or a half-closed connection.

What no single exchange shows is a `Scenario` (`scenarios`); what a backend may get wrong is a `ResponseCase` (`answers`).

The `script` of a `ResponseCase` is what the backend sends and how it ends; its *fates* are what the client gets: `Passed`,
`Failed` (an error of the proxy's own) or `Aborted` (visibly cut off).  After each the same client asks for the marker, and
another client for the probe: both get their own answers, once.  `lawful` is as above.

`test_fuzz_*` are properties of whole streams; ``--hypothesis-profile=long`` runs thousands of examples of each.
"""

"""HTTP and origin values, their grammar, and the rules of forwarding.

Everything here is pure: bytes in, values out.  Nothing here does I/O, reads a clock or knows a policy.

Words used throughout the program:

- *head*: the start line and the field section of a message, with the empty line that ends it, as bytes.
- *content* / *body*: what follows the head; its extent is the *framing*.
- *field line*: ``Name: value CRLF``; *field name* and *field value* are its parts.
- *client*: who connected to us.  *upstream*: whom we connect to.
- *exchange*: one request and its final response.
"""

"""Documents in a few words, for tables."""

from xoproxy.browser.model import Document, Fields, Frame

COOP = "Cross-Origin-Opener-Policy"
COEP = "Cross-Origin-Embedder-Policy"
CORP = "Cross-Origin-Resource-Policy"
DIP = "Document-Isolation-Policy"
PERMISSIONS = "Permissions-Policy"
CSP = "Content-Security-Policy"

APP = "https://app.example"
OTHER = "https://other.test"

NO_FRAME = Frame()
ISOLATING = (f"{COOP}: same-origin", f"{COEP}: require-corp")


def fields(*lines: str) -> Fields:
    """Return field lines written as ``Name: value``."""
    return tuple((name.encode(), value.encode("latin-1")) for name, value in (line.split(": ", 1) for line in lines))


def page(url: str, *lines: str) -> Document:
    """Return a top-level page."""
    return Document(url, fields(*lines))


def framed(parent: Document, url: str, *lines: str, frame: Frame = NO_FRAME) -> Document:
    """Return a page in a frame of `parent`."""
    return Document(url, fields(*lines), (parent, *parent.ancestors), frame=frame)

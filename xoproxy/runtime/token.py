"""Find the admin endpoint's bearer token."""

from collections.abc import Mapping
from pathlib import Path

from xoproxy.runtime.listening.sockets import ListenError


def read_token(environ: Mapping[str, str], token_file: str | None) -> str | None:
    """Return the token: from the environment, else from the file, else None.

    Raises: `ListenError` if the file cannot be read or is empty, because then the endpoint must not open.
    """
    token = environ.get("XOPROXY_ADMIN_TOKEN", "").strip()
    if token or token_file is None:
        return token or None
    try:
        token = Path(token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ListenError(f"cannot read admin.token_file {token_file}: {exc}") from exc
    if not token:
        raise ListenError(f"admin.token_file {token_file} is empty; write the token into it")
    return token

"""An addon for mitmproxy that carries out the policy of the benchmark.  Option `measured`: the settings' file."""

import json
import re
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http

_ALREADY = re.compile(r"(?:^|[, ])(?:origin|\*)(?:$|[, ])", re.IGNORECASE)


class Measured:
    """Fields are set when a head is there; bodies pass by."""

    def load(self, loader: Any) -> None:
        """Say that there is the option."""
        loader.add_option("measured", str, "", "the settings' file")

    def running(self) -> None:
        """Read the settings."""
        self._settings = json.loads(Path(ctx.options.measured).read_text(encoding="utf-8"))
        # Line by line, which is what its flows are made for.
        self._log = Path(self._settings["access_log"]).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Answer a preflight, or send what a gateway sends."""
        settings, request = self._settings, flow.request
        origin = request.headers.get("Origin")
        if request.method == "OPTIONS" and origin and request.headers.get("Access-Control-Request-Method"):
            granted = origin == settings["origin"]
            fields = settings["always"] | (settings["preflight"] if granted else {}) | {"Vary": settings["preflight_vary"]}
            flow.metadata["answered"] = True
            flow.response = http.Response.make(204 if granted else 403, b"", fields)
            return
        request.stream = True
        client = flow.client_conn.peername
        request.headers["X-Forwarded-For"] = client[0] if client else ""
        request.headers["X-Forwarded-Proto"] = "https" if flow.client_conn.tls else "http"
        request.headers["X-Forwarded-Host"] = request.headers.get("Host", "")
        request.headers["Via"] = "1.1 mitmproxy"

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Set the fields of an actual response."""
        settings, response = self._settings, flow.response
        assert response is not None
        if "answered" in flow.metadata:
            return
        response.stream = True
        for name in settings["owned"]:
            response.headers.pop(name, None)
        response.headers.update(settings["always"])
        if flow.request.headers.get("Origin") == settings["origin"]:
            response.headers.update(settings["granted"])
        vary = response.headers.get("Vary", "")
        if not _ALREADY.search(vary):
            response.headers["Vary"] = f"{vary}, {settings['vary']}" if vary else settings["vary"]

    def response(self, flow: http.HTTPFlow) -> None:
        """Log the exchange."""
        request, response = flow.request, flow.response
        assert response is not None
        line = {
            "time": request.timestamp_start,
            "client": flow.client_conn.peername,
            "method": request.method,
            "target": request.path,
            "host": request.headers.get("Host"),
            "origin": request.headers.get("Origin"),
            "status": response.status_code,
            "duration_s": (response.timestamp_end or 0) - request.timestamp_start,
        }
        self._log.write(json.dumps(line) + "\n")


addons = [Measured()]

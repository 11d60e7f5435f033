"""A Flask application as it is before anyone thought of cross-origin policy: a page, a worker and an API."""

from flask import Flask, Response, jsonify, render_template, request

app = Flask(__name__)


@app.get("/")
def page() -> str:
    """Show whether the browser isolates this page."""
    return render_template("page.html")


@app.get("/worker.js")
def worker() -> Response:
    """Return a worker that counts in memory it shares with the page."""
    script = "onmessage = ({data}) => { Atomics.add(new Int32Array(data), 0, 1); postMessage('counted'); };"
    return Response(script, content_type="text/javascript; charset=utf-8")


@app.get("/api/items")
def items() -> Response:
    """Return a list; the number of all items stands in a field."""
    response = jsonify(["page", "worker"])
    response.headers["X-Total-Count"] = "2"
    return response


@app.route("/api/private", methods=["GET", "PUT"])
def private() -> tuple[Response, int]:
    """Want an Authorization field."""
    if "Authorization" not in request.headers:
        return jsonify(error="this path wants an Authorization field"), 401
    return jsonify(message="welcome"), 200


@app.get("/api/broken")
def broken() -> Response:
    """Fail, as applications do."""
    message = "the database does not answer"
    raise RuntimeError(message)


@app.get("/healthz")
def healthz() -> str:
    """Answer the container's health check."""
    return "ok"

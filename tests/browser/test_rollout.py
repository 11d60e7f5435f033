"""From nothing to isolation without breaking anyone: observe, read what browsers report, patch, enforce; in Chromium over TLS.

The site: an editor that shows a picture of a third party and frames the help of its own other origin, and a login that opens a
popup of an identity provider.  Each would break if the editor's policy were enforced at once.
"""

import base64
import hashlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import Browser, Page, expect
from support.backends import Backend, Reply, plain_backend
from support.chromium import require_chromium, running_chromium
from support.ports import free_port
from support.processes import XoproxyProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PATIENCE_S = 30.0
NAMES = ("app.test", "docs.app.test", "cdn.test", "idp.test")
REPORTS = "/.well-known/xoproxy/reports"

POLICY = """\
version: 1
listen: [{{address: "127.0.0.1:{port}", tls: {{certificate: {certificate}, key: {key}}}}}]
admin: {{address: "127.0.0.1:{admin}"}}
upstream: {backend}

policies:
  page:
    report_to: isolation
    observe:                # nothing is enforced yet
      coop: same-origin
      coep: require-corp

routes:
  - match: {{host: docs.app.test}}
    policy: untouched
  - policy: page            # the editor, the login

reporting:
  endpoints: {{isolation: {reports}}}
"""
THIRD_PARTY = """\
version: 1
listen: [{{address: "127.0.0.1:{port}", tls: {{certificate: {certificate}, key: {key}}}}}]
admin: off
upstream: {backend}
"""

PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>'
HELP = b"<!doctype html><title>help</title><script>parent.postMessage('help is here', '*')</script>"
POPUP = b"<!doctype html><title>sign in</title><script>if (opener) opener.postMessage('signed in', '*')</script>"
EDITOR = """<!doctype html><title>the editor</title>
<script>
  window.told = new Promise(resolve => addEventListener("message", event => resolve(event.data)));
  window.shown = new Promise(resolve => addEventListener("load", () => resolve(document.images[0].naturalWidth)));
</script>
<img src="https://cdn.test:{third}/picture.svg?key=secret" alt=""><iframe src="https://docs.app.test:{port}/help"></iframe>
"""
LOGIN = """<!doctype html><title>log in</title>
<button onclick="window.open('https://idp.test:{third}/authorize', 'popup', 'width=300,height=300')">Log in</button>
<script>window.told = new Promise(resolve => addEventListener("message", event => resolve(event.data)))</script>
"""


@dataclass
class Site:
    """The site behind xoproxy, and how its operator sees it."""

    process: XoproxyProcess
    file: Path
    port: int
    admin_port: int

    def origin(self, host: str = "app.test") -> str:
        return f"https://{host}:{self.port}"

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"{self.process.output}\n{json.dumps(self.ask('/-/reports'), indent=1)}"
            time.sleep(0.05)

    def xoproxy(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "xoproxy", *arguments, "-c", str(self.file)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def save(self, text: str) -> None:
        """Put another policy into force by saving the file."""
        generation = self.ask("/-/config")["generation"]
        self.file.write_text(text, encoding="utf-8")
        self.until(lambda: self.ask("/-/config")["generation"] > generation)

    def reported(self) -> set[tuple[str, str]]:
        """Return what the reports that are kept are about: type, and what is blocked."""
        return {(group["type"], group["blocked"].rpartition("/")[2]) for group in self.ask("/-/reports")["groups"]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Return certificate, key, and the hash by which Chromium is told to trust it."""
    directory = tmp_path_factory.mktemp("tls")
    leaf = trustme.CA().issue_cert(*NAMES)
    leaf.cert_chain_pems[0].write_to_path(directory / "cert.pem")
    leaf.private_key_pem.write_to_path(directory / "key.pem")
    return directory / "cert.pem", directory / "key.pem", _public_key_hash(leaf.cert_chain_pems[0].bytes())


def _public_key_hash(pem: bytes) -> str:
    key = x509.load_pem_x509_certificate(pem).public_key()
    return base64.b64encode(hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()).decode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path, str]) -> Iterator[Site]:
    """Run the site, and the third party's server, which no policy file of ours is about."""
    directory = tmp_path_factory.mktemp("site")
    port, third, admin_port = free_port(), free_port(), free_port()
    replies = {
        "/picture.svg": Reply(PICTURE, "image/svg+xml"),
        "/help": Reply(HELP),
        "/authorize": Reply(POPUP),
        "/editor": Reply(EDITOR.format(port=port, third=third).encode()),
        "/login": Reply(LOGIN.format(third=third).encode()),
    }
    with plain_backend(replies) as backend:
        theirs = _started(directory, "third", THIRD_PARTY, third, certificate, backend)
        ours = _started(directory, "xoproxy", POLICY, port, certificate, backend, admin_port)
        yield Site(ours, directory / "xoproxy.yaml", port, admin_port)
        ours.stop()
        theirs.stop()


def _started(
    directory: Path, name: str, text: str, port: int, certificate: tuple[Path, Path, str], backend: Backend, admin: int = 0
) -> XoproxyProcess:
    file = directory / f"{name}.yaml"
    cert, key, _ = certificate
    file.write_text(text.format(port=port, admin=admin, certificate=cert, key=key, backend=backend.url, reports=REPORTS))
    process = XoproxyProcess(["run", "-c", str(file)], directory / f"{name}.log")
    for each in (port, admin) if admin else (port,):
        process.wait_for_port(each)
    return process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(certificate: tuple[Path, Path, str]) -> AsyncIterator[Browser]:
    """Run a Chromium that trusts the certificate and delivers reports at once instead of once a minute."""
    flags = ("--short-reporting-delay", f"--ignore-certificate-errors-spki-list={certificate[2]}")
    async with running_chromium(require_chromium(), *flags) as running:
        yield running


@dataclass
class Visit:
    """What a user saw."""

    isolated: bool
    picture: int
    help: str
    login: str


async def visit(browser: Browser, site: Site, until: Callable[[], object] = lambda: True) -> Visit:
    """Edit, and log in, as a user does; stay until something is so: what closes reports no more."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(site.origin() + "/editor")
    picture = await page.evaluate("shown")
    told = await _told(page)
    isolated = await page.evaluate("crossOriginIsolated")
    login = await context.new_page()
    await login.goto(site.origin() + "/login")
    async with login.expect_popup():
        await login.get_by_role("button").click()
    answer = await _told(login)
    site.until(until)
    await context.close()
    return Visit(isolated, picture, told, answer)


async def _told(page: Page) -> str:
    """Return what another window told the page; the empty string if that does not happen in time."""
    told: str = await page.evaluate("Promise.race([told, new Promise(resolve => setTimeout(resolve, 5000, ''))])")
    return told


async def dashboard(browser: Browser, site: Site) -> Page:
    """Open the dashboard's view of the reports."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{site.admin_port}/#reports")
    return page


async def test_isolation_is_rolled_out_without_breaking_anything(browser: Browser, site: Site) -> None:
    """Real reports name three blockers, a patch removes them, and then isolation is enforced and everything still works."""
    blockers = {("coep", "picture.svg"), ("coep", "help"), ("coop", "authorize")}
    before = await visit(browser, site, lambda: blockers <= site.reported())
    assert before == Visit(isolated=False, picture=7, help="help is here", login="signed in")  # observing blocks nothing
    assert "secret" not in json.dumps(site.ask("/-/reports"))

    # The dashboard and the command name what has to be done first.
    page = await dashboard(browser, site)
    for blocked in ("picture.svg", "docs.app.test", "idp.test"):
        await expect(page.get_by_role("main")).to_contain_text(blocked)
    told = site.xoproxy("reports")
    assert told.returncode == 1
    assert all(name in told.stdout for name in ("cdn.test", "docs.app.test", "idp.test", "/login")), told.stdout

    # The patch is valid, enforces nothing, and after it nothing is reported.
    patch = site.xoproxy("suggest")
    assert patch.returncode in (0, 1), patch.stderr
    assert "# the editor, the login" in patch.stdout  # comments stay
    site.save(patch.stdout)
    observed = await visit(browser, site, lambda: site.ask("/-/reports")["outlook"] and _is_safe(site))
    assert observed == before

    # Enforced: isolated, and nothing is broken.
    enforced = site.xoproxy("suggest", "--enforce")
    assert enforced.returncode == 0, enforced.stderr
    site.save(enforced.stdout)
    assert await visit(browser, site) == Visit(isolated=True, picture=7, help="help is here", login="signed in")


def _is_safe(site: Site) -> bool:
    """Whether everything that is observed is safe to enforce by now."""
    return site.xoproxy("reports").returncode == 0

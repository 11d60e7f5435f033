"""What the browser floor concludes of fetches for Firefox, against what Firefox does with the same requests and answers.

Skipped where there is none: Firefox is no part of what the other tests need.
"""

import pytest
from support.compared import Asker, compare, differing
from support.firefox import PREFERENCES, new_tab, require_firefox, running_firefox
from support.scripted import scripted
from support.verification import cases_wanted

from xoproxy.browser.model import Engine

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EVERYWHERE = {**PREFERENCES, "network.dns.forceResolve": "127.0.0.1"}  # every name is this machine


async def test_firefox_decides_as_concluded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Outcome, fields that script sees, and every request on the way, preflights included, are as foretold."""
    profile = tmp_path_factory.mktemp("profile")
    async with scripted() as server, running_firefox(require_firefox(), profile, EVERYWHERE, any_certificate=True) as firefox:

        async def open_tab() -> Asker:
            return await new_tab(firefox)

        compared = await compare(server, Engine.FIREFOX, cases_wanted(150), open_tab)

    assert not differing(compared), differing(compared)

"""A process that is killed at any moment loses nothing of what its store had acknowledged."""

import random
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from xoproxy.config.settings import StoreKind, StoreSettings
from xoproxy.reports import sql
from xoproxy.reports.model import Query
from xoproxy.reports.stores import open_store

KILLED_TIMES = 6
BATCH = 300

# Writes batches for ever, some groups again and some new, and says after each how many reports are acknowledged.
WRITER = f"""
import random, sys, time
from support.kept import report
from xoproxy.config.settings import Collecting, StoreKind, StoreSettings
from xoproxy.reports.gathering import Gathered
from xoproxy.reports.keeper import Clock, Keeper

chance = random.Random(int(sys.argv[2]))
settings = Collecting(store=StoreSettings(StoreKind.SQLITE, sys.argv[1]))
keeper = Keeper(settings, lambda event: sys.exit(event.message), Clock(time.time, time.monotonic))
while True:
    gathered = Gathered()
    for _ in range({BATCH}):
        number = chance.choice((chance.randrange(20), chance.randrange(10**9)))
        gathered.add(report(blocked=f"https://cdn.example/{{number}}/" + "x" * chance.randrange(900)), time.time())
    keeper.write(gathered)
    print(keeper.stored, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """The file is whole, has every acknowledged report, and of the batch that was being written all or none."""
    path, chance, acknowledged = tmp_path / "reports.db", random.Random(5), 0
    tests = str(Path(__file__).parents[1])
    for life in range(KILLED_TIMES):
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {tests!r})\n{WRITER}", str(path), str(life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 15)):
                writer.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.02))  # any moment of a transaction, not always that after the line
            writer.kill()
            told, said = writer.communicate()
        assert said == ""
        assert writer.returncode == -9
        database = open_store(StoreSettings(StoreKind.SQLITE, str(path)))
        found = database.transaction(lambda session: sql.find(session, Query()), writes=False)
        database.close()
        stored = found.reports - acknowledged
        numbers = re.findall(r"^\d+$", told, re.MULTILINE)

        assert stored % BATCH == 0
        assert not numbers or stored - int(numbers[-1]) in {0, BATCH}
        assert stored > 0
        with sqlite3.connect(path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        acknowledged = found.reports

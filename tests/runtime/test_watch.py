"""Whatever way a file is saved, the new text is put into force; by events, and by polling where there are none."""

import asyncio
import contextlib
import importlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from xoproxy.config import Generation, Overrides
from xoproxy.config.settings import LogLevel
from xoproxy.runtime import watch
from xoproxy.runtime.identity import Identity, directories, identify, places, stamp
from xoproxy.runtime.reload import Reloader
from xoproxy.runtime.source import ConfigSource, Edition
from xoproxy.runtime.watch import Watcher
from xoproxy.telemetry.events import Event
from xoproxy.telemetry.reloads import Outcome
from xoproxy.telemetry.tasks import spawn

PATIENCE_S = 4
NEVER_S = 3600.0


def text(name: str) -> str:
    """Return a policy file that can be told from others."""
    return f"version: 1\nupstream: http://{name}:80\n"


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Watched:
    """A file that is watched, and what was put into force."""

    path: Path
    poll_interval_s: float
    events: list[Event] = field(default_factory=list)
    generation: Generation | None = None

    def __post_init__(self) -> None:
        source = ConfigSource(self.path, Overrides())
        first = source.read()
        edition = Edition.of(source.compile(first, 1, date(2026, 1, 1)), first)
        self.reloader = Reloader(source, edition, self._adopt, self.events.append)
        self.watcher = Watcher(str(self.path), self.reloader.look, self.events.append, self.poll_interval_s)

    async def _adopt(self, edition: Edition) -> tuple[str, ...]:
        self.generation = edition.generation
        return ()

    def in_force(self) -> str:
        return self.reloader.generation.settings.upstreams[0].endpoints[0].host

    async def expect(self, name: str) -> None:
        """Return once the file that `text(name)` made is in force."""
        await until(lambda: self.in_force() == name)

    async def expect_rejected(self) -> None:
        await until(lambda: self.reloader.last is not None and self.reloader.last.outcome is Outcome.REJECTED)


@contextlib.asynccontextmanager
async def watching(path: Path, poll_interval_s: float) -> AsyncIterator[Watched]:
    """Watch `path`; by events only if the poll never comes."""
    watched = Watched(path, poll_interval_s)
    task = spawn(watched.watcher.run(), name="watch")
    try:
        if poll_interval_s == NEVER_S:
            await until(lambda: watched.watcher.has_events)
        yield watched
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


@pytest.fixture(params=["events", "poll"])
def interval_s(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """Either way alone: a poll that never comes, or no events, as where the kernel has no watches left."""
    if request.param == "events":
        return NEVER_S

    def no_watches(name: str) -> object:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watch.importlib, "import_module", no_watches)
    return 0.02


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policy file in a directory of its own."""
    directory = tmp_path / "config"
    directory.mkdir()
    path = directory / "xoproxy.yaml"
    path.write_text(text("first"))
    return path


def in_place(path: Path) -> None:
    path.write_text(text("second"))


def by_rename(path: Path) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(text("second"))
    draft.replace(path)


def by_backup_and_rename(path: Path) -> None:
    """As vim does with `backupcopy=no`."""
    path.rename(path.with_suffix(".yaml~"))
    path.write_text(text("second"))


def deleted_and_written_again(path: Path) -> None:
    path.unlink()
    path.write_text(text("second"))


def same_size_and_mtime(path: Path) -> None:
    """Only the content tells: a clock without resolution, a tool that keeps times."""
    before = path.stat()
    path.write_text(text("secnd"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("save", [in_place, by_rename, by_backup_and_rename, deleted_and_written_again])
async def test_saved_file_is_put_into_force(file: Path, interval_s: float, save: Callable[[Path], None]) -> None:
    async with watching(file, interval_s) as watched:
        save(file)
        await watched.expect("second")
        file.write_text(text("third"))
        await watched.expect("third")


def test_a_way_that_cannot_be_searched_leads_to_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory may lose its permissions for a while; who watches goes on."""

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "xoproxy.yaml").touch()
    monkeypatch.setattr(Path, "is_symlink", refuse)

    assert places(str(tmp_path / "xoproxy.yaml")) == places(str(tmp_path)) == ()


async def test_content_alone_is_enough_for_the_poll(file: Path) -> None:
    before = identify(str(file))
    same_size_and_mtime(file)

    assert identify(str(file)) != before


async def test_kubernetes_swap_is_put_into_force(tmp_path: Path, interval_s: float) -> None:
    """A ConfigMap: the file is a link into ..data, which is a link that the kubelet replaces."""
    mount = tmp_path / "mount"
    for name in ("first", "second", "third"):
        (mount / f"..{name}").mkdir(parents=True)
        (mount / f"..{name}" / "xoproxy.yaml").write_text(text(name))
    (mount / "..data").symlink_to("..first")
    (mount / "xoproxy.yaml").symlink_to("..data/xoproxy.yaml")
    async with watching(mount / "xoproxy.yaml", interval_s) as watched:
        for name in ("second", "third"):
            (mount / "..data_tmp").symlink_to(f"..{name}")
            (mount / "..data_tmp").replace(mount / "..data")
            await watched.expect(name)
            shutil.rmtree(mount / "..first", ignore_errors=True)


async def test_edit_behind_a_link_into_another_directory_is_put_into_force(
    file: Path, tmp_path: Path, interval_s: float
) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    async with watching(link, interval_s) as watched:
        in_place(file)
        await watched.expect("second")


async def test_link_that_is_set_elsewhere_is_followed_there(file: Path, tmp_path: Path, interval_s: float) -> None:
    """The next edit happens in a directory that nobody watched before."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "xoproxy.yaml").write_text(text("second"))
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    async with watching(link, interval_s) as watched:
        (tmp_path / "new").symlink_to(other / "xoproxy.yaml")
        (tmp_path / "new").replace(link)
        await watched.expect("second")
        watched.watcher.has_events = False
        await until(lambda: watched.watcher.has_events or interval_s != NEVER_S)
        (other / "xoproxy.yaml").write_text(text("third"))
        await watched.expect("third")


async def test_file_that_goes_is_said_and_the_policy_stays_until_it_is_back(file: Path, interval_s: float) -> None:
    async with watching(file, interval_s) as watched:
        file.unlink()
        await watched.expect_rejected()
        assert watched.in_force() == "first"
        file.write_text(text("second"))
        await watched.expect("second")


async def test_broken_file_is_said_and_the_policy_stays_until_a_good_one_comes(file: Path, interval_s: float) -> None:
    async with watching(file, interval_s) as watched:
        file.write_text("version: 1\nupstream: [")
        await watched.expect_rejected()
        assert watched.in_force() == "first"
        file.write_text(text("second"))
        await watched.expect("second")


async def test_file_saved_half_way_ends_in_the_whole_one(file: Path, interval_s: float) -> None:
    async with watching(file, interval_s) as watched:
        with file.open("w") as writing:
            writing.write("version: 1\nupstream: http://")
            writing.flush()
            await watched.expect_rejected()
            writing.write("second:80\n")
        await watched.expect("second")


async def test_directory_that_vanishes_and_comes_back_is_watched_again(file: Path) -> None:
    """The old directory's watch sees nothing of the new one: the poll notices, and sets events on the new one."""
    async with watching(file, 0.02) as watched:
        await until(lambda: watched.watcher.has_events)
        shutil.rmtree(file.parent)
        await watched.expect_rejected()
        file.parent.mkdir()
        file.write_text(text("second"))
        await watched.expect("second")
        watched.watcher._poll_interval_s = NEVER_S
        await until(lambda: [place[0] for place in watched.watcher._places] == [str(file.parent)])
        await until(lambda: watched.watcher._places == places(str(file)))
        file.write_text(text("third"))
        await watched.expect("third")


async def test_without_events_it_is_said_once_and_polled(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module("watchfiles")

    async def no_watches(*_: object, **__: object) -> AsyncIterator[None]:
        raise OSError(28, "inotify watch limit reached")
        yield  # type: ignore[unreachable]

    monkeypatch.setattr(real, "awatch", no_watches)
    async with watching(file, 0.02) as watched:
        in_place(file)
        await watched.expect("second")
        by_rename(file)

        warnings = [event for event in watched.events if event.name == "watch"]
        assert [event.level for event in warnings] == [LogLevel.WARNING]
        assert "noticed by polling" in warnings[0].message
        assert not watched.watcher.has_events


async def test_file_that_loses_its_name_while_watching_begins_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks twice at the start has to compare with what was looked at first."""
    with file.open() as mounted:

        def identify_and_remove(path: str) -> Identity:
            identity = identify(path)
            file.unlink(missing_ok=True)
            return identity

        monkeypatch.setattr(watch, "identify", identify_and_remove)
        async with watching(Path(f"/proc/self/fd/{mounted.fileno()}"), 0.02) as watched:
            await until(lambda: watched.watcher.is_orphaned)


async def test_single_file_mount_that_lost_its_name_is_said_once(file: Path) -> None:
    """A file that was bind-mounted alone and replaced on the host has no link left; here it is seen through its descriptor."""
    with file.open() as mounted:
        path = Path(f"/proc/self/fd/{mounted.fileno()}")
        async with watching(path, 0.02) as watched:
            await until(lambda: not watched.watcher.is_orphaned)
            by_rename(file)
            await until(lambda: watched.watcher.is_orphaned)
            os.utime(mounted.fileno(), ns=(1, 1))
            before = identify(str(path))
            os.utime(mounted.fileno(), ns=(2, 2))
            assert identify(str(path)) != before
            await until(lambda: watched.watcher.is_orphaned)

            said = [event for event in watched.events if event.name == "orphaned"]
            assert [event.level for event in said] == [LogLevel.ERROR]
            assert "Restart the container" in said[0].message


@pytest.mark.parametrize("kind", ["missing", "fifo", "not-a-name"])
def test_what_is_no_file_has_no_identity(tmp_path: Path, kind: str) -> None:
    """Opening a fifo would block for ever."""
    path = {"missing": str(tmp_path / "x"), "fifo": str(tmp_path / "fifo"), "not-a-name": "a\0b"}[kind]
    if kind == "fifo":
        os.mkfifo(path)

    assert identify(path) == Identity()


def test_enormous_file_is_not_read_to_be_identified(tmp_path: Path) -> None:
    path = tmp_path / "big"
    with path.open("wb") as file:
        file.truncate(1 << 33)

    assert identify(str(path)).size == 1 << 33


def test_directories_of_links_that_go_in_circles_are_few(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")

    assert directories(str(tmp_path / "a")) == (str(tmp_path),)


ROUTE = "routes: [{match: {path: /more}, policy: isolated}]\n"


def routes(watched: Watched) -> int:
    return len(watched.reloader.generation.routes.routes)


async def test_directory_is_put_into_force_as_its_files_come_change_and_go(file: Path, interval_s: float) -> None:
    directory = file.parent
    more = directory / "20-more.yaml"
    async with watching(directory, interval_s) as watched:
        more.write_text(ROUTE)
        await until(lambda: watched.reloader.generation.routes.routes[0].match.path == "/more")
        in_place(file)
        await watched.expect("second")
        more.rename(directory / "30-more.yml")
        number = watched.reloader.generation.number
        (directory / "10-first.yaml").write_text(ROUTE.replace("/more", "/first"))
        await until(lambda: routes(watched) == 2)
        assert watched.reloader.generation.number > number
        (directory / "30-more.yml").unlink()
        await until(lambda: routes(watched) == 1)

        assert watched.reloader.generation.routes.routes[0].match.path == "/first"


async def test_conflict_in_a_directory_is_said_and_the_policy_stays(file: Path, interval_s: float) -> None:
    async with watching(file.parent, interval_s) as watched:
        (file.parent / "z.yaml").write_text(text("second"))
        await watched.expect_rejected()
        assert watched.in_force() == "first"
        file.unlink()
        await watched.expect("second")


async def test_configmap_mounted_as_the_directory_is_put_into_force(tmp_path: Path, interval_s: float) -> None:
    """Every file is a link into ..data, and one swap changes them all."""
    mount = tmp_path / "mount"
    for name in ("first", "second", "third"):
        (mount / f"..{name}").mkdir(parents=True)
        (mount / f"..{name}" / "a.yaml").write_text(text(name))
        (mount / f"..{name}" / "b.yaml").write_text(ROUTE)
    (mount / "..data").symlink_to("..first")
    for name in ("a.yaml", "b.yaml"):
        (mount / name).symlink_to(f"..data/{name}")
    async with watching(mount, interval_s) as watched:
        for name in ("second", "third"):
            (mount / "..data_tmp").symlink_to(f"..{name}")
            (mount / "..data_tmp").replace(mount / "..data")
            await watched.expect(name)
            shutil.rmtree(mount / "..first", ignore_errors=True)


async def test_file_behind_a_link_in_a_directory_is_followed_there(file: Path, tmp_path: Path, interval_s: float) -> None:
    directory = tmp_path / "links"
    directory.mkdir()
    (directory / "a.yaml").symlink_to(file)
    async with watching(directory, interval_s) as watched:
        in_place(file)
        await watched.expect("second")


def test_what_else_lies_in_a_directory_does_not_make_another_of_it(file: Path) -> None:
    directory = file.parent
    before = identify(str(directory)), stamp(str(directory))
    for name in ("access.log", ".hidden.yaml", "xoproxy.yaml~", "README"):
        (directory / name).write_text("x")
    (directory / "sub.yaml").mkdir()
    (directory / "sub.yaml" / "a.yaml").write_text("x")

    assert (identify(str(directory)), stamp(str(directory))) == before
    assert before[0] != Identity()

    (directory / "new.yaml").write_text("x")

    assert identify(str(directory)) != before[0]
    assert stamp(str(directory)) != before[1]


def test_directories_of_a_directory_are_its_own_those_above_it_and_those_of_its_links(tmp_path: Path) -> None:
    for name in ("real", "data", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "a.yaml").write_text("x")
    (tmp_path / "data" / "b.yaml").write_text("x")
    (tmp_path / "other" / "c.log").write_text("x")
    for name, target in (("a.yaml", "data"), ("b.yaml", "data"), ("c.log", "other")):
        (tmp_path / "real" / name).symlink_to(tmp_path / target / name)
    (tmp_path / "link").symlink_to("real")

    assert set(directories(str(tmp_path / "link"))) == {str(tmp_path), str(tmp_path / "real"), str(tmp_path / "data")}


def test_nothing_has_no_stamp(tmp_path: Path) -> None:
    assert stamp(str(tmp_path / "x")) == ()
    assert stamp(str(tmp_path)) == ()


async def test_directory_that_was_replaced_where_it_is_mounted_from_is_said(file: Path) -> None:
    """Its own mount shows the old one, which has no name any more; here it is seen through its descriptor."""
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        path = Path(f"/proc/self/fd/{descriptor}")
        async with watching(path, 0.02) as watched:
            shutil.rmtree(file.parent)
            await until(lambda: watched.watcher.is_orphaned)

            said = [event.message for event in watched.events if event.name == "orphaned"]
            assert len(said) == 1
            assert said[0].endswith("Restart the container")
    finally:
        os.close(descriptor)

"""Files that cannot be read give one clear problem each, and nothing else."""

import errno
import os
import socket
from datetime import date
from pathlib import Path

import pytest
from support.configs import HEAD

from xoproxy.config import ConfigInvalid, Overrides, Problem, decode, load, read_bytes, read_text
from xoproxy.config.source import MAX_FILE_BYTES


def refusal(path: Path) -> Problem:
    with pytest.raises(ConfigInvalid) as raised:
        load(path, Overrides(), environ={}, today=date(2026, 11, 21), number=1)
    (problem,) = raised.value.problems
    assert problem.source == str(path)
    return problem


def test_missing_file_is_one_problem(tmp_path: Path) -> None:
    problem = refusal(tmp_path / "none.yaml")

    assert str(problem).startswith(f"{tmp_path / 'none.yaml'}: XO001 error: there is no such file")


def test_directory_is_no_file(tmp_path: Path) -> None:
    """A directory of policy files is read as such; where one file is wanted, as here, it is a problem."""
    with pytest.raises(ConfigInvalid, match="this is a directory"):
        read_bytes(tmp_path)


def test_file_below_a_file_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(HEAD)

    assert refusal(tmp_path / "a" / "b").message == "the file cannot be read: not a directory"


def test_socket_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FIFO or a socket is never opened: that could wait for ever."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")

        assert "not a regular file" in refusal(Path("s")).message


def test_file_without_permission_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal is simulated: root may read everything."""
    path = tmp_path / "xoproxy.yaml"
    path.write_text(HEAD)

    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)

    assert "no permission to read the file" in refusal(path).message


def test_failing_disk_is_one_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "xoproxy.yaml"
    path.write_text(HEAD)

    def fail(*_args: object, **_options: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "open", fail)

    assert refusal(path).message == "the file cannot be read: input or output error"


def test_name_with_nul_is_one_problem() -> None:
    assert refusal(Path("a\0b")).id == "XO001"


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        pytest.param(b"\xff\xfev\x00e\x00", 1, 1, id="utf-16"),
        pytest.param(b"version: 1\npolicy: \xe9\n", 2, 9, id="latin-1"),
        pytest.param(bytes(range(256)), 1, 1, id="binary"),
        pytest.param(b"\x7fELF\x02\x01\x01\x00", 1, 1, id="program"),
        pytest.param(b"version: 1\n\x00", 2, 1, id="nul"),
    ],
)
def test_junk_is_one_problem_at_its_place(tmp_path: Path, data: bytes, line: int, column: int) -> None:
    path = tmp_path / "xoproxy.yaml"
    path.write_bytes(data)
    problem = refusal(path)

    assert problem.id == "XO002"
    if data[:4] not in (b"\x7fELF", bytes(range(4))):
        assert (problem.line, problem.column) == (line, column)


def test_ten_megabytes_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "xoproxy.yaml"
    with path.open("wb") as file:
        file.truncate(10 * 1024 * 1024)

    assert refusal(path).id == "XO003"


def test_bound_of_the_size_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "xoproxy.yaml"
    path.write_bytes(b"#" * MAX_FILE_BYTES)

    assert len(read_bytes(path)) == MAX_FILE_BYTES

    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    assert refusal(path).id == "XO003"


def test_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "xoproxy.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())

    assert load(path, Overrides(), environ={}, today=date(2026, 11, 21), number=3).generation.number == 3


def test_reading_and_decoding_are_apart(tmp_path: Path) -> None:
    """A reload reads bytes once and decodes them later."""
    path = tmp_path / "xoproxy.yaml"
    path.write_text(HEAD + "# ü", "utf-8")

    assert decode(read_bytes(path), str(path)) == read_text(path) == HEAD + "# ü"


def test_loaded_file_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "xoproxy.yaml"
    path.write_text(HEAD)

    assert load(path, Overrides(), environ={}, today=date(2026, 11, 21), number=1).generation.source == str(path)

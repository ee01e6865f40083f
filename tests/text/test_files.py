"""Files and folders that are whole or not there."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spacy_dossier.text.files import open_whole, whole_folder, write_file


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """Text and bytes take the place of what was there, and nothing else is left."""
    target = tmp_path / "a.txt"
    write_file(target, "Zoë\n")
    assert target.read_bytes() == "Zoë\n".encode()
    write_file(target, b"\xff")
    assert target.read_bytes() == b"\xff"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    """A block that raises changes nothing, and its unfinished file is gone."""
    target = tmp_path / "a.txt"
    write_file(target, "before")
    with pytest.raises(KeyError), open_whole(target) as file:
        file.write(b"half")
        file.flush()
        raise KeyError
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Where the disk gives no room or the rename fails, the old bytes stay and the error is the system's."""
    target = tmp_path / "a.txt"
    write_file(target, "before")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if broken == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left"):
        write_file(target, "after")
    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_content_and_folder_are_on_the_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are brought to the disk before the rename, the folder after it."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def replaced(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_file(tmp_path / "a.txt", "x")
    assert steps == ["file", "rename", "folder"]


def test_the_unfinished_file_stands_where_it_is_told(tmp_path: Path) -> None:
    """A folder of its own keeps what a killed process leaves out of the user's sight."""
    (tmp_path / "state").mkdir()
    with open_whole(tmp_path / "a.txt", tmp_path / "state") as file:
        assert [p.name for p in tmp_path.iterdir()] == ["state"]
        assert len(list((tmp_path / "state").iterdir())) == 1
        file.write(b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "state"]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    """The file is as readable as the user's umask says."""
    (tmp_path / "plain.txt").write_text("x")
    write_file(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_a_folder_takes_its_place_whole(tmp_path: Path) -> None:
    """It replaces what was there, and nothing else is left; a block that raises changes nothing."""
    target = tmp_path / "a" / "b[c]"
    for name in ("first", "second"):
        with whole_folder(target) as made:
            (made / name).write_text(name)
            assert not (target / name).exists()
        assert [path.name for path in target.iterdir()] == [name]
    with pytest.raises(KeyError), whole_folder(target) as made:
        (made / "third").write_text("half")
        raise KeyError
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("step", ["made", "put aside"])
def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path, step: str) -> None:
    """By one killed while it made the folder, or when it had put the earlier one aside."""
    target = tmp_path / "a[b]"
    with whole_folder(target) as made:
        (made / "first").write_text("")
    other = tmp_path / f".{target.name}.{os.getppid()}-{'0' * 32}.new"  # of a process that goes on
    earlier = tmp_path / f".{target.name}.{os.getpid()}-{'1' * 32}.new"  # of one that had this one's number
    for folder in (other, earlier):
        folder.mkdir()
    code = f"""
import os, signal, sys
from pathlib import Path
from spacy_dossier.text.files import whole_folder
rename = Path.rename
def killed(*arguments):
    rename(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
Path.rename = killed
with whole_folder(Path(sys.argv[1])) as made:
    (made / "half").write_text("")
    if {step!r} == "made":
        os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".a*"))) == (3 if step == "made" else 4)
    with pytest.raises(KeyError), whole_folder(target):
        raise KeyError
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "a[b]"]
    assert [path.name for path in target.iterdir()] == ["first"]


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    """What it leads to is replaced, or made."""
    (tmp_path / "runs").mkdir()
    link = tmp_path / "final"
    link.symlink_to("runs/3")
    for name in ("first", "second"):
        with whole_folder(link) as made:
            (made / name).write_text("")
        assert [path.name for path in (tmp_path / "runs" / "3").iterdir()] == [name]
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["3"]

"""Inputs → sources."""

import os
from pathlib import Path

import pytest

from spacy_dossier.errors import DossierError
from spacy_dossier.process.discover import Rules, discover, display, read_list


def names(*inputs: Path | str, **rules: object) -> list[str]:
    return [source.source for source in discover(inputs, Rules(**rules))]  # type: ignore[arg-type]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("b.txt", "a.txt", "a/z.md", "a/deep/y.txt", ".hidden", ".git/config", "c.pdf", "Z.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.joinpath(path.name).is_dir():
            path.write_text(name)
    return tmp_path / "in"


def test_order_is_by_bytes_and_hidden_files_are_left(base: Path) -> None:
    """The same tree gives the same list on any machine; files of a folder stand before its folders."""
    assert names(base) == ["Z.txt", "a.txt", "b.txt", "c.pdf", "a/z.md", "a/deep/y.txt"]
    assert names(base, hidden=True) == [
        *(".hidden", "Z.txt", "a.txt", "b.txt", "c.pdf", ".git/config", "a/z.md", "a/deep/y.txt"),
    ]


def test_globs_choose(base: Path) -> None:
    """A glob without a slash is about names, one with a slash about paths; exclude also keeps out of folders."""
    assert names(base, include=("*.txt",)) == ["Z.txt", "a.txt", "b.txt", "a/deep/y.txt"]
    assert names(base, include=("a/*",)) == ["a/z.md", "a/deep/y.txt"]
    assert names(base, include=("**/*.md",), exclude=("b*",)) == ["a/z.md"]
    assert names(base, exclude=("a",)) == ["Z.txt", "a.txt", "b.txt", "c.pdf"]
    assert names(f"{base}/*.txt") == ["Z.txt", "a.txt", "b.txt"]
    assert names(f"{base}/**/*.md") == ["z.md"]


def test_ids_are_paths(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """root is the input as given, source the path below it, id both."""
    monkeypatch.chdir(base.parent)
    sources = list(discover(["in/a", "in/b.txt"], Rules()))
    assert [(s.id, s.root, s.source) for s in sources] == [
        ("in/a/z.md", "in/a", "z.md"),
        ("in/a/deep/y.txt", "in/a", "deep/y.txt"),
        ("in/b.txt", "in/b.txt", "b.txt"),
    ]


def test_links(base: Path) -> None:
    """Links to files and folders are left; on request they are followed, loops end, broken ones fail."""
    before = names(base)
    (base / "link.txt").symlink_to(base / "b.txt")
    (base / "a" / "up").symlink_to(base)
    (base / "loop").symlink_to(base / "loop")
    (base / "gone").symlink_to(base / "nowhere")
    sources = list(discover([base], Rules()))
    assert [s.source for s in sources if s.is_left] == ["gone", "link.txt", "loop", "a/up"]
    assert [s.source for s in sources if not s.is_left] == before
    followed = {s.source: s.error and s.error[0] for s in discover([base], Rules(follow_links=True))}
    assert followed == {
        **dict.fromkeys([*before, "link.txt"]),
        "loop": "DiskError",
        "gone": "NotFound",
    }
    other = base.parent / "other"
    other.mkdir()
    (other / "to").symlink_to(base / "a" / "deep")
    assert [s.is_left for s in discover([other], Rules())] == [True]
    assert names(other, follow_links=True) == ["to/y.txt"]


def test_links_that_the_user_names_are_read(base: Path) -> None:
    """What is named is meant; what a pattern matches behind a link is not, unless links are followed."""
    outside = base.parent / "secret"
    outside.mkdir()
    (outside / "key.txt").write_text("x")
    (base / "one.txt").symlink_to(outside / "key.txt")
    (base / "all").symlink_to(outside)
    assert names(base / "one.txt") == ["one.txt"]
    assert names(base / "all") == ["key.txt"]
    assert names(f"{base}/all/*.txt") == ["key.txt"]
    for pattern in (f"{base}/o*.txt", f"{base}/a*/k*.txt", f"{base}/al*"):
        assert all(s.is_left for s in discover([pattern], Rules()) if "deep" not in s.path and "/a/" not in s.path)
        assert any(s.is_left for s in discover([pattern], Rules()))
    assert names(f"{base}/o*.txt", follow_links=True) == ["one.txt"]


def test_pipes_are_failures(base: Path) -> None:
    """A pipe is listed, with an error, and never opened."""
    os.mkfifo(base / "pipe")
    assert next(s for s in discover([base], Rules()) if s.source == "pipe").error == (
        "NotAFile",
        "a pipe, socket or device, not a file",
    )


def test_output_folder_is_left(base: Path) -> None:
    """The run's own output below an input is no input."""
    (base / "out").mkdir()
    (base / "out" / "records.jsonl").write_text("{}")
    for given in (base, base / "**", base / "**" / "*.jsonl", base / "out*" / "*"):
        found = [s.source for s in discover([given, base], Rules(), skip=base / "out")]
        assert found and not [name for name in found if name.endswith("records.jsonl")]


def test_hostile_names(tmp_path: Path) -> None:
    """Line breaks, quotes, markup and bytes that are no UTF-8 are names like others."""
    for name in (
        b"new\nline.txt",
        b"quo'\"te.txt",
        b"<script>alert(1)<script>.html",
        b"caf\xe9.txt",
        "näh.txt".encode(),
    ):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")
    assert names(tmp_path) == [
        *("<script>alert(1)<script>.html", "caf\\xe9.txt", "new\nline.txt", "näh.txt", "quo'\"te.txt"),
    ]
    assert display(os.fsdecode(b"a/caf\xe9")) == "a/caf\\xe9"


def test_lists() -> None:
    """Lines or NUL, with Windows line ends, blank lines and any bytes."""
    assert read_list(b"a.txt\r\n\nb c.txt\ncaf\xe9\n") == ["a.txt", "b c.txt", "caf\udce9"]
    assert read_list(b"a\nb\0c\0") == ["a\nb", "c"]


def test_lists_may_be_older_than_the_files(tmp_path: Path) -> None:
    """What a list names and is gone is a failure row, and names with brackets in a list are names."""
    (tmp_path / "[a].txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    found = list(discover(read_list(f"{tmp_path}/[a].txt\n{tmp_path}/gone.txt\n{tmp_path}/*.txt\n".encode()), Rules()))
    assert [source.source for source in found] == ["[a].txt", "gone.txt", "*.txt"]
    assert [source.error and source.error[0] for source in found] == [None, *["NotFound"] * 2]


@pytest.mark.parametrize("entry", ["nowhere", "*.nothing"])
def test_inputs_that_are_not_there(entry: str, tmp_path: Path) -> None:
    """A mistyped path ends the run before it begins."""
    with pytest.raises(DossierError, match=r"no such file|no file matches"):
        names(str(tmp_path / entry))

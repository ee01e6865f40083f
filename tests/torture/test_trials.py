"""A short part of the trials in every run of the tests, a longer one in the slow ones."""

from pathlib import Path

import pytest

from ..read import samples
from .mutants import make_columns, make_tables, mutants, small_files
from .trials import try_columns, try_kills, try_process


@pytest.fixture
def documents(tmp_path: Path) -> list[Path]:
    """A document of each of some kinds."""
    base = tmp_path / "documents"
    base.mkdir()
    kinds = {
        "a.pdf": samples.pdf("Anna Keller met Tom.", "Acme Corp is in Paris."),
        "a.docx": samples.docx("Anna Keller met Tom.", "Acme Corp is in Paris."),
        "a.odt": samples.odt("Acme Corp is in Paris."),
        "a.epub": samples.epub("Acme Corp is in Paris."),
        "a.eml": samples.MAIL,
        "a.html": b"<html><body><h1>Acme Corp</h1><p>It is in <b>Paris</b>.</p><table><tr><td>1</table></body></html>",
        "a.xml": b"<?xml version='1.0'?><doc><p>Acme Corp</p><p>is in Paris</p></doc>",
        "a.rtf": rb"{\rtf1\ansi {\b Acme Corp} is in Paris.\par \u8364? \'e4}",
        "a.md": b"# Acme Corp\n\n- in *Paris*\n- [x](http://example.org)\n",
        "a.tex": rb"\documentclass{article}\begin{document}\section{Acme Corp} in \emph{Paris}\end{document}",
        "a.rst": b"Acme Corp\n=========\n\nin *Paris*\n\n.. note:: x\n",
        "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\nAcme Corp is in Paris.\n",
    }
    for name, data in kinds.items():
        (base / name).write_bytes(data)
    return small_files(base)


def test_mutants_can_be_made_again(documents: list[Path]) -> None:
    """A seed and a number say all that there is to say of one."""
    assert list(mutants(documents, 30, 7)) == list(mutants(documents, 30, 7))
    assert list(mutants(documents, 30, 7)) != list(mutants(documents, 30, 8))


def test_a_few_mutants_of_documents_and_tables(documents: list[Path], tmp_path: Path) -> None:
    """Each is told of, none beyond the limits, and no run ends with a traceback."""
    files = [*documents, *make_tables(tmp_path / "tables")]
    figures = try_process(files, 60, 20_001, tmp_path / "mutants")
    assert not figures.wrong, str(figures)


def test_a_few_mutants_of_column_files(tmp_path: Path) -> None:
    """Each is documents, or a line that says why not."""
    figures = try_columns(make_columns(tmp_path / "columns"), 60, 20_001, tmp_path / "mutants")
    assert not figures.wrong, str(figures)


@pytest.mark.slow
def test_many_mutants(documents: list[Path], tmp_path: Path) -> None:
    files = [*documents, *make_tables(tmp_path / "tables")]
    figures = try_process(files, 500, 20_002, tmp_path / "mutants")
    assert not figures.wrong, str(figures)
    figures = try_columns(make_columns(tmp_path / "columns"), 1_000, 20_002, tmp_path / "column-mutants")
    assert not figures.wrong, str(figures)


@pytest.mark.slow
def test_kills(documents: list[Path], tmp_path: Path) -> None:
    """Of the run, of workers and of readers: the same command goes on to the same bytes."""
    files = [*documents, *make_tables(tmp_path / "tables")]
    figures = try_kills(files, 12, 20_003, tmp_path / "kills")
    assert not figures.wrong, str(figures)

"""README, CONTRIBUTING and docs/: what they point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(page for folder in (".", "docs", "benchmarks", "corpus/sample") for page in (ROOT / folder).glob("*.md"))
NAMED = re.compile(r"(?<![\w/.])(?:scripts|benchmarks|configs|docs|tests|spacy_dossier|corpus/sample)/[\w./-]*\.\w+")
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")
GENERATED = ("benchmarks/corpus/", "benchmarks/training/", "benchmarks/metrics/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Links, and paths from the root; NAME stands for a name of one's own."""
    text = page.read_text(encoding="utf8")
    named = {name for name in NAMED.findall(text) if "NAME" not in name and not name.startswith(GENERATED)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


def test_every_script_that_measures_has_a_row() -> None:
    """In the table of benchmarks/README.md."""
    table = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf8")
    assert [script.name for script in ROOT.glob("benchmarks/*.py") if f"`{script.name}`" not in table] == []

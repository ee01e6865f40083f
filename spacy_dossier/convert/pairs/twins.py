"""Articles and summaries in files or folders of their own."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...errors import DossierError
from ..source import open_text

# A word of the name of a text file, and those in its place in the name of the summaries.
TWIN_WORDS = {
    "source": ("target",),
    "src": ("tgt", "trg"),
    "article": ("summary", "title", "highlights", "abstract"),
    "document": ("summary", "abstract"),
    "text": ("summary",),
    "txt": ("summary",),
}
LINE_SUFFIXES = (".source", ".src")
SUMMARY_FOLDER = re.compile(r"summar|highlight|abstract|target|tgt", re.IGNORECASE)
ARTICLE_FOLDER = re.compile(r"article|text|document|source|src|stor|news|bod", re.IGNORECASE)
HIGHLIGHT = "@highlight"
WORDS = re.compile(r"([._-])")


def twin_folders(folder: Path) -> tuple[Path, Path] | None:
    """RETURNS (tuple[Path, Path] | None): The folders of the articles and of the summaries inside a folder."""
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    summaries = [path for path in inside if SUMMARY_FOLDER.search(path.name)]
    articles = [path for path in inside if ARTICLE_FOLDER.search(path.name) and path not in summaries]
    return (articles[0], summaries[0]) if len(summaries) == len(articles) == 1 else None


def find_twin(path: Path) -> Path | None:
    """RETURNS (Path | None): The summary file that belongs to a text file by its name."""
    words = WORDS.split(path.name)
    for i, word in enumerate(words):
        for other in TWIN_WORDS.get(word.lower(), ()):
            twin = path.with_name("".join((*words[:i], other, *words[i + 1 :])))
            if twin.is_file():
                return twin
    return None


def read_twins(articles: Path, summaries: Path | None, *, encoding: str | None, lang: str) -> Iterator[dict[str, Any]]:
    """Read articles and the summaries that belong to them.

    Two files with one number of lines, more than one, hold a pair a line; else one pair. Two folders hold a pair for
    each name, whatever the suffix.

    articles (Path): A file or folder.
    summaries (Path | None): Its twin; in a folder it may be a subfolder found by its name.
    encoding (str | None): The encoding, when the user knows it.
    lang (str): The language of the text.
    YIELDS (dict[str, Any]): `id`, `text` and `summary`; a side without a file is empty.
    RAISES (DossierError): If one is a file and the other a folder, or numbers of lines do not fit.
    """

    def read(path: Path) -> str:
        return open_text(path, encoding=encoding, lang=lang).read()

    if articles.is_file():
        yield from _read_files(articles, summaries, read)
        return
    found = (articles, summaries) if summaries is not None else twin_folders(articles)
    if found is None:
        for path in sorted(articles.glob("*.story")):
            yield read_story(path, encoding, lang)
    elif not found[1].is_dir():
        raise DossierError("expected a folder, since the articles are one", file=found[1])
    else:
        texts, twins = map(_by_stem, found)
        for stem in sorted({*texts, *twins}):
            sides = {"text": texts.get(stem), "summary": twins.get(stem)}
            yield {"id": stem, **{side: read(path) if path else "" for side, path in sides.items()}}


def _read_files(articles: Path, summaries: Path | None, read: Callable[[Path], str]) -> Iterator[dict[str, Any]]:
    """YIELDS (dict[str, Any]): A pair a line, or one."""
    if summaries is None or not summaries.is_file():
        raise DossierError("expected a file of summaries", file=summaries or articles)
    text, reference = read(articles), read(summaries)
    # Only the newline ends a line here: U+2028 and the like stand inside texts.
    lines = text.removesuffix("\n").split("\n")
    references = reference.removesuffix("\n").split("\n")
    if len(lines) == len(references) and len(lines) > 1:
        for number, (line, summary) in enumerate(zip(lines, references, strict=True), 1):
            yield {"id": f"{articles.stem}#{number}", "text": line, "summary": summary}
    elif articles.suffix.lower() in LINE_SUFFIXES:
        raise DossierError(
            f"{len(lines)} lines, but {summaries} has {len(references)}", file=articles, remedy="They go line by line."
        )
    else:
        yield {"id": articles.stem, "text": text, "summary": reference}


def _by_stem(folder: Path) -> dict[str, Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}


def read_story(path: Path, encoding: str | None, lang: str) -> dict[str, Any]:
    """Read a `.story` file of the CNN/DailyMail corpus (Hermann et al. 2015): text, then `@highlight` and a line each.

    RETURNS (dict[str, Any]): `id`, `text` and `summary`, one highlight a line.
    """
    text, *highlights = open_text(path, encoding=encoding, lang=lang).read().split(HIGHLIGHT)
    return {"id": path.stem, "text": text.strip(), "summary": "\n".join(part.strip() for part in highlights)}

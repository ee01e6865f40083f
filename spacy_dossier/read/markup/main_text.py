"""Which blocks of a web page are its main text.

trafilatura judges which parts are the article. The text is the walker's all the same, so that no character is changed,
no row or item of a table or list is lost, and nothing hidden is read.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from lxml import etree

from ...text.words import word_set
from .align import find_lines, letters
from .walker import Piece

# Tuned on the 181 pages of the article-extraction-benchmark, by benchmarks/reading.py
FEW_LINKS = 20  # a page with fewer is a document, not a page of a site: five of these have 4, none has 13 to 28
TEASER = 0.8  # share of a block's characters that are links where it leads elsewhere ("Read more: …")
NEAR = 3  # blocks between a page's heading and its main text
SENTENCE = 10  # words of a block that is more than a label

INLINE = word_set("hi ref del graphic")  # elements of trafilatura's output that end no line
FURNITURE = word_set("nav aside footer menu")
FURNITURE_ROLES = word_set("navigation complementary contentinfo search banner menu dialog")
FURNITURE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu|side-?bar|footer|cookies?|breadcrumbs?|share|sharing|social|comments?|"
    r"disqus|related|promo(?:tion)?|advert(?:isement)?|ads?|sponsor(?:ed)?|banner|pop-?up|modal|newsletter|subscribe|"
    r"pagination|pager|skip(?:-?link)?|toolbar|widget)(?:$|[\s_-])",
    re.I,
)
PAGE = word_set("html body main article")  # whose names tell of the page, not of a part of it

T = TypeVar("T")

logging.getLogger("trafilatura").addHandler(logging.NullHandler())  # it warns on stderr otherwise


def main_pieces(root: etree._Element, pieces: Sequence[Piece]) -> list[Piece]:
    """Choose the blocks of a page's main text.

    A page with hardly a link is a document: all but its furniture (menus, asides, footers, comments) is kept. Of others
    what trafilatura takes is kept, without lines that are nothing but links elsewhere; what stands in the page as that
    does, for it may stop at an advertisement; the rest of lists, and the page's heading. Where it takes nothing, all
    that is neither furniture nor links; on a page of links, all.

    RETURNS (list[Piece]): In order; empty only where there are none.
    """
    if sum(1 for _ in root.iter("a")) < FEW_LINKS:
        kept = set(range(len(pieces))) - furniture_of(pieces)
    else:
        found = find_lines(judged_lines(root), [piece.block.text for piece in pieces])
        teasers = {i for i in found if is_teaser(pieces[i])}
        if size(pieces, teasers) < size(pieces, found) / 2:
            found -= teasers
        furniture = furniture_of(pieces, found)
        prose = {i for i, piece in enumerate(pieces) if i not in furniture and link_share(piece) < TEASER}
        kept = found | alike(pieces, found, prose) | rest_of_lists(pieces, found)
        if found:
            kept |= page_heading(root, pieces, found, furniture)
            kept |= headings_within(pieces, kept, prose)
        else:
            kept = prose
    return [pieces[i] for i in sorted(kept)] or list(pieces)


def judged_lines(root: etree._Element) -> list[str]:
    """RETURNS (list[str]): The lines of the main text as trafilatura gives them."""
    from trafilatura import bare_extraction

    try:
        document = bare_extraction(root, fast=True, favor_recall=True, include_comments=False)
    except RecursionError:  # elements nested some hundred deep
        return []
    return list(lines_of(document.body)) if document is not None else []


def lines_of(body: etree._Element) -> Iterator[str]:
    """RETURNS (Iterator[str]): The lines of trafilatura's tree."""
    parts: list[str] = []
    for event, element in etree.iterwalk(body, events=("start", "end")):
        if element.tag not in INLINE:
            yield "".join(parts)
            parts = []
        text = element.text if event == "start" else element.tail
        if text:
            *lines, last = text.split("\n")
            for line in lines:
                yield "".join([*parts, line])
                parts = []
            parts.append(last)
    yield "".join(parts)


def furniture_of(pieces: Sequence[Piece], found: Iterable[int] = ()) -> set[int]:
    """RETURNS (set[int]): The blocks that lie in elements that say they are none of the main text, but for elements
    around what was found to be."""
    around = {element for i in found for element in (pieces[i].element, *pieces[i].element.iterancestors())}

    def step(inside: bool, element: etree._Element) -> bool:
        return element not in around and (inside or is_furniture(element))

    return {i for i, inside in enumerate(from_root(pieces, False, step)) if inside}


def from_root(pieces: Sequence[Piece], start: T, step: Callable[[T, etree._Element], T]) -> list[T]:
    """Fold the elements around each block, from the root inwards. RETURNS (list): The result of each block."""
    known: dict[etree._Element | None, T] = {None: start}
    for piece in pieces:
        chain = []
        element = piece.element
        while element not in known:
            chain.append(element)
            element = element.getparent()
        value = known[element]
        for element in reversed(chain):
            known[element] = value = step(value, element)
    return [known[piece.element] for piece in pieces]


def is_furniture(element: etree._Element) -> bool:
    if element.tag in PAGE:
        return False
    names = f"{element.get('class', '')} {element.get('id', '')}"
    return (
        element.tag in FURNITURE or element.get("role") in FURNITURE_ROLES or FURNITURE_NAMES.search(names) is not None
    )


def alike(pieces: Sequence[Piece], found: set[int], others: set[int]) -> set[int]:
    """RETURNS (set[int]): Those of the other blocks, a sentence at least, whose element and all elements around it have
    the tags and classes of two found ones: they are set as the main text is."""
    numbers: dict[tuple[int, str, str], int] = {}

    def step(path: int, element: etree._Element) -> int:
        return numbers.setdefault((path, element.tag, element.get("class", "")), len(numbers) + 1)

    paths = from_root(pieces, 0, step)
    long = {i for i, piece in enumerate(pieces) if is_sentence(piece)}
    counts = Counter(paths[i] for i in found & long)
    return {i for i in others & long if counts[paths[i]] > 1}


def rest_of_lists(pieces: Sequence[Piece], found: set[int]) -> set[int]:
    """RETURNS (set[int]): The items of the lists of which half the items were found."""
    lists: dict[etree._Element, list[int]] = defaultdict(list)
    for i, piece in enumerate(pieces):
        if piece.element.tag in ("li", "dt", "dd"):
            lists[piece.element.getparent()].append(i)
    return {i for items in lists.values() if 2 * len(found.intersection(items)) >= len(items) for i in items}


def headings_within(pieces: Sequence[Piece], found: set[int], others: set[int]) -> set[int]:
    """RETURNS (set[int]): The headings, of the other blocks, that stand in the main text: what follows them is in it,
    and so is something before."""
    kept = set()
    begin, following = min(found, default=0), False
    for i in range(max(found, default=0), begin, -1):
        if pieces[i].block.kind != "heading":
            following = i in found
        elif following and i in others:
            kept.add(i)
    return kept


def is_sentence(piece: Piece) -> bool:
    return len(piece.block.text.split()) >= SENTENCE


def is_teaser(piece: Piece) -> bool:
    return piece.block.kind in ("paragraph", "heading") and piece.element.tag != "h1" and link_share(piece) >= TEASER


def link_share(piece: Piece) -> float:
    """RETURNS (float): How much of a block is links, in [0, 1]."""
    return piece.linked / sum(map(len, piece.block.text.split()))


def size(pieces: Sequence[Piece], chosen: set[int]) -> int:
    return sum(len(pieces[i].block.text) for i in chosen)


def page_heading(root: etree._Element, pieces: Sequence[Piece], found: set[int], furniture: set[int]) -> set[int]:
    """Find the title of a page whose main text was found: of the headings near its beginning the one that the page's
    head names, whatever its level and place, else a first-level one in the text, else the nearest one above it.

    RETURNS (set[int]): At most one. One that the head names is now a title.
    """
    begin = min((i for i in found if is_sentence(pieces[i])), default=min(found))
    near = [i for i, piece in enumerate(pieces) if piece.block.kind == "heading" and i <= begin + NEAR]
    title = letters(root.findtext("head/title") or "")
    for i in reversed(near):
        block = pieces[i].block
        if len(block.text.split()) > 1 and letters(block.text) in title:
            block.kind, block.level = "title", None
            return {i}
    first = [i for i in near if pieces[i].block.level == 1 and i not in furniture]
    return set() if not found.isdisjoint(first) else set(first[-1:])

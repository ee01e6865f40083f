"""Lays documents out as people have them: paragraphs, lines as wide as a page, headings and lists."""

import random
from dataclasses import dataclass

from spacy.tokens import Doc, Token

from ..pipeline.crf_ner.chains import CLOSING
from ..text.sentences import TERMINATORS
from .relations import Place, move_relations

WIDTHS = (60, 90)  # characters of a wrapped line: mails wrap at 72 to 78, plain text files at 65 to 80
BULLETS = ("-", "*", "•", "–")
LONGEST_ITEM = 20  # tokens of a sentence that may stand as an item of a list


@dataclass(frozen=True)
class Layout:
    """How one document is laid out.

    newline (str): Line end: LF, or CRLF.
    gap (int): Line ends between two paragraphs: 2 for an empty line, 1 for one line a paragraph.
    width (int | None): Characters after which lines are wrapped; None for lines as long as their paragraph.
    paragraphs (float): Share of sentence ends that end a paragraph.
    items (float): Share of short sentences that are items of a list.
    """

    newline: str = "\n"
    gap: int = 2
    width: int | None = None
    paragraphs: float = 0.3
    items: float = 0.0


def draw_layout(rng: random.Random) -> Layout:
    """RETURNS (Layout): One of those that texts come in; lines are wrapped in half of them."""
    return Layout(
        newline="\r\n" if rng.random() < 0.1 else "\n",
        gap=1 if rng.random() < 0.2 else 2,
        width=rng.randint(*WIDTHS) if rng.random() < 0.5 else None,
        paragraphs=rng.choice((0.1, 0.3, 0.6)),
        items=0.3 if rng.random() < 0.2 else 0.0,
    )


class Builder:
    """Collects the tokens of a laid-out copy of a document with its entities and sentence starts."""

    def __init__(self, doc: Doc, layout: Layout) -> None:
        self.doc = doc
        self.layout = layout
        self.outside = "O" if doc.has_annotation("ENT_IOB") else None
        self.places: list[Place] = []
        self.words: list[str] = []
        self.spaces: list[bool] = []
        self.tags: list[str | None] = []
        self.starts: list[bool | None] = []
        self.column = 0

    def add(self, word: str, space: bool, tag: str | None, start: bool | None) -> None:
        self.words.append(word)
        self.spaces.append(space)
        self.tags.append(tag)
        self.starts.append(start)
        self.column += len(word) + space

    def break_line(self, count: int, tag: str | None) -> None:
        """Line ends in place of a space: a token of their own that belongs to the sentence before."""
        self.spaces[-1] = False
        self.add(self.layout.newline * count, False, tag, False)
        self.column = 0

    def wrap(self, token: Token) -> None:
        """Begin a line before a token that would not fit into this one; an entity goes on over it."""
        width = self.layout.width
        if width is None or not self.words or not self.spaces[-1]:
            return
        last = token  # of what stands together without a space
        while not last.whitespace_ and last.i + 1 < len(self.doc):
            last = last.nbor()
        if self.column + last.idx + len(last.text) - token.idx <= width:
            return
        inside = token.ent_iob_ == "I"
        self.break_line(1, f"I-{token.ent_type_}" if inside else self.outside)

    def made(self) -> Doc:
        doc = Doc(self.doc.vocab, words=self.words, spaces=self.spaces, ents=self.tags, sent_starts=self.starts)
        doc.user_data.update({key: value for key, value in self.doc.user_data.items() if isinstance(key, str)})
        doc.cats = dict(self.doc.cats)
        move_relations(self.doc, doc, self.places)
        return doc


def lay_out(doc: Doc, layout: Layout, rng: random.Random) -> Doc:
    """A copy of a document with line breaks, which column files have lost, as tokens of white space.

    A sentence without a final mark, such as a heading, always ends its line. An entity that a line's end divides stays
    one entity. The mark of an item begins its sentence.

    doc (Doc): With sentence starts.
    rng (Random): For what ends paragraphs and what is an item.
    RETURNS (Doc): With the entities, their relations, the sentence starts and classes of the document.
    """
    made = Builder(doc, layout)
    was_item = False
    for sent in doc.sents:
        is_item = len(sent) <= LONGEST_ITEM and rng.random() < layout.items
        first, before = sent[0], doc[sent.start - 1] if sent.start else None
        if before is not None and not before.is_space and first.ent_iob_ != "I":
            final = before.text[-1] in TERMINATORS or before.text in CLOSING
            if is_item and was_item:
                made.break_line(1, made.outside)
            elif is_item or was_item or not final or rng.random() < layout.paragraphs:
                made.break_line(layout.gap, made.outside)
        if is_item and first.ent_iob_ != "I":
            made.add(rng.choice(BULLETS), True, made.outside, True)
        for token in sent:
            made.wrap(token)
            start = False if is_item and token.i == sent.start and first.ent_iob_ != "I" else token.is_sent_start
            made.places.append((len(made.words), len(made.words) + 1))
            made.add(token.text, bool(token.whitespace_), entity_tag(token), start)
        was_item = is_item
    return made.made()


def entity_tag(token: Token) -> str | None:
    """RETURNS (str | None): A token's entity annotation as `Doc` takes it; None where it is missing, or only says that
    the token is blocked, which spaCy marks by a beginning without a label."""
    if token.ent_type_:
        return f"{token.ent_iob_}-{token.ent_type_}"
    return "O" if token.ent_iob_ == "O" else None

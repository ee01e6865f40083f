"""Documents out of sentences: grouping, white space, and the spaCy Doc."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from spacy.tokens import Doc, Span
from spacy.util import get_lang_class
from spacy.vocab import Vocab

from ...errors import DossierError
from ...pipeline.extensions import RELATION_LABELS, Relation, set_relations
from ..source import TextFile
from .detect.roles import UPOS
from .formats.registry import FORMATS
from .layout import Layout
from .schemes import OUTSIDE, opens, split_tag, tags_to_entities
from .sentence import Sentence, printable
from .spacing import BY_RULE, Spacer, spaces_from_offsets, spaces_from_text
from .tags import TagForm

SPACINGS = ("restore", "keep")
TEMPLATE_KEY = "template"  # user_data: the document's lines as they stood in the file, in its encoding
LAYOUT_KEY = "layout"  # user_data: how to read them


@dataclass
class Document:
    """The sentences of one document.

    id (str): Its id, where the file gives one.
    sentences (list[Sentence]): Its sentences.
    source (list[str]): Its lines.
    """

    id: str = ""
    sentences: list[Sentence] = field(default_factory=list)
    source: list[str] = field(default_factory=list)


def group_sentences(sentences: Iterable[Sentence], *, marked: bool, size: int) -> Iterator[Document]:
    """Group sentences into documents: by the file's marks, or `size` at a time where it has none.

    sentences (Iterable[Sentence]): The sentences of a file.
    marked (bool): Whether the file marks documents.
    size (int): Sentences to a document in a file without marks; 0 makes one document of the file.
    YIELDS (Document): The documents; lines after the last sentence belong to the last document.
    """
    document = Document()
    for sentence in sentences:
        full = not marked and size and len(document.sentences) >= size
        if document.sentences and sentence.tokens and (sentence.mark is not None or full):
            yield document
            document = Document()
        if sentence.tokens:
            if not document.sentences:
                document.id = sentence.mark or ""
            document.sentences.append(sentence)
        document.source.extend(sentence.source)
    if document.sentences:
        yield document


class _Iob2(dict[tuple[str, str], str]):
    """IOB2 tag of a token by its tag and the one before, as spaCy's Doc takes it: empty where it is missing."""

    def __init__(self, bare: bool) -> None:
        self.bare = bare

    def __missing__(self, pair: tuple[str, str]) -> str:
        previous, current = (split_tag(tag, bare=self.bare) for tag in pair)
        prefix, label = current
        tag = f"{'B' if opens(previous, current) else 'I'}-{label}" if label else prefix
        self[pair] = tag
        return tag


class DocMaker:
    """Makes spaCy Docs of the documents of one file.

    vocab (Vocab): The vocab they share.
    lang (str): The language, for the spaces.
    layout (Layout): The layout of the file.
    spacing (str): `restore` or `keep`.
    nested (bool): Whether the inner layer becomes `doc.spans["nested"]`.
    template (dict[str, Any] | None): What `dossier export` needs to write the file back; `None` leaves it out.
    relation_labels (Sequence[str] | None): Labels of the relations of the file; `None` where it has none.
    """

    def __init__(
        self,
        vocab: Vocab,
        lang: str,
        layout: Layout,
        *,
        spacing: str = "restore",
        nested: bool = False,
        template: dict[str, Any] | None = None,
        relation_labels: Sequence[str] | None = None,
    ) -> None:
        if spacing not in SPACINGS:
            raise DossierError("unknown spacing", value=spacing, remedy=f"Choose one of {', '.join(SPACINGS)}.")
        try:
            get_lang_class(lang)
        except ImportError:
            raise DossierError("spaCy has no such language", value=lang, remedy="Use xx for any other.") from None
        self.vocab, self.layout, self.nested, self.template = vocab, layout, nested, template
        self.relation_labels = relation_labels
        self.spacer = Spacer(lang) if spacing == "restore" else None
        self.iob2 = _Iob2(layout.bare)
        self.spaces_by: Counter[str] = Counter()  # sentences by what said where their spaces are

    def __call__(self, document: Document) -> Doc:
        """Make a Doc.

        document (Document): The document.
        RETURNS (Doc): Its entities, missing where the file has none; `sent_starts`; spaces; part of speech, lemma
            and morphology where the file has them; in `user_data` its `id`.
        """
        layout, iob2 = self.layout, self.iob2
        words: list[str] = []
        spaces: list[bool] = []
        ents: list[str] = []
        starts: list[int] = []
        for sentence in document.sentences:
            words.extend(sentence.tokens)
            spaces.extend(self.spaces(sentence))
            ents.extend([iob2[pair] for pair in zip((OUTSIDE, *sentence.tags), sentence.tags, strict=False)])
            starts.append(1)
            starts.extend([-1] * (len(sentence.tokens) - 1))
        spaces[-1] = False
        extra = {
            name: _annotation(document.sentences, column)
            for name, column in (
                ("tags", layout.xpos),
                ("pos", layout.upos),
                ("lemmas", layout.lemma),
                ("morphs", layout.feats),
            )
            if column is not None
        }
        # A part of speech that Universal Dependencies do not have is kept as a tag.
        if "pos" in extra and not UPOS.issuperset(filter(None, extra["pos"])):
            extra["tags"] = extra.pop("pos")
        doc = Doc(self.vocab, words=words, spaces=spaces, ents=ents, sent_starts=starts, **extra)
        if document.id:
            doc.user_data["id"] = printable(document.id)
        if self.nested and layout.nested is not None:
            doc.spans["nested"] = self._nested(doc, document.sentences)
        if self.relation_labels is not None:
            doc.user_data[RELATION_LABELS] = list(self.relation_labels)
            set_relations(doc, _relations(doc, document.sentences))
        if self.template is not None:
            doc.user_data[TEMPLATE_KEY] = "".join(document.source).encode(self.template["encoding"], "surrogateescape")
            doc.user_data[LAYOUT_KEY] = self.template
        return doc

    def _nested(self, doc: Doc, sentences: list[Sentence]) -> list[Span]:
        spans, offset = [], 0
        for sentence in sentences:
            cells = self.layout.form.read(sentence.columns[self.layout.nested or 0])
            try:
                entities = tags_to_entities(cells)
            except ValueError as error:
                raise DossierError(
                    "expected an entity tag in the nested column", line=sentence.line, value=str(error)
                ) from None
            spans += [Span(doc, offset + start, offset + end, label) for start, end, label in entities]
            offset += len(cells)
        return spans

    def spaces(self, sentence: Sentence) -> list[bool]:
        """RETURNS (list[bool]): Whether a space follows each token of a sentence."""
        by, spaces = self._stated(sentence)
        if spaces is None and self.spacer is not None:
            by, spaces = BY_RULE, self.spacer(sentence.tokens)
        self.spaces_by[by] += 1
        return spaces if spaces is not None else [True] * len(sentence.tokens)

    def _stated(self, sentence: Sentence) -> tuple[str, list[bool] | None]:
        """RETURNS (tuple[str, list[bool] | None]): What states the spaces of a sentence, if it does."""
        tokens, layout = sentence.tokens, self.layout
        if sentence.text is not None and (spaces := spaces_from_text(tokens, sentence.text)) is not None:
            return "as in the text", spaces
        if layout.misc is not None and (spaces := self._flagged(sentence, sentence.columns[layout.misc])) is not None:
            return "as flags say", spaces
        if layout.start is not None and (spaces := spaces_from_offsets(tokens, sentence.columns[layout.start])):
            return "by offsets", spaces
        if layout.spaced:
            return "as tokens", [*[False] * (len(tokens) - 1), not tokens[-1].isspace()]
        return "after each token", None

    def _flagged(self, sentence: Sentence, cells: Sequence[str]) -> list[bool] | None:
        """RETURNS (list[bool] | None): The spaces that flags state; `None` if nothing says that they are stated."""
        stated = FORMATS[self.layout.format].states_spaces or any("SpaceAfter" in cell for cell in cells)
        if not stated and not any("SpaceAfter" in flags for *_, flags in sentence.ranges):
            return None
        spaces = [not ("SpaceAfter=No" in cell or "NoSpaceAfter" in cell) for cell in cells]
        for start, end, form, flags in sentence.ranges:
            # Words that spell out their token as it is written stand together; those of "dos" (de + os) do not.
            if "".join(sentence.tokens[start:end]) == form:
                spaces[start : end - 1] = [False] * (end - 1 - start)
            spaces[end - 1] = "SpaceAfter=No" not in flags
        return spaces


def _relations(doc: Doc, sentences: Iterable[Sentence]) -> Iterator[Relation]:
    offset = 0
    for sentence in sentences:
        for head, tail, label in sentence.relations:
            yield Relation(doc[offset + head[0] : offset + head[1]], doc[offset + tail[0] : offset + tail[1]], label)
        offset += len(sentence.tokens)


def _annotation(sentences: Sequence[Sentence], column: int) -> list[str]:
    cells = [cell for sentence in sentences for cell in sentence.columns[column]]
    return ["" if cell == "_" else cell for cell in cells]


def template_of(file: TextFile, layout: Layout, scheme: str) -> dict[str, Any]:
    """RETURNS (dict[str, Any]): What is needed to read the lines of a document again, as plain data."""
    default = asdict(Layout())
    fields = {name: value for name, value in asdict(layout).items() if value != default[name]}
    return {
        "fields": fields,
        "scheme": scheme,
        "encoding": file.encoding,
        "mark": file.mark.hex(),
        "newline": file.newline,
    }


def _form(fields: dict[str, Any]) -> TagForm:
    return TagForm(**fields)


def layout_of(template: dict[str, Any]) -> Layout:
    """RETURNS (Layout): The layout that `template_of` recorded."""
    fields = dict(template["fields"])
    for name, make in (("names", tuple), ("cells", tuple), ("further", tuple), ("form", _form)):
        if name in fields:
            fields[name] = make(fields[name])
    return Layout(**fields)

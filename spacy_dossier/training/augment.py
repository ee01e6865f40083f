"""`spacy-dossier.entity_replacement.v1`: mention replacement, an augmenter for training corpora."""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from ..errors import DossierError
from .layout import entity_tag
from .relations import Place, move_relations

# Words, and whether a space follows each, of an entity that was seen.
Mention = tuple[list[str], list[bool]]


class NameModel:
    """Makes names like those it has read: each character by the ORDER before it (Shannon 1948, "A mathematical theory
    of communication", section 3). Where only one name goes on in a way, it goes on as that one.
    """

    ORDER = 4
    LONGEST = 60
    # Ends of words, with a space and without, as characters that no text has.
    SPACED, JOINED = "\ufdd0", "\ufdd1"

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.next: dict[str, list[str]] = defaultdict(list)

    def read(self, mention: Mention) -> None:
        words, spaces = mention
        ends = [*(self.SPACED if space else self.JOINED for space in spaces[:-1]), ""]
        name = "".join(map("".join, zip(words, ends, strict=True)))
        for i, character in enumerate([*name, ""]):
            self.next[name[max(i - self.ORDER, 0) : i]].append(character)

    def make(self) -> Mention | None:
        """RETURNS (Mention | None): A name; `None` for one that grew too long."""
        name = ""
        while character := self.rng.choice(self.next[name[-self.ORDER :]]):
            name += character
            if len(name) > self.LONGEST:
                return None
        *words, last = re.split(f"({self.SPACED}|{self.JOINED})", name)
        return [*words[::2], last], [*(end == self.SPACED for end in words[1::2]), False]


def create_entity_replacement(
    level: float = 0.3, seed: int = 0, generated: float = 0.0
) -> Callable[[Language, Example], Iterator[Example]]:
    """Replace entities by others of the same label (Dai & Adel 2020, "An analysis of simple data augmentation for
    named entity recognition", section 3.2), so that a model leans on context and not on names learned by heart.

    The mentions are those of the documents read so far. Sentence boundaries and missing annotation stay as they are.

    level (float): Share of entities that are replaced, in [0, 1].
    seed (int): For the choice.
    generated (float): Share of the replacements that are names made by a character model, in [0, 1].
    """
    for name, share in (("level", level), ("generated", generated)):
        if not 0 <= share <= 1:
            raise DossierError(f"{name} of entity replacement must be in [0, 1]", value=share)
    rng = random.Random(seed)
    mentions: dict[str, list[Mention]] = defaultdict(list)
    known: set[tuple[str, str]] = set()
    models: dict[str, NameModel] = defaultdict(lambda: NameModel(rng))

    def choose(label: str) -> Mention:
        made = models[label].make() if generated and rng.random() < generated else None
        return made or rng.choice(mentions[label])

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        for ent in example.reference.ents:
            if (ent.label_, ent.text) not in known:
                known.add((ent.label_, ent.text))
                mention = [t.text for t in ent], [bool(t.whitespace_) for t in ent]
                mentions[ent.label_].append(mention)
                if generated:
                    models[ent.label_].read(mention)
        chosen = [ent for ent in example.reference.ents if rng.random() < level]
        if not chosen:
            yield example
            return
        same_tokens = len(example.x) == len(example.y) and all(
            x.text == y.text for x, y in zip(example.x, example.y, strict=True)
        )
        reference = replace_entities(example.reference, [(ent, choose(ent.label_)) for ent in chosen])
        predicted = (
            Doc(nlp.vocab, words=[t.text for t in reference], spaces=[bool(t.whitespace_) for t in reference])
            if same_tokens
            else nlp.make_doc(reference.text)
        )
        yield Example(predicted, reference)

    return augment


def replace_entities(doc: Doc, replacements: list[tuple[Span, Mention]]) -> Doc:
    """A copy of a document with the words of some entities replaced; annotation other than entities, their relations,
    sentence starts and classes is not kept."""
    by_start = {ent.start: (ent, mention) for ent, mention in replacements}
    words: list[str] = []
    spaces: list[bool] = []
    tags: list[str | None] = []
    starts: list[bool | None] = []
    places: list[Place] = []
    i = 0
    while i < len(doc):
        token = doc[i]
        if i in by_start:
            ent, (new_words, new_spaces) = by_start[i]
            places += [(len(words), len(words) + len(new_words))] * len(ent)
            words += new_words
            spaces += [*new_spaces[:-1], bool(doc[ent.end - 1].whitespace_)]
            tags += [f"B-{ent.label_}", *[f"I-{ent.label_}"] * (len(new_words) - 1)]
            inside = None if token.is_sent_start is None else False
            starts += [token.is_sent_start, *[inside] * (len(new_words) - 1)]
            i = ent.end
            continue
        places.append((len(words), len(words) + 1))
        words.append(token.text)
        spaces.append(bool(token.whitespace_))
        tags.append(entity_tag(token))
        starts.append(token.is_sent_start)
        i += 1
    copy = Doc(doc.vocab, words=words, spaces=spaces, ents=tags, sent_starts=starts)
    copy.user_data.update({key: value for key, value in doc.user_data.items() if isinstance(key, str)})
    copy.cats = dict(doc.cats)
    move_relations(doc, copy, places)
    return copy

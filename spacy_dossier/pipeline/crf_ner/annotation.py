"""What the entities of a Doc, annotated or kept from before, leave open to the tags of its tokens."""

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc

from ...models.tags import TagScheme

BEGIN = 3  # as a value of Token.ent_iob


def pin(allowed: NDArray[np.bool_], scheme: TagScheme, doc: Doc, start: int, end: int, label: str) -> None:
    """Leave nothing open but one entity where it is. White space, which has no tags, may be inside.

    allowed (NDArray[np.bool_]): Changed in place. Shape: (n_tokens, n_tags)
    """
    positions = [i for i in range(start, end) if not doc[i].is_space]
    if not positions:
        return
    allowed[positions] = False
    allowed[positions, scheme.span_tags(len(positions), label)] = True
    following = next((i for i in range(end, len(doc)) if not doc[i].is_space), None)
    if scheme.name == "IOB2" and following is not None:  # which has no tag for an entity's last token
        allowed[following, scheme.index("I", label)] = False


def kept_entities(doc: Doc) -> list[tuple[int, int, str]]:
    """The entities of a Doc and, with an empty label, the tokens that are blocked from being one."""
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents] + [(i, i + 1, "") for i in blocked_tokens(doc)]


def blocked_tokens(doc: Doc) -> list[int]:
    """The tokens that are blocked from being an entity, which spaCy marks by a beginning without a label."""
    iob, label = doc.to_array([ENT_IOB, ENT_TYPE]).reshape(-1, 2).T
    return np.flatnonzero((iob == BEGIN) & (label == 0)).tolist()

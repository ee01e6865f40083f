"""`dossier_transformer`: spacy-transformers' component, whose errors are those of single documents."""

from collections.abc import Callable, Iterable, Iterator

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from spacy_transformers.data_classes import FullTransformerBatch
from spacy_transformers.pipeline_component import Transformer
from spacy_transformers.util import batch_by_length
from thinc.api import Config, Model

from ..errors import DossierError
from .errors import annotate

DEFAULT_CONFIG = Config().from_str(
    """
[transformer]
max_batch_items = 8192

[transformer.set_extra_annotations]
@annotation_setters = "spacy-transformers.null_annotation_setter.v1"

[transformer.model]
@architectures = "spacy-dossier.TransformerModel.v1"
name = "sentence-transformers/all-MiniLM-L6-v2"
case_embedding = true
"""
)["transformer"]


@Language.factory("dossier_transformer", assigns=["doc._.trf_data"], default_config=DEFAULT_CONFIG)
def make_transformer(
    nlp: Language,
    name: str,
    model: Model[list[Doc], FullTransformerBatch],
    set_extra_annotations: Callable[[list[Doc], FullTransformerBatch], None],
    max_batch_items: int,
) -> "DocumentTransformer":
    """Construct a transformer. Settings are those of spacy-transformers' `transformer`.

    RAISES (DossierError): `max_batch_items` holds no document.
    """
    if max_batch_items < 1:
        raise DossierError(f"'{name}': 'max_batch_items' is 1 at least", value=max_batch_items)
    return DocumentTransformer(nlp.vocab, model, set_extra_annotations, name=name, max_batch_items=max_batch_items)


class DocumentTransformer(Transformer):
    """spacy-transformers' own `pipe` knows no error handler."""

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Process documents, in their order, without those that fail."""
        for docs in minibatch(stream, batch_size):
            batches = batch_by_length(docs, self.cfg["max_batch_items"])
            done = {id(doc) for indices in batches for doc in annotate(self, [docs[i] for i in indices])}
            yield from (doc for doc in docs if id(doc) in done)

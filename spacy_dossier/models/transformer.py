"""`spacy-dossier.TransformerModel.v1`: an encoder for spacy-transformers' `transformer` factory.

Documents are cut into windows counted in sub-words, the windows of all documents of a batch are sorted by length and
encoded under a budget of padded sub-words, and each document gets its own sub-word vectors, none cut and none twice.
Every TransformerListener of spacy-transformers works on the result.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.util import dot_to_object
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData, WordpieceBatch
from spacy_transformers.layers import split_trf_batch, trfs2arrays
from thinc.api import Model, chain, get_array_module, torch2xp
from thinc.types import Floats2d, Ints1d, Ragged
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import ModelOutput

from ..errors import DossierError
from .encoder import EncoderShim, SubWordTokenizer
from .settings import EncoderSettings, with_settings
from .windows import SubWords, Window, align, cut_windows

TOK2VEC = "spacy-dossier.Tok2VecTransformer.v1"

# Least length of a window, as a share of the longest in its batch, on a CPU.
FILL = 0.7


class SubWordBatch(FullTransformerBatch):
    """The vectors of a batch of documents, one row a sub-word, without padding or special tokens."""

    def __init__(self, vectors: Tensor, subwords: list[SubWords]) -> None:
        """vectors (Tensor): Those of all documents, one after the other. Shape: (n_subwords, H)"""
        self.subwords = subwords
        super().__init__(
            spans=[[] for _ in subwords],
            wordpieces=WordpieceBatch.empty(),
            model_output=BaseModelOutput(last_hidden_state=vectors),
            align=Ragged(np.zeros((0,), dtype="i"), np.zeros((0,), dtype="i")),
        )

    def split_by_doc(self) -> list[TransformerData]:
        if not self.subwords:
            return []
        vectors = torch2xp(self.model_output.last_hidden_state)
        xp = get_array_module(vectors)
        ends = np.cumsum([len(doc) for doc in self.subwords])[:-1].tolist()
        indices = [doc.indices.astype("i") for doc in self.subwords]
        # On a GPU uploaded once for the batch, instead of by each listener for each document.
        flat = xp.asarray(np.concatenate(indices))
        places = xp.split(flat, np.cumsum([len(index) for index in indices])[:-1].tolist())
        return list(map(self._doc_data, self.subwords, xp.split(vectors, ends), places))

    @staticmethod
    def _doc_data(doc: SubWords, vectors: Floats2d, indices: Ints1d) -> TransformerData:
        if len(doc.first) == 0:
            return TransformerData.empty()
        if len(doc) == 0:  # nothing but white space: listeners pool no rows, and need one to know the width
            vectors = get_array_module(vectors).zeros((1, vectors.shape[1]), dtype="f")
        return TransformerData(
            wordpieces=WordpieceBatch.empty(),
            model_output=BaseModelOutput(last_hidden_state=vectors.reshape((1, *vectors.shape))),
            align=Ragged(indices, doc.lengths.astype("i")),
        )

    def unsplit_by_doc(self, arrays: list[list[Any]]) -> "FullTransformerBatch":
        """arrays (list[list[Floats3d]]): A gradient for each document that has tokens. Shape: (1, n_subwords, H)"""
        with_tokens = [doc for doc in self.subwords if len(doc.first)]
        rows = [array[0][0][: len(doc)] for doc, array in zip(with_tokens, arrays, strict=True)]
        gradient = torch.cat([torch.from_dlpack(row) for row in rows])
        return FullTransformerBatch(
            spans=self.spans,
            wordpieces=self.wordpieces,
            model_output=ModelOutput(last_hidden_state=gradient),
            align=self.align,
        )


@with_settings
def build_transformer_model(
    name: str,
    tokenizer_config: dict[str, Any] = {},  # noqa: B006  (spaCy's registry wants literal defaults)
    transformer_config: dict[str, Any] = {},  # noqa: B006
    **settings: Any,
) -> Model[list[Doc], FullTransformerBatch]:
    """An encoder of the Hugging Face library for the `transformer` factory. Read when the pipeline is initialized;
    a trained pipeline carries its weights and tokenizer.

    name (str): A folder with the encoder, or its name on the hub. Without `store_base` it is read at load too.
    tokenizer_config, transformer_config (dict): For `from_pretrained` of tokenizer and encoder.
    settings: Those of `EncoderSettings`.
    """
    return Model(
        "dossier-transformer",
        forward,
        init=init,
        dims={"nO": None},
        shims=[EncoderShim(EncoderSettings(**settings), name)],
        attrs={
            "name": name,
            "tokenizer_config": dict(tokenizer_config),
            "transformer_config": dict(transformer_config),
            "replace_listener": replaced_layer,
            "replace_listener_cfg": replaced_config,
        },
    )


@with_settings
def build_tok2vec_transformer(
    name: str,
    pooling: Model[Ragged, Floats2d],
    grad_factor: float = 1.0,
    tokenizer_config: dict[str, Any] = {},  # noqa: B006
    transformer_config: dict[str, Any] = {},  # noqa: B006
    **settings: Any,
) -> Model[list[Doc], list[Floats2d]]:
    """The same encoder inside one component, as `nlp.replace_listeners` leaves it. Shares nothing with other pipes.

    pooling (Model[Ragged, Floats2d]): From the sub-words of a token to its vector.
    grad_factor (float): Scales the gradient that the component passes to the encoder.
    The others: As for `spacy-dossier.TransformerModel.v1`.
    """
    encoder = build_transformer_model(name, tokenizer_config, transformer_config, **settings)
    return chain(chain(encoder, split_trf_batch()), trfs2arrays(pooling, grad_factor))


def replaced_config(encoder: dict[str, Any], tok2vec: dict[str, Any]) -> dict[str, Any]:
    """What `nlp.replace_listeners` asks of an encoder: the config that belongs where a listener was.

    spaCy's documentation and its warning W086 name the path "model.tok2vec", also where the listener lies deeper in
    that block, as inside WordShapeTok2Vec; others name "model". The config is then that of the whole block, with the
    encoder in the listener's place: what else would be saved could not be loaded.

    encoder (dict): The transformer's [model].
    tok2vec (dict): The component's [model.tok2vec], whatever the path is.
    RAISES (DossierError): There is no listener at the path.
    """
    # spaCy tells the path to nobody. This function is called by `Language.replace_listeners` alone, which knows it.
    caller = sys._getframe(1).f_locals
    path: str = caller["listener_path"]
    block: dict[str, Any] = dot_to_object(caller["pipe_cfg"], path)
    listener = _find_listener(block)
    if listener is None:
        raise DossierError(
            f"'{caller['pipe_name']}' has no listener there, so nothing can be replaced",
            value=path,
            remedy='The path is "model.tok2vec"',
        )
    taken: dict[str, Any] = {key: listener[key] for key in ("pooling", "grad_factor") if key in listener}
    return _with_listener(block, {**encoder, "@architectures": TOK2VEC, **taken})


def replaced_layer(model: Model, listener: Model, transformer: Any) -> Model:
    """model (Model): A copy of the encoder. RETURNS (Model): The layer in the listener's place."""
    return chain(model, split_trf_batch())


def _is_listener(block: dict[str, Any]) -> bool:
    return str(block.get("@architectures")).startswith("spacy-transformers.TransformerListener.")


def _find_listener(block: Any) -> dict[str, Any] | None:
    """RETURNS (dict | None): The config of a listener: the block, or one inside it."""
    if not isinstance(block, dict):
        return None
    if _is_listener(block):
        return block
    return next((found for value in block.values() if (found := _find_listener(value))), None)


def _with_listener(block: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """RETURNS (dict): The block with another in the place of its listener."""
    if _is_listener(block):
        return inner
    return {key: _with_listener(value, inner) if _find_listener(value) else value for key, value in block.items()}


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    shim: EncoderShim = model.shims[0]
    if shim._model is None:
        shim.load(model.attrs["name"], model.attrs["tokenizer_config"], model.attrs["transformer_config"])
    model.set_dim("nO", shim.module.encoder.config.hidden_size)


def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[SubWordBatch, Callable]:
    shim: EncoderShim = model.shims[0]
    width = shim.module.encoder.config.hidden_size
    tokenizer = shim.tokenizer
    assert tokenizer is not None
    texts = [doc.text for doc in docs]
    subwords = list(map(align, docs, texts, tokenizer.encode(texts, parallel=shim.device.type != "cpu")))
    windows = [
        (i, window)
        for i, doc in enumerate(subwords)
        for window in cut_windows(doc, shim.settings.window, shim.settings.context)
    ]
    # A graph is kept for all windows of a training batch, so its size is the batcher's business, not ours.
    if not windows:
        vectors = torch.zeros((0, width), device=shim.device)
    elif is_train:
        with shim.autocast():
            vectors = _encode_windows(shim.begin_update, tokenizer, subwords, windows, shim)
    else:
        vectors = _encode_windows(shim.predict, tokenizer, subwords, windows, shim)
    vectors, noisy = vectors[:, :width], vectors[:, width:]  # the noisy ones have no width without `smoothness`

    def backprop(d_batch: FullTransformerBatch) -> list[Doc]:
        gradient = d_batch.model_output.last_hidden_state
        if vectors.requires_grad and len(vectors):
            gradient = gradient.to(vectors.device)
            if noisy.shape[1]:
                pull = (noisy - vectors).detach() * (shim.settings.smoothness / width)
                torch.autograd.backward([vectors, noisy], [gradient - pull, pull])
            else:
                torch.autograd.backward(vectors, gradient)
        return docs

    return SubWordBatch(vectors.detach(), subwords), backprop


def _encode_windows(
    encode: Callable[[tuple[Tensor, Tensor, Tensor]], Tensor],
    tokenizer: SubWordTokenizer,
    subwords: list[SubWords],
    windows: list[tuple[int, Window]],
    shim: EncoderShim,
) -> Tensor:
    """RETURNS (Tensor): float32. Shape: (n_subwords of all documents, H)"""
    device = shim.device
    n_prefix, n_suffix = len(tokenizer.prefix), len(tokenizer.suffix)
    sizes = np.array([len(window) + n_prefix + n_suffix for _, window in windows])
    kept = np.array([window.end - window.start for _, window in windows])
    parts: list[Tensor] = []
    order: list[int] = []
    for batch in _batches(sizes, shim.settings.batch_subwords, fill=FILL if device.type == "cpu" else 0.0):
        length = int(sizes[batch].max())
        ids = np.full((len(batch), length), tokenizer.pad_id, dtype=np.int64)
        cases = np.zeros((len(batch), length), dtype=np.int64)
        mask = np.zeros((len(batch), length), dtype=np.int64)
        rows = []  # flat positions of the kept sub-words in the padded batch
        for row, w in enumerate(batch):
            doc, window = windows[w]
            n = len(window)
            ids[row, :n_prefix] = tokenizer.prefix
            ids[row, n_prefix : n_prefix + n] = subwords[doc].ids[window.left : window.right]
            ids[row, n_prefix + n : n_prefix + n + n_suffix] = tokenizer.suffix
            cases[row, n_prefix : n_prefix + n] = subwords[doc].cases[window.left : window.right]
            mask[row, : n + n_prefix + n_suffix] = 1
            offset = row * length + n_prefix - window.left
            rows.append(np.arange(offset + window.start, offset + window.end))
        tensors = tuple(_to_device(array, device) for array in (ids, mask, cases))
        hidden = encode(tensors)  # type: ignore[arg-type]  # (B, T, H)
        index = _to_device(np.concatenate(rows), device)
        parts.append(hidden.reshape(-1, hidden.shape[-1]).index_select(0, index).float())
        order.extend(batch)
    # Back from the order of lengths into the order of the documents.
    starts = np.concatenate([[0], np.cumsum(kept[order])[:-1]])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = starts
    back = np.concatenate([np.arange(s, s + n) for s, n in zip(place, kept, strict=True)])
    return torch.cat(parts).index_select(0, _to_device(back, device))


def _to_device(array: np.ndarray, device: torch.device) -> Tensor:
    """From pinned memory, so that a GPU copies while the next batch is put together."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _batches(sizes: np.ndarray, budget: int, fill: float) -> Iterator[list[int]]:
    """Windows of like length together, longest first, so that running out of memory happens at once or not at all.

    fill (float): A window shorter than this share of the longest starts another batch: a CPU pays for padding, a GPU
        rather for the number of batches.
    """
    batch: list[int] = []
    longest = 0
    for i in np.argsort(-sizes, kind="stable").tolist():
        if batch and (longest * (len(batch) + 1) > budget or sizes[i] < fill * longest):
            yield batch
            batch = []
        if not batch:
            longest = int(sizes[i])
        batch.append(i)
    if batch:
        yield batch

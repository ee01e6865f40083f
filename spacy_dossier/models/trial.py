"""Encoders of the Hugging Face library differ: which of them can be used, found out once by trying.

An encoder is asked for vectors of a text alone and beside a longer one, from ids and, for a case embedding or
smoothness, from embeddings, and of one full window. What goes wrong there would go wrong later, or change results
without a word.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import MODEL_MAPPING, PretrainedConfig, PreTrainedModel

from ..errors import DossierError
from .settings import EncoderSettings

SHORT, LONG = 5, 23  # sub-words of the two texts
TOLERANCE = 1e-3  # of the largest vector element; float32 differs by some 1e-6 between batches
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop", "attn_dropout")


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """RETURNS (PreTrainedModel): The encoder of an encoder-decoder such as T5 or BART; any other model itself."""
    if getattr(model, "decoder", None) is not None and hasattr(model, "get_encoder"):
        model = model.get_encoder()
    if hasattr(model, "set_attention_type"):  # BigBird: else the length of its first text decides for all that follow
        model.set_attention_type("original_full")
    return model


def new_encoder(config: PretrainedConfig, **settings: Any) -> PreTrainedModel:
    """RETURNS (PreTrainedModel): An encoder of that kind with random weights."""
    # `AutoModel.from_config` imports the configs of all kinds to see whether this one is among them: a second.
    kinds = MODEL_MAPPING[type(config)]
    kind = kinds[0] if isinstance(kinds, tuple | list) else kinds
    return encoder_of(kind._from_config(config, **settings))


def attention_dropout(config: PretrainedConfig, rate: float | None) -> dict[str, float]:
    """RETURNS (dict[str, float]): The rate under the name that this kind of encoder has for it; empty without one."""
    return {} if rate is None else {name: rate for name in ATTENTION_DROPOUT if hasattr(config, name)}


def window_length(tokenizer: Any, settings: EncoderSettings) -> int:
    """RETURNS (int): Sub-words of a full window, with its special tokens and context."""
    return len(tokenizer.prefix) + settings.window + 2 * settings.context + len(tokenizer.suffix)


def check_positions(module: nn.Module, tokenizer: Any, settings: EncoderSettings) -> None:
    """RAISES (DossierError): A window is more than the encoder has absolute positions for."""
    longest = min(map(_positions, module.encoder.modules()))  # type: ignore[union-attr]
    if window_length(tokenizer, settings) > longest:
        raise _too_long(longest, tokenizer, settings)


def try_encoder(module: nn.Module, tokenizer: Any, settings: EncoderSettings) -> None:
    """Pass two texts and a window through an encoder.

    module (CasedEncoder): In evaluation mode.
    tokenizer (SubWordTokenizer): Its tokenizer.
    RAISES (DossierError): It cannot be used, and why.
    """
    encoder: Any = module.encoder
    kind = encoder.config.model_type
    n_rows = encoder.get_input_embeddings().weight.shape[0]
    if tokenizer.tokenizer.get_vocab_size() > n_rows:
        raise DossierError(
            f"the tokenizer knows more sub-words than the encoder's {n_rows:,}",
            value=tokenizer.tokenizer.get_vocab_size(),
            remedy="Choose an encoder with the tokenizer it was trained with",
        )
    ids, mask = (tensor.to(encoder.device) for tensor in _two_texts(tokenizer, n_rows))
    with torch.inference_mode():
        try:
            alone = encoder(input_ids=ids[:1, : int(mask[0].sum())]).last_hidden_state[0]
            beside = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        except Exception as error:  # each kind raises errors of its own
            raise _unusable(kind, _reason(error)) from None
        if beside.shape[:2] != ids.shape:
            raise _unusable(kind, f"it gives {beside.shape[1]} vectors for {ids.shape[1]} sub-words")
        if not _close(beside[0, : len(alone)], alone):
            raise _unusable(kind, "it reads padding, so that the vectors of a text depend on those beside it")
        setting = "case_embedding" if module.cases is not None else "smoothness" if settings.smoothness else None
        if setting is not None:
            try:
                embeddings = encoder.get_input_embeddings()(ids)
                embedded = encoder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
                different = None if _close(embedded[mask > 0], beside[mask > 0]) else "other vectors from embeddings"
            except Exception as error:
                different = _reason(error)
            if different:
                raise DossierError(
                    f"this kind of encoder takes no {setting.replace('_', ' ')} ({different})",
                    value=kind,
                    remedy=f"Set {setting} = {'false' if module.cases is not None else '0'}",
                )
        longest = _longest(module, ids[1], window_length(tokenizer, settings))
        if longest < window_length(tokenizer, settings):
            raise _too_long(longest, tokenizer, settings)


def _unusable(kind: str, reason: str) -> DossierError:
    return DossierError(f"this kind of encoder cannot be used ({reason})", value=kind, remedy="Choose another")


def _reason(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _two_texts(tokenizer: Any, n_rows: int) -> tuple[Tensor, Tensor]:
    """RETURNS (tuple[Tensor, Tensor]): Ids and mask of a short text, padded, and a long one. Shape: (2, T)"""
    special = {tokenizer.pad_id, *tokenizer.prefix, *tokenizer.suffix, *tokenizer.tokenizer.get_added_tokens_decoder()}
    words = [i for i in range(n_rows) if i not in special] or [0]
    ids = np.full((2, len(tokenizer.prefix) + LONG + len(tokenizer.suffix)), tokenizer.pad_id, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, n in enumerate((SHORT, LONG)):
        text = [*tokenizer.prefix, *(words[i * 7 % len(words)] for i in range(n)), *tokenizer.suffix]
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max())


def _longest(module: nn.Module, ids: Tensor, length: int) -> int:
    """RETURNS (int): The window's length, or as many sub-words of it as the encoder reads."""

    def reads(n: int) -> bool:
        window = ids.repeat(-(-n // len(ids)))[:n].unsqueeze(0)
        try:
            return bool(module(window, torch.ones_like(window), torch.zeros_like(window)).isfinite().all())
        except Exception:  # as above
            return False

    if reads(length):
        return length
    most, too_many = 0, length
    while too_many - most > 1:
        middle = (most + too_many) // 2
        most, too_many = (middle, too_many) if reads(middle) else (most, middle)
    return most


def _positions(layer: nn.Module) -> float:
    """How many sub-words a layer of an encoder can tell apart by absolute position; relative positions set no limit."""
    embedding = getattr(layer, "position_embeddings", None)
    if not isinstance(embedding, nn.Embedding):
        return float("inf")
    # RoBERTa and its kin count positions from behind the padding's.
    return embedding.num_embeddings - (0 if embedding.padding_idx is None else embedding.padding_idx + 1)


def _too_long(longest: float, tokenizer: Any, settings: EncoderSettings) -> DossierError:
    frame = len(tokenizer.prefix) + len(tokenizer.suffix)
    return DossierError(
        f"the encoder reads {longest:g} sub-words at most, with {frame} special tokens: too few for this window"
        + f" and {settings.context} sub-words of context on either side" * bool(settings.context),
        value=settings.window,
        remedy="Make the window or the context of the transformer's model smaller",
    )

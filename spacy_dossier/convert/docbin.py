"""A `DocBin` written to disk document by document, in memory that does not grow with the corpus."""

import tempfile
import zlib
from pathlib import Path
from typing import IO

import numpy
from spacy.attrs import intify_attr
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer

from ..errors import DossierError
from ..text.files import move_file, sync_file, unfinished_name
from .source import make_folder

# Attributes stored for each token beside its text; what is not set stays missing when it is read.
ATTRS = ("ENT_IOB", "ENT_TYPE", "LEMMA", "MORPH", "POS", "TAG", "SENT_START")
STRING_ATTRS = ("ORTH", "ENT_TYPE", "LEMMA", "MORPH", "TAG")
MAX_BYTES = 2**31  # of token attributes in one file; msgpack cannot hold more than 2**32 in one field
COPY = 1 << 20


class DocBinWriter:
    """Writes documents to one `.spacy` file, or to shards when there are too many for one.

    The bytes are those of spaCy's own format (`DocBin.to_bytes`, version 0.1), so `DocBin().from_disk` and
    `spacy.Corpus.v1` read them. `DocBin` itself keeps the whole corpus in memory three times over. Files appear under
    their final names when the writer is closed without an error, not before.

    path (Path): The file to write. Shards are named `stem-0001.spacy`, `stem-0002.spacy` and so on.
    vocab (Vocab): The vocab that the documents share.
    max_docs (int | None): Documents to a shard; `None` writes one file as long as the format allows it.
    max_bytes (int): Bytes of token attributes to a shard.
    """

    def __init__(self, path: Path, vocab: Vocab, *, max_docs: int | None = None, max_bytes: int = MAX_BYTES) -> None:
        if max_docs is not None and max_docs < 1:
            raise DossierError("a file must hold at least one document", value=max_docs)
        self.path, self.vocab, self.max_docs, self.max_bytes = path, vocab, max_docs, max_bytes
        empty = DocBin(attrs=("ORTH", *ATTRS))
        self.version, self.attrs = empty.version, empty.attrs
        self.string_columns = [self.attrs.index(intify_attr(name)) for name in STRING_ATTRS]
        self.paths: list[Path] = []
        # One packer: each new one, as `srsly.msgpack_dumps` makes, looks through all installed packages for plug-ins.
        self._packer = Packer(use_bin_type=True)
        self._done: list[Path] = []  # finished shards under temporary names
        self._open_shard()

    def __enter__(self) -> "DocBinWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._close_shard()
            self._rename()
        else:
            self._close_spools()
            for path in self._done:
                path.unlink(missing_ok=True)

    def _open_shard(self) -> None:
        make_folder(self.path.parent)
        names = ("tokens", "spaces", "cats", "span_groups", "user_data")
        try:
            self._spools: dict[str, IO[bytes]] = {
                name: tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115
                for name in names
            }
        except OSError as error:
            raise DossierError(error.strerror or "cannot be written to", file=self.path.parent) from None
        self._lengths: list[int] = []
        self._unknown_spaces: list[bool] = []
        self._strings: set[str] = set()
        self._hashes: set[int] = set()

    def _close_spools(self) -> None:
        for spool in self._spools.values():
            spool.close()

    def add(self, doc: Doc) -> None:
        """Write a document, with its classes, span groups and `user_data`.

        doc (Doc): The document.
        """
        if self._lengths and (
            self._spools["tokens"].tell() + len(doc) * len(self.attrs) * 8 > self.max_bytes
            or len(self._lengths) == self.max_docs
        ):
            self._close_shard()
            self._open_shard()
        array = doc.to_array(self.attrs)
        self._spools["tokens"].write(array.tobytes("C"))
        spaces = numpy.asarray(doc.to_array("SPACY"), dtype=bool)
        self._spools["spaces"].write(spaces.tobytes("C"))
        pack = self._packer.pack
        self._spools["cats"].write(pack(doc.cats))
        self._spools["span_groups"].write(pack(doc.spans.to_bytes()))
        self._spools["user_data"].write(pack(pack(doc.user_data)))
        for column in self.string_columns:
            self._hashes.update(array[:, column].tolist())
        for group in doc.spans.values():
            self._strings.update(span.label_ for span in group)
        self._lengths.append(len(doc))
        self._unknown_spaces.append(doc.has_unknown_spaces)

    def _close_shard(self) -> None:
        strings = self._strings | {self.vocab.strings[value] for value in self._hashes if value}
        self._done.append(unfinished_name(self.path))
        packer = zlib.compressobj()
        n = len(self._lengths)
        with self._done[-1].open("xb") as file_:

            def put(data: bytes) -> None:
                file_.write(packer.compress(data))

            def put_spool(name: str) -> None:
                spool = self._spools[name]
                spool.seek(0)
                while block := spool.read(COPY):
                    put(block)

            def put_key(name: str) -> None:
                put(self._packer.pack(name))

            put(bytes([0x80 | 10]))  # a msgpack map of ten entries
            for key, value in (("version", self.version), ("attrs", self.attrs)):
                put_key(key)
                put(self._packer.pack(value))
            for key in ("tokens", "spaces"):
                put_key(key)
                put(b"\xc6" + self._spools[key].tell().to_bytes(4, "big"))  # msgpack bin 32
                put_spool(key)
            flags = [{"has_unknown_spaces": unknown} for unknown in self._unknown_spaces]
            for key, value in (
                ("lengths", numpy.asarray(self._lengths, dtype="int32").tobytes("C")),
                ("strings", sorted({"", *strings})),
                ("flags", flags),
            ):
                put_key(key)
                put(self._packer.pack(value))
            for key in ("cats", "span_groups", "user_data"):
                put_key(key)
                put(b"\xdd" + n.to_bytes(4, "big"))  # msgpack array 32
                put_spool(key)
            file_.write(packer.flush())
            sync_file(file_)
        self._close_spools()

    def _rename(self) -> None:
        if len(self._done) == 1 and self.max_docs is None:
            self.paths = [self.path]
        else:
            self.paths = [
                self.path.with_name(f"{self.path.stem}-{i:04}{self.path.suffix}") for i in range(1, len(self._done) + 1)
            ]
        for temporary, path in zip(self._done, self.paths, strict=True):
            move_file(temporary, path)

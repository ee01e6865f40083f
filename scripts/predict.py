"""What a pipeline says about texts. Imports spaCy and nothing else, as a user of a package would.

Called with the name or path of a pipeline; texts come in as a JSON list on standard input.
"""

import importlib.util
import json
import sys

import spacy
from spacy.tokens import Doc


def relations(doc: Doc) -> list[list]:
    return [[head.start_char, tail.start_char, label, value] for head, tail, label, value in doc._.relations]


def main() -> None:
    texts = json.load(sys.stdin)
    nlp = spacy.load(sys.argv[1])
    plugin = importlib.util.find_spec("spacy_dossier")
    rows = [
        {
            "entities": [[ent.start_char, ent.end_char, ent.label_, ent._.confidence] for ent in doc.ents],
            "summary": doc._.summary if doc.has_extension("summary") else "",
            "cats": doc.cats,
            "relations": relations(doc) if doc.has_extension("relations") else [],
        }
        for doc in nlp.pipe(texts)
    ]
    json.dump({"plugin": plugin and plugin.origin, "pipeline": str(nlp.path), "documents": rows}, sys.stdout)


if __name__ == "__main__":
    main()

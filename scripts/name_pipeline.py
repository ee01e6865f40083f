"""Give a trained pipeline its name and version, which no setting of `spacy train` does.

python scripts/name_pipeline.py training/model-best NAME VERSION
"""

import json
import sys
from pathlib import Path

folder, name, version = sys.argv[1:]
file = Path(folder, "meta.json")
meta = json.loads(file.read_text(encoding="utf8"))
file.write_text(json.dumps({**meta, "name": name, "version": version}, indent=2, ensure_ascii=False), encoding="utf8")

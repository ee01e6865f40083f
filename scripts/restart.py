"""Remove a folder that other code began: `dossier process` would go on with what it finds there.

python scripts/restart.py records .stamps/process
"""

import shutil
import sys
from pathlib import Path

folder, stamp = map(Path, sys.argv[1:])
begun = stamp.with_name(f"{stamp.name}-{folder.name}")  # the stamp of the code that began it
if not begun.exists() or begun.read_text() != stamp.read_text():
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copyfile(stamp, begun)

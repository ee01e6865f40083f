"""Run the trials at any size and print their figures."""

import argparse
import tempfile
from pathlib import Path

from .mutants import make_columns, make_tables, small_files
from .trials import try_columns, try_kills, try_process

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--documents", type=int, default=0, metavar="N", help="mutants of documents")
    parser.add_argument("--tables", type=int, default=0, metavar="N", help="mutants of tables")
    parser.add_argument("--columns", type=int, default=0, metavar="N", help="mutants of column files")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="kills of runs, workers and readers")
    parser.add_argument("--files", type=Path, default=DATA / "documents", help="folder of documents to mutate")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        folder = Path(name)
        tables, columns = make_tables(folder / "tables"), make_columns(folder / "columns")
        for trial, files, count in (
            ("columns", columns, options.columns),
            ("tables", tables, options.tables),
            ("kills", [*small_files(options.files)[:100], *tables], options.kills),
            ("documents", small_files(options.files), options.documents),
        ):
            work = {"columns": try_columns, "kills": try_kills}.get(trial, try_process)
            for part in range(0, count, 250):
                figures = work(files, min(250, count - part), options.seed + part, folder / f"{trial}-{part}")
                wrong += len(figures.wrong)
                print(f"{trial}, seed {options.seed + part}: {figures}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())

"""Put an encoder into a folder of the project: from another folder, or from the Hugging Face hub by its name.

python scripts/copy_encoder.py FacebookAI/roberta-base assets/encoder-gpu
"""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from spacy_dossier.errors import DossierError
from spacy_dossier.text.files import whole_folder


def copy_encoder(source: str, output: Path) -> None:
    """Copy an encoder's files, or fetch its weights and its tokenizer.

    source (str): Folder, or name on the hub.
    output (Path): The folder to make; it is made anew, and whole or not at all.
    RAISES (DossierError): There is no such folder, and the hub gives none of that name; or `output` is no encoder's.
    """
    if output.is_dir() and any(output.iterdir()) and not (output / "config.json").is_file():
        raise DossierError("this folder holds no encoder, and is left as it is", file=output, remedy="Name another")
    with whole_folder(output) as made:
        if Path(source).is_dir():
            shutil.copytree(source, made, dirs_exist_ok=True)
        else:
            from transformers import AutoModel, AutoTokenizer

            try:
                AutoTokenizer.from_pretrained(source).save_pretrained(made)
                AutoModel.from_pretrained(source).save_pretrained(made)
            except (OSError, ValueError) as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise DossierError(
                    f"no folder, and not to be had from the hub ({reason})", value=source, remedy="Give a folder"
                ) from None


def main(
    source: Annotated[str, typer.Argument(help="Folder of the encoder, or its name on the hub.")],
    output: Annotated[Path, typer.Argument(help="Folder to put it into.")],
) -> None:
    """Put an encoder into a folder of the project."""
    try:
        copy_encoder(source, output)
    except DossierError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)

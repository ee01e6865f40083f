"""LaTeX → blocks."""

from itertools import pairwise

import pytest

from spacy_dossier.read.document import Unreadable
from spacy_dossier.read.markup.latex import read_latex

from .test_walker import SIGNS

ESCAPES = {**{char: f"\\{char}" for char in "&%$#_{}"}, "<": "$<$", ">": "$>$", "~": "\\~{}", '"': "\\textquotedbl{}"}


def read(source: str) -> list[tuple]:
    blocks = read_latex(source.encode(), "x.tex").blocks
    return [(b.kind, b.level, b.text) if b.level else (b.kind, b.text) for b in blocks]


def document(body: str, preamble: str = "") -> str:
    return f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\nafter"


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("", "", "paragraph"),
        ("\\section{", "}", "heading"),
        ("\\begin{itemize}\\item ", "\\end{itemize}", "list_item"),
        ("\\begin{tabular}{l}", "\\end{tabular}", "table"),
        ("x\\footnote{", "}", "footnote"),
        ("\\begin{quote}", "\\end{quote}", "quotation"),
        ("\\caption{", "}", "caption"),
    ],
)
def test_signs_come_out_as_written(sign: str, before: str, after: str, kind: str) -> None:
    """In every kind of block."""
    written = "".join(ESCAPES.get(char, char) for char in sign)
    blocks = read_latex(document(before + written + after).encode(), "").blocks
    assert blocks[-1].text == sign
    assert blocks[-1].kind == kind or before.startswith("\\section")


@pytest.mark.parametrize("name", ["verbatim", "lstlisting", "Verbatim"])
def test_code_comes_out_as_written(name: str) -> None:
    """Nothing has a meaning there."""
    code = "a % b {\n  \\x & <y> $"
    assert read(document(f"\\begin{{{name}}}\n{code}\n\\end{{{name}}}")) == [("code", code)]


def test_accents_comments_and_notes() -> None:
    """Letters with their accents, no comment, a note after its paragraph."""
    source = document(
        'Ren\\\'e of Malm\\"o met \\O ystein and Na\\"{\\i}m. % Otto\nShe left.\\footnote{By \\textbf{Halldor}.} On.'
    )
    assert read(source) == [
        ("paragraph", "René of Malmö met Øystein and Naïm. She left. On."),
        ("footnote", "By Halldor."),
    ]


def test_blocks() -> None:
    """Title, headings from level 1, lists, tables, captions; labels and pictures are no text."""
    body = """\\maketitle
\\section{One \\label{x}}
Line
wrapped \\emph{a \\textbf{b}}c, \\textcolor{red}{red} \\href{http://x}{link} $x^2 < y$.\\\\Second line.

\\begin{enumerate}\\item First \\begin{itemize}\\item[Term] inner\\end{itemize}\\item Second\\end{enumerate}
\\begin{tabular}{ll} a & b\\footnote{In a cell.} \\\\ \\hline c & \\multicolumn{2}{c}{d \\& e} \\end{tabular}
\\begin{figure}[h]\\includegraphics[width=3cm]{x}\\caption[short]{The cap}\\end{figure}
\\begin{comment}
never
\\end{comment}
\\subsection*{Two}"""
    assert read(document(body, "\\title{A \\emph{quay}}\\author{Pia Lund \\and Nils Aro}")) == [
        ("title", "A quay"),
        ("paragraph", "Pia Lund\nNils Aro"),
        ("heading", 1, "One"),
        ("paragraph", "Line wrapped a bc, red link x^2 < y.\nSecond line."),
        ("list_item", 1, "First"),
        ("list_item", 2, "Term inner"),
        ("list_item", 1, "Second"),
        ("table", "a\tb\nc\td & e"),
        ("footnote", "In a cell."),
        ("caption", "The cap"),
        ("heading", 2, "Two"),
    ]


def test_commands_of_the_document() -> None:
    """They are read as what they stand for, with their arguments; of those that are not known the arguments are."""
    preamble = "\\newcommand{\\city}{Har\\textbf{stad}}\\newcommand{\\mr}[1]{Mr~#1}\\def\\x{y}"
    preamble += "\\newcommand\\of[2][Lund]{\\mr{#2} of #1}"
    text = "In \\city{} and \\city. \\mr{Berg}, \\of{Aro}, \\of[Oslo]{Ohm}, \\unknown{thing}"
    assert read(document(text, preamble)) == [
        ("paragraph", "In Harstad and Harstad. Mr\xa0Berg, Mr\xa0Aro of Lund, Mr\xa0Ohm of Oslo, thing")
    ]


def test_what_is_switched_off() -> None:
    assert read(document("Shown. \\iffalse Hidden.\n\n\\emph{Hidden.} \\fi Shown too.")) == [
        ("paragraph", "Shown. Shown too.")
    ]


def test_commands_do_not_multiply_without_end() -> None:
    """Each doubles its argument."""
    doubling = "".join(
        f"\\newcommand{{\\a{x}}}[1]{{\\a{y}{{#1#1}}}}" for x, y in pairwise("abcdefghijklmnopqrstuvwxyz")
    )
    assert sum(len(text) for _, text in read(document("\\aa{x}", doubling))) < 4_000_000


@pytest.mark.parametrize("source", ["{" * 5_000, "\\begin{itemize}\\item x " * 2_000, "\\newcommand{\\a}{\\a\\a}\\a"])
def test_nested_without_end(source: str) -> None:
    """Is refused in one line."""
    with pytest.raises(Unreadable, match="nested too deep"):
        read(source)

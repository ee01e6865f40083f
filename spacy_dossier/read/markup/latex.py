"""LaTeX → blocks. pylatexenc parses; what a command means for the text is told here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pylatexenc import latexwalker, macrospec
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
)

from ...text.words import word_set
from ..document import Block, Document, Kind, Unreadable
from ..plain import decode_text
from .walker import BREAK, code_blocks, entitle, paragraphs, plain_line

HEADINGS = {
    **{"part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6, "subparagraph": 7},
    "frametitle": 4,
}
HEAD = word_set("title author date subtitle institute")
NOTES = word_set("footnote footnotetext thanks endnote marginpar")
DEFINITIONS = word_set("newcommand renewcommand providecommand")
ACCENTS = frozenset("'`^\"~=.uvHtcdbrk")
BREAKS = word_set("\\ newline linebreak tabularnewline cr")
# Commands whose arguments are no text
SKIPPED = word_set(
    """label ref pageref eqref autoref cref Cref includegraphics input include bibliography bibliographystyle
    usepackage documentclass RequirePackage hspace vspace hskip vskip setlength addtolength setcounter addtocounter
    pagestyle thispagestyle index glossary cline cmidrule hypersetup graphicspath DeclareMathOperator newenvironment
    renewenvironment newtheorem newlength newcounter geometry definecolor color pagecolor rule phantom hphantom
    vphantom bibitem footnotemark nocite addbibresource printbibliography selectlanguage usetikzlibrary tikzset
    maketitle titlepage tableofcontents listoffigures listoftables today"""
)
FORMULAS = word_set("equation align gather multline eqnarray displaymath math flalign alignat")
LISTS = word_set("itemize enumerate description compactitem compactenum inparaenum")
QUOTATIONS = word_set("quote quotation verse displayquote")
CODE = word_set("verbatim verbatim* Verbatim lstlisting alltt minted")
TABLES = {"tabular": "[{", "tabular*": "{[{", "tabularx": "{[{", "tabulary": "{[{", "longtable": "[{", "array": "[{"}
UNREAD = word_set("comment tikzpicture picture filecontents filecontents* axis pspicture thebibliography*")
OPTIONS = re.compile(r"\A[ \t]*(?:\[[^\]\n]*\])?(?:\{[^}\n]*\})?[ \t]*\n")  # of an environment, on its first line
PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*")
# Commands that pylatexenc knows not, or otherwise
SIGNS = {
    **{"LaTeX": "LaTeX", "TeX": "TeX", "LaTeXe": "LaTeX2e", "BibTeX": "BibTeX", "and": BREAK},
    **{"quad": " ", "qquad": " ", "enspace": " ", ";": " ", ":": " ", ",": "\u2009", "thinspace": "\u2009"},
    **{"textquotedbl": '"', "textless": "<", "textgreater": ">", "textbar": "|", "textunderscore": "_", "slash": "/"},
    **{"textbraceleft": "{", "textbraceright": "}", "S": "§", "P": "¶", "ddag": "‡", "SS": "ẞ", "checkmark": "✓"},
    **{"euro": "€", "pounds": "£", "degree": "°", "copyright": "©", "glqq": "„", "grqq": "“", "nobreakspace": "\xa0"},
}
# Commands of the document's own with arguments, and where these stand in their definition
OWN = re.compile(
    r"\\(?:re)?(?:new|provide)command\*?\s{0,9}\{?\s{0,9}\\([A-Za-z@]{1,99})\s{0,9}\}?\s{0,9}\[(\d)\](\s{0,9}\[)?"
)
PARAMETER = re.compile(r"#(\d)")
LARGEST = 2_000_000  # characters that they are expanded to, and 1,000 for each use, so that they do not multiply
UNDONE = re.compile(r"\\iffalse\b.*?\\fi\b", re.S)

MACROS = {
    **dict.fromkeys(HEADINGS, "*[{"),
    **dict.fromkeys(DEFINITIONS, "*{[[{"),
    **dict.fromkeys(("title", "author", "date", "institute", "caption"), "[{"),
    **dict.fromkeys(("footnote", "footnotetext", "endnote", "includegraphics", "usepackage", "documentclass"), "[{"),
    **dict.fromkeys(("cite", "citep", "citet", "citeauthor", "citeyear", "parencite", "textcite"), "*[[{"),
    **dict.fromkeys(("href", "textcolor", "colorbox", "newtheorem", "setlength", "addtolength", "setcounter"), "{{"),
    **dict.fromkeys(("thanks", "url", "label", "ref", "pageref", "eqref", "autoref", "cref", "Cref", "bibitem"), "{"),
    **dict.fromkeys(("input", "include", "bibliography", "bibliographystyle", "index", "cline", "hypersetup"), "{"),
    **dict.fromkeys(("hspace", "vspace"), "*{"),
    **dict.fromkeys(("color", "marginpar", "hyperref", "cmidrule", "item", "geometry", "nocite", "enquote"), "[{"),
    **{"item": "[", "hyperref": "[{", "multicolumn": "{{{", "multirow": "{{{", "parbox": "[{{", "rule": "[{{"},
    **{"newenvironment": "*{[[{{", "renewenvironment": "*{[[{{", "definecolor": "{{{", "DeclareMathOperator": "*{{"},
}
ENVIRONMENTS = {
    **TABLES,
    **dict.fromkeys(("figure", "table", "figure*", "table*", "itemize", "enumerate", "description"), "["),
    **{"minipage": "[{", "wrapfigure": "[{[{", "multicols": "{", "thebibliography": "{"},
}


class RawArguments(macrospec.MacroStandardArgsParser):
    """Takes all up to the end of an environment as it stands; pylatexenc's own knows `verbatim` only."""

    def __init__(self, name: str) -> None:
        super().__init__(argspec="{")
        self.end = f"\\end{{{name}}}"

    def parse_args(self, w: Any, pos: int, parsing_state: Any = None) -> tuple[Any, int, int]:
        end = w.s.find(self.end, pos)
        length = (end if end >= 0 else len(w.s)) - pos
        node = w.make_node(
            LatexCharsNode, parsing_state=parsing_state, chars=w.s[pos : pos + length], pos=pos, len=length
        )
        return macrospec.ParsedVerbatimArgs(verbatim_chars_node=node), pos, length


def context(source: str) -> macrospec.LatexContextDb:
    """RETURNS (LatexContextDb): Which arguments commands take, those of the document's own among them."""
    own = [
        macrospec.std_macro(name, "[" + "{" * (int(count) - 1) if optional else "{" * int(count))
        for name, count, optional in OWN.findall(source)
        if name not in MACROS and int(count)
    ]
    db = latexwalker.get_default_latex_context_db()
    db.add_context_category(
        "documents",
        prepend=True,
        macros=[*(macrospec.std_macro(name, spec) for name, spec in MACROS.items()), *own],
        environments=[
            *(macrospec.std_environment(name, spec) for name, spec in ENVIRONMENTS.items()),
            *(macrospec.EnvironmentSpec(name, args_parser=RawArguments(name)) for name in sorted(CODE | UNREAD)),
        ],
    )
    return db


def read_latex(data: bytes, name: str) -> Document:
    """Read a LaTeX document; footnotes follow their paragraph, commands of its own are expanded.

    RAISES (Unreadable): No encoding fits, or groups nested without end.
    """
    source = UNDONE.sub("", decode_text(data))
    reader = LatexReader(context(source))
    try:
        reader.read(latexwalker.LatexWalker(source, latex_context=reader.context).get_latex_nodes()[0])
    except RecursionError:
        raise Unreadable("Unsupported", "its LaTeX is nested too deep") from None
    return Document(reader.finished())


class LatexReader:
    """Walks the nodes and collects text until a command or an empty line ends the block."""

    def __init__(self, context: macrospec.LatexContextDb) -> None:
        self.context = context
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.kinds: list[tuple[Kind, int | None]] = [("paragraph", None)]
        self.notes: list[Sequence[Any]] = []
        self.head: dict[str, list[Block]] = {}
        self.own: dict[str, tuple[str, str]] = {}  # commands that the document defines, see expand()
        self.expanded = 0
        self.symbols = LatexNodes2Text(math_mode="text", keep_comments=False)

    def read(self, nodes: Sequence[Any]) -> None:
        """Read a file: of one with a preamble what defines commands and the title, then the document."""
        body = [n for n in nodes if isinstance(n, LatexEnvironmentNode) and n.environmentname == "document"]
        if not body:
            self.visit(nodes)
        for node in nodes if body else ():
            if node in body:
                self.visit(node.nodelist)
            elif isinstance(node, LatexMacroNode) and node.macroname in HEAD | DEFINITIONS:
                self.macro(node)
        self.flush()

    def finished(self) -> list[Block]:
        """RETURNS (list[Block]): Title, authors and date, then the text; headings from level 1."""
        levels = [block.level for block in self.blocks if block.kind == "heading" and block.level]
        for block in self.blocks:
            if block.kind == "heading" and block.level:
                block.level -= min(levels) - 1
        head = [
            block for key in ("title", "subtitle", "author", "institute", "date") for block in self.head.get(key, ())
        ]
        return [*head, *self.blocks] if head else entitle(self.blocks)

    def visit(self, nodes: Sequence[Any]) -> None:
        for node in nodes:
            if isinstance(node, LatexCharsNode):
                self.text(node.chars)
            elif isinstance(node, LatexGroupNode):
                self.visit(node.nodelist)
            elif isinstance(node, LatexMacroNode):
                self.macro(node)
            elif isinstance(node, LatexEnvironmentNode):
                self.environment(node)
            elif isinstance(node, LatexMathNode):
                self.parts.append(self.symbol(node))
            elif isinstance(node, LatexCommentNode):
                if "\n\n" in node.comment_post_space:
                    self.flush()
            elif node is not None:
                self.parts.append(self.symbol(node))

    def text(self, chars: str) -> None:
        first, *rest = PARAGRAPH_END.split(chars)
        self.parts.append(first)
        for part in rest:
            self.flush()
            self.parts.append(part)

    def symbol(self, node: Any) -> str:
        """RETURNS (str): The characters of an accent, sign or formula."""
        try:
            text: str = self.symbols.node_to_text(node)
        except (IndexError, AttributeError, TypeError):  # a command of the library's table that lacks its argument
            text = str(node.latex_verbatim())
        return " ".join(text.split("\n")) if isinstance(node, (LatexMathNode, LatexEnvironmentNode)) else text

    def macro(self, node: LatexMacroNode) -> None:
        name = node.macroname
        arguments = list(node.nodeargd.argnlist or ()) if node.nodeargd else []
        required = [n for n in arguments if isinstance(n, LatexGroupNode) and n.delimiters[0] == "{"]
        if name in HEADINGS and required:
            self.block("heading", required[-1:], HEADINGS[name])
        elif name in HEAD and required:
            self.head[name] = self.apart("title" if name == "title" else "paragraph", required[-1:])
        elif name == "caption":
            self.block("caption", required[-1:])
        elif name in NOTES:
            self.notes.append(required[-1:])
        elif name in DEFINITIONS:
            self.define(arguments)
        elif name == "verb":
            self.parts.append(node.nodeargd.verbatim_text)
        elif name == "item" or name == "bibitem":
            self.flush()
            self.visit(arguments if name == "item" else ())
            self.parts.append(" ")
        elif name == "par":
            self.flush()
        elif name in BREAKS:
            self.parts.append(BREAK)
        elif name in SIGNS:
            self.parts.append(SIGNS[name])
        elif name == "enquote":
            self.parts.append("“")
            self.visit(required)
            self.parts.append("”")
        elif name.lower().endswith("cite") or name.startswith("cite"):
            self.parts.append(f"[{required[-1].latex_verbatim()[1:-1]}]" if required else "")
        elif name in self.own:
            self.expand(*self.own[name], arguments)
        elif name in ACCENTS or (not required and name not in SKIPPED):
            self.parts.append(self.symbol(node))
        elif name not in SKIPPED:  # bold, emphasised, coloured …: the last argument is the text
            self.visit(required[-1:])

    def define(self, arguments: Sequence[Any]) -> None:
        """Remember a command of the document's own that stands for text."""
        name, *others = [n for n in arguments if n is not None] or [None]
        macros = [n for n in inside(name) if isinstance(n, LatexMacroNode)]
        if macros and others:
            default = others[1].latex_verbatim()[1:-1] if len(others) > 2 else ""
            self.own[macros[0].macroname] = others[-1].latex_verbatim(), default

    def expand(self, body: str, default: str, arguments: Sequence[Any]) -> None:
        """Read what a command of the document's own stands for.

        default (str): Of its optional argument.
        """
        given = [node.latex_verbatim() if node else default for node in arguments]
        given = [
            part[1:-1] if isinstance(n, LatexGroupNode) else part for n, part in zip(arguments, given, strict=True)
        ]
        source = PARAMETER.sub(lambda m: (given[int(m[1]) - 1 : int(m[1])] or [""])[0], body)
        self.expanded += 1000 + len(source)
        if self.expanded <= LARGEST:
            self.visit(latexwalker.LatexWalker(source, latex_context=self.context).get_latex_nodes()[0])

    def environment(self, node: LatexEnvironmentNode) -> None:
        name = node.environmentname
        if name in UNREAD:
            return
        if name.rstrip("*") in FORMULAS:
            self.parts.append(f" {self.symbol(node)} ")
            return
        self.flush()
        if name in CODE:
            self.blocks += code_blocks(OPTIONS.sub("", node.nodeargd.verbatim_text))
        elif name in TABLES:
            self.table(node.nodelist)
        elif name in LISTS or name == "thebibliography":
            depth = sum(kind == "list_item" for kind, _ in self.kinds)
            self.inside("list_item", node.nodelist, depth + 1)
        elif name in QUOTATIONS:
            self.inside("quotation", node.nodelist)
        else:
            self.visit(node.nodelist)
        self.flush()

    def table(self, nodes: Sequence[Any]) -> None:
        """Add the rows of a table; what a command draws between them is none of it."""
        rows: list[list[list[Any]]] = [[[]]]
        for node in nodes:
            if isinstance(node, LatexMacroNode) and node.macroname in BREAKS:
                rows.append([[]])
            elif getattr(node, "specials_chars", "") == "&":
                rows[-1].append([])
            else:
                rows[-1][-1].append(node)
        notes: list[Block] = []
        lines = ["\t".join(self.cell(cell, notes) for cell in row).rstrip() for row in rows]
        text = "\n".join(line for line in lines if line).strip()
        self.blocks += [Block("table", text)] if text else []
        self.blocks += notes

    def cell(self, nodes: Sequence[Any], notes: list[Block]) -> str:
        """RETURNS (str): The text of a cell; the notes in it are added to the others."""
        blocks = self.apart("paragraph", nodes)
        notes += [block for block in blocks if block.kind == "footnote"]
        return " ".join(block.text.replace("\n", " ") for block in blocks if block.kind != "footnote")

    def apart(self, kind: Kind, nodes: Sequence[Any]) -> list[Block]:
        """RETURNS (list[Block]): The blocks of nodes that stand elsewhere than where they are written."""
        outer = self.blocks, self.parts, self.kinds
        self.blocks, self.parts, self.kinds = [], [], [(kind, None)]
        self.visit(nodes)
        self.flush()
        found = self.blocks
        self.blocks, self.parts, self.kinds = outer
        return found

    def block(self, kind: Kind, nodes: Sequence[Any], level: int | None = None) -> None:
        """Add nodes as a block of their own."""
        self.flush()
        self.inside(kind, nodes, level)
        self.flush()

    def inside(self, kind: Kind, nodes: Sequence[Any], level: int | None = None) -> None:
        self.kinds.append((kind, level))
        self.visit(nodes)
        self.flush()
        self.kinds.pop()

    def flush(self) -> None:
        """End the block; the notes in it follow."""
        text = BREAK.join(plain_line(line) for line in "".join(self.parts).split(BREAK))
        self.parts = []
        kind, level = self.kinds[-1]
        self.blocks += [Block(kind, "\n".join(lines), level) for _, lines in paragraphs(text, code=False)]
        notes, self.notes = self.notes, []
        for nodes in notes:
            self.blocks += self.apart("footnote", nodes)


def inside(node: Any) -> Iterator[Any]:
    """RETURNS (Iterator): The nodes of a group; any other by itself."""
    return iter(node.nodelist if isinstance(node, LatexGroupNode) else [node])

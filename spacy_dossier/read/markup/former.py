"""HTML and XML → text: of a web page the main text, without menus; of XML its character data."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

SKIPPED = {
    *("script", "style", "noscript", "template", "svg", "math", "head", "iframe", "object", "select", "button"),
    *("textarea", "nav", "aside", "footer", "dialog", "menu", "audio", "video", "canvas"),
}
BLOCKS = {
    *("address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt", "fieldset"),
    *("figcaption", "figure", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p"),
    *("pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
}
VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
}
INLINE = {
    "a",
    "b",
    "code",
    "em",
    "font",
    "i",
    "kbd",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "u",
    "td",
    "th",
    "picture",
}
TAGS = re.compile(rf"</?(?:{'|'.join(sorted(BLOCKS | VOID | INLINE))})\b[^<>]*>")
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
# Opening one of these closes an open one of the same kind that its author forgot to close.
SELF_CLOSING = {
    "p": BLOCKS,
    "li": {"li"},
    "dd": {"dd", "dt"},
    "dt": {"dd", "dt"},
    "tr": {"tr"},
    "td": {"td", "th", "tr"},
}
UNLIKELY = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu|side-?bar|footer|cookies?|breadcrumbs?|share|sharing|social|comments?|"
    r"disqus|related|promo(?:tion)?|advert(?:isement)?|ads?|sponsor(?:ed)?|banner|pop-?up|modal|newsletter|subscribe|"
    r"pagination|pager|skip(?:-?link)?|toolbar|widget)(?:$|[\s_-])",
    re.I,
)
LIKELY = re.compile(r"article|body|content|main|post|story|entry|text", re.I)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
MAX_DEPTH = 500  # deeper nesting than any real page; keeps hostile ones linear


@dataclass
class Block:
    """A paragraph, heading, list item or table row."""

    tag: str
    parts: list[str] = field(default_factory=list)
    link_words: float = 0
    dropped: bool = False  # inside an element whose class or id says menu, comments …

    @property
    def text(self) -> str:
        text = "".join(self.parts)
        if self.tag == "pre":
            return text.strip("\n")
        lines = (re.sub(r"[ \t\n\f\xa0]+", " ", line).strip() for line in text.split("\v"))
        return "\n".join(line for line in lines if line)

    @property
    def link_density(self) -> float:
        return self.link_words / (count_words(self.text) or 1)


def count_words(text: str) -> float:
    """RETURNS (float): Words; two characters of Chinese or Japanese count as one."""
    cjk = len(CJK.findall(text))
    return len(re.findall(r"\w+", CJK.sub(" ", text) if cjk else text)) + cjk / 2


class PageParser(HTMLParser):
    """Cuts a page into blocks. `\\v` stands for a line break, which white space is not in HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self.title = ""
        self.block = Block("body")
        self.stack: list[tuple[str, bool, bool]] = []  # tag, skipped, dropped
        self.links = 0

    def flush(self, tag: str) -> None:
        if any(part.strip() for part in self.block.parts):
            self.blocks.append(self.block)
        self.block = Block(tag, dropped=bool(self.stack) and self.stack[-1][2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for open_tag, closers in SELF_CLOSING.items():
            if tag in closers and self.stack and self.stack[-1][0] == open_tag:
                self.handle_endtag(open_tag)
        if tag in VOID:
            if tag == "br":
                self.block.parts.append("\n" if self.block.tag == "pre" else "\v")
            elif tag == "hr":
                self.flush("body")
            return
        if len(self.stack) >= MAX_DEPTH:
            return
        skipped, dropped = self.stack[-1][1:] if self.stack else (False, False)
        values = {name: value or "" for name, value in attrs}
        names = f"{values.get('class', '')} {values.get('id', '')}"
        skipped = skipped or (
            tag in SKIPPED
            or "hidden" in values
            or values.get("aria-hidden") == "true"
            or values.get("role") in ("navigation", "dialog", "menu", "search")
            or HIDDEN.search(values.get("style", "")) is not None
        )
        if tag not in ("body", "html", "article", "main", "p") and not dropped:
            dropped = bool(UNLIKELY.search(names)) and not LIKELY.search(names)
        self.stack.append((tag, skipped, dropped))
        if tag in BLOCKS:
            self.flush(tag)
        elif tag in ("td", "th"):
            self.block.parts.append("\t" if self.block.parts else "")
        self.links += tag == "a"

    def handle_endtag(self, tag: str) -> None:
        if tag == "p" and not any(entry[0] == "p" for entry in self.stack):
            self.flush("body")
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index][0] == tag:
                self.links -= sum(entry[0] == "a" for entry in self.stack[index:])
                del self.stack[index:]
                if tag in BLOCKS:
                    self.flush(self.stack[-1][0] if self.stack else "body")
                return

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1][0] == "title":
            self.title += data
        if self.stack and self.stack[-1][1]:
            return
        self.block.parts.append(data)
        if self.links:
            self.block.link_words += count_words(data)

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self.handle_data(data[6:])

    def error(self, message: str) -> None:  # abstract in the base class up to Python 3.9's typeshed
        raise ValueError(message)


def html_to_text(html: str) -> str:
    """Read the main text of a web page.

    Elements that say they are no content (nav, aside, hidden ones, class="menu") go first; then each block is judged
    by its words and link density and those of its neighbours. A page of few words is kept whole.

    RETURNS (str): Its blocks, a blank line between each.
    SOURCE: the decision tree NumWordsRules of Kohlschütter, Fankhauser and Nejdl, Boilerplate Detection using Shallow
        Text Features, WSDM 2010, algorithm 2.
    """
    comment = html.rfind("<!--")
    if comment >= 0 and "-->" not in html[comment:]:  # one that is never closed hides the rest, as in a browser
        html = html[:comment]
    parser = PageParser()
    parser.feed(html)
    parser.close()
    parser.flush("body")
    blocks = [block for block in parser.blocks if not block.dropped]
    if sum(count_words(block.text) for block in blocks) < 0.3 * sum(count_words(b.text) for b in parser.blocks):
        blocks = parser.blocks  # the names misled
    kept = main_blocks(blocks)
    return "\n\n".join(block.text for block in kept) or " ".join(parser.title.split())


def main_blocks(blocks: list[Block]) -> list[Block]:
    """RETURNS (list[Block]): The blocks of the main text, in order."""
    words = [count_words(block.text) for block in blocks]
    density = [block.link_words / count if count else 0.0 for block, count in zip(blocks, words, strict=True)]
    if sum(words) < 150:
        return [block for block, links in zip(blocks, density, strict=True) if links < 0.9] or blocks
    content = [
        is_content(
            words[i],
            density[i],
            words[i - 1] if i else 0,
            density[i - 1] if i else 0,
            words[i + 1] if i + 1 < len(words) else 0,
        )
        for i in range(len(blocks))
    ]
    if sum(count for count, good in zip(words, content, strict=True) if good) < 0.25 * sum(words):
        content = [links < 0.5 for links in density]  # a page of lists and tables
    kept = list(content)
    for i, block in enumerate(blocks):
        if kept[i] or density[i] > 0.34:
            continue
        if block.tag in HEADINGS:
            kept[i] = any(content[i + 1 : i + 4])  # a heading belongs to the text below it
        else:  # short lines of dialogue, list items: content on both sides, near
            kept[i] = any(content[max(0, i - 2) : i]) and any(content[i + 1 : i + 3])
    return [block for block, good in zip(blocks, kept, strict=True) if good] or blocks  # a page of links


def is_content(words: float, links: float, words_before: float, links_before: float, words_after: float) -> bool:
    """RETURNS (bool): NumWordsRules: is a block with these word counts and link densities main text?"""
    if links > 1 / 3:
        return False
    if links_before <= 5 / 9:
        return words > 16 or words_after > 15 or words_before > 4
    return words > 40 or words_after > 17


class XmlParser(HTMLParser):
    """Collects character data, an element a block. Lenient, and without entity expansion, so no bomb goes off.

    An element that begins or ends in the midst of text is part of that text, not a block.
    """

    def __init__(self, skipped: frozenset[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.skipped = skipped
        self.hidden = 0
        self.blocks: list[str] = []
        self.parts: list[str] = []
        self.inline: list[bool] = []  # of the open elements
        self.ended = False

    def flush(self) -> None:
        text = "".join(self.parts).strip()
        self.parts = []
        self.ended = False
        if text:
            # Feeds carry HTML inside their elements, escaped or as CDATA.
            self.blocks.append(html_to_text(text) if re.search(r"<(?:p|br|div|a|img|b|i|span)\b", text, re.I) else text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in self.skipped
        self.inline.append(not self.ended and any(part.strip() for part in self.parts))
        if not self.inline[-1]:
            self.flush()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(" ")  # a line break of a kind

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in self.skipped and self.hidden > 0
        self.ended = self.ended or not (self.inline and self.inline.pop())

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.ended = self.ended and not data.strip()
            self.parts.append(data)

    def unknown_decl(self, data: str) -> None:
        if data.startswith("CDATA["):
            self.handle_data(data[6:])


def xml_to_text(xml: str, skipped: frozenset[str] = frozenset()) -> str:
    """Read an XML document.

    skipped (frozenset[str]): Elements without text for people, in lower case.
    RETURNS (str): Its character data, a blank line between elements.
    """
    xml = re.sub(r"<!DOCTYPE[^>\[]*\[.*?\]\s*>", "", xml, count=1, flags=re.S)
    parser = XmlParser(skipped)
    parser.CDATA_CONTENT_ELEMENTS = ()  # type: ignore[misc]  # <script> and <style> mean nothing here
    parser.feed(xml)
    parser.close()
    parser.flush()
    return "\n\n".join(block for block in parser.blocks if block)


def without_tags(markdown: str) -> str:
    """RETURNS (str): Markdown without HTML tags, whose content Markdown readers drop; code as it was."""
    parts = re.split(r"(?ms)(^ {0,3}(?:```|~~~).*?^ {0,3}(?:```|~~~)\s*$|`[^`\n]+`)", markdown)
    for index in range(0, len(parts), 2):
        part = re.sub(r"(?is)<!--.*?-->|<(script|style)\b.*?</\1\s*>", "", parts[index])
        parts[index] = re.sub(r"(?m)^[ \t]*(?=<)|" + TAGS.pattern, "", re.sub(r"<br\s*/?>", "\n", part), flags=re.I)
    return "".join(parts)

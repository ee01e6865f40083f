"""The report in a browser: Chromium without a window, driven over the DevTools protocol."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spacy_dossier.process.record import Failure
from spacy_dossier.report import pages as report_pages
from spacy_dossier.report.write import write_report

from .test_report import HOSTILE, annotate, hostile, letter, place_of, save

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None or os.name != "posix", reason="Chromium is not installed")


class Browser:
    """One tab of Chromium. Talks the DevTools protocol over a pair of pipes: JSON messages, each ended by a NUL."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        commands, self.commands = os.pipe()
        self.replies, replies = os.pipe()

        def pipes() -> None:  # Chromium reads from descriptor 3 and writes to 4
            reading, writing = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (commands, replies))
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ]
        flags += ["--no-first-run", "--hide-scrollbars", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(
            [CHROMIUM, *flags], preexec_fn=pipes, close_fds=False, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        os.close(commands)
        os.close(replies)
        self.buffer = b""
        self.number = 0
        self.events: list[dict[str, Any]] = []
        self.session: str | None = None
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.send("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.receive()
            if reply.get("id") == self.number:
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]

    def receive(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            chunk = os.read(self.replies, 1 << 16)
            assert chunk, "Chromium has ended"
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, path: Path | str, fragment: str = "") -> None:
        """Open a page and wait until it has loaded."""
        self.send("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.events.clear()
        url = path if isinstance(path, str) else path.as_uri()
        self.send("Page.navigate", url=url + fragment)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        reply = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait(self, condition: str, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.run(f"!!({condition})"):
                    return
            except AssertionError:  # between two pages
                pass
            assert time.monotonic() < deadline, f"still not: {condition}"
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Click where an element is, as a mouse does."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const r = e.getClientRects()[0]; return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, selector: str, text: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.send("Input.insertText", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Set a control as the user does, with the event that follows."""
        self.run(
            f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )

    def press(self, key: str) -> None:
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32}[key]
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if kind == "keyDown" and text else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)

    def size(self, width: int, height: int, *, dark: bool = False, phone: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.send("Emulation.setEmulatedMedia", features=[scheme, motion])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def texts(self, selector: str) -> list[str]:
        return self.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(e => e.textContent)")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.replies)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """130 documents in shards of 20, in a folder whose name an address must escape."""
    records = []
    for n in range(130):
        writer = "Zoë Lindqvist" if n == 117 else "Mara Lindqvist"
        text = f"{writer} wrote page {n}. {'The board met in Visby. ' * (n % 3)}Ünal."
        entities = [(f"page {n}", "MISC", 0.4), (writer, "PER", 0.95), ("Visby", "LOC", 0.8)]
        kind = ("text/plain", "application/pdf")[n % 5 == 0]
        name = f"{('minutes', 'letters')[n % 2]}/paper {n}.txt"
        records.append(annotate(name, text, entities, [f"wrote page {n}."], media_type=kind))
    failures = [
        Failure(source=f"scan {n}.pdf", stage="extract", error=("NoText", "Corrupt")[n % 3 == 0], message=f"why {n}")
        for n in range(60)
    ]
    out = save(tmp_path_factory.mktemp("a b#c%41?") / "night", records, failures)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_pages, "SHARD", 20)
        yield write_report(out).path.parent


IN_VIEW = "(r => r.top > 0 && r.bottom < innerHeight)(document.querySelector('.e.here').getBoundingClientRect())"


def names(browser: Browser) -> list[str]:
    return browser.texts("[data-table] tbody th a")


def settle(browser: Browser, status: str) -> None:
    browser.wait(f"document.querySelector('.status').textContent === {json.dumps(status)}")


def complaints(browser: Browser) -> list[dict[str, Any]]:
    """What the browser logged: refused scripts and styles, files not found, exceptions."""
    kinds = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
    browser.run("1")
    return [event for event in browser.events if event["method"] in kinds]


def test_search_filter_and_sort_documents(browser: Browser, report: Path) -> None:
    """Documents are searched as one types, whatever the accents, filtered and sorted, over all shards."""
    browser.size(1200, 900)
    browser.open(report / "documents.html")
    settle(browser, "130 documents")
    assert len(names(browser)) == 50
    browser.type("#q", "UNAL")  # in no name and no summary
    settle(browser, "0 documents of 130")
    browser.choose("#q", "")
    browser.type("#q", "letters 117")
    settle(browser, "1 document of 130")
    assert names(browser) == ["paper 117.txt"]
    browser.choose("#q", "")
    browser.type("#q", "minutes")
    settle(browser, "65 documents of 130")
    browser.choose("#type", "1")
    settle(browser, "13 documents of 130")
    browser.click("th[data-sort=name] button")
    browser.wait("document.querySelector('tbody a').textContent === 'paper 0.txt'")
    assert names(browser)[:3] == ["paper 0.txt", "paper 10.txt", "paper 20.txt"]
    browser.click("th[data-sort=name] button")
    browser.wait("document.querySelector('tbody a').textContent === 'paper 120.txt'")
    assert browser.run("document.querySelector('th[data-sort=name]').getAttribute('aria-sort')") == "descending"
    # The address holds the state: the same list stands there on reload
    address = browser.run("location.href")
    browser.open(address)
    settle(browser, "13 documents of 130")
    assert names(browser)[0] == "paper 120.txt" and browser.run("document.querySelector('#q').value") == "minutes"
    assert complaints(browser) == []


def test_pages_of_a_list(browser: Browser, report: Path) -> None:
    """A list is turned page by page, and only the shards in view are read."""
    browser.open(report / "documents.html")
    settle(browser, "130 documents")
    assert browser.texts(".pager .where") == ["Page 1 of 3"]
    loaded = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    assert sorted(url.rsplit("/", 1)[1] for url in loaded if "/data/" in url) == [f"documents-{n}.js" for n in range(3)]
    browser.click("[data-turn=last]")
    browser.wait("document.querySelector('.where').textContent === 'Page 3 of 3'")
    browser.wait("document.querySelectorAll('[data-table] tbody tr').length === 30")
    assert names(browser)[-1] == "paper 129.txt"
    assert browser.run("document.querySelector('[data-turn=next]').disabled")


def test_from_an_entity_to_its_document(browser: Browser, report: Path) -> None:
    """Search an entity, open it, open a document of it: the mention is marked and in view."""
    browser.size(1200, 700)
    browser.open(report / "entities.html")
    browser.wait("document.querySelectorAll('[data-table] tbody tr').length === 50")
    option = "[...document.querySelectorAll('#label option')].find(o => o.text.startsWith('PER')).value"
    browser.choose("#label", browser.run(option))
    settle(browser, "2 entities of 133")
    browser.type("#q", "zoe")
    settle(browser, "1 entity of 133")
    browser.click("[data-table] tbody a")
    browser.wait("document.querySelector('#detail-title').textContent === 'Zoë Lindqvist PER'")
    browser.wait("document.querySelectorAll('[data-detail] tbody tr').length === 1")
    assert browser.texts("[data-detail] .lead") == ["1 mention in 1 document, mean confidence 95%"]
    assert browser.run("document.querySelector('[data-list]').hidden && document.activeElement.id") == "detail-title"
    browser.click("[data-detail] tbody a")
    browser.wait("document.querySelector('.e.here')")
    assert browser.texts("h1") == ["paper 117.txt"] and browser.texts(".e.here") == ["Zoë Lindqvist"]
    assert browser.run(IN_VIEW)
    assert "1 of 1" in browser.texts(".inspector p")[0]
    # And back: to the entity, and to the search as it was left
    browser.run("history.back()")
    browser.wait("document.querySelector('#detail-title')?.textContent === 'Zoë Lindqvist PER'")
    browser.run("history.back()")
    browser.wait("!document.querySelector('[data-list]').hidden")
    settle(browser, "1 entity of 133")
    assert complaints(browser) == []


def test_an_entity_in_many_documents(browser: Browser, report: Path) -> None:
    """The documents of an entity are turned in pages too, across shards."""
    browser.open(report / "entities.html", "#entity=0")
    browser.wait("document.querySelectorAll('[data-detail] tbody tr').length === 50")
    assert browser.texts("#detail-title") == ["Mara Lindqvist PER"]
    browser.click("[data-detail] [data-turn=last]")
    browser.wait("document.querySelectorAll('[data-detail] tbody tr').length === 29")
    assert browser.texts("[data-detail] .status") == ["Documents 101 to 129"]


def test_failures(browser: Browser, report: Path) -> None:
    """The overview leads to the failures of one kind."""
    browser.open(report / "index.html")
    browser.click("a[href='failures.html#kind=1']")
    browser.wait("document.querySelector('.status')?.textContent === '20 failures of 60'")
    assert browser.texts("tbody td strong")[0] == "Corrupt" and browser.texts("tbody td .snippet")[0] == "why 0"


def test_search_from_the_overview(browser: Browser, report: Path) -> None:
    """The overview's field searches documents or entities."""
    browser.open(report / "index.html")
    browser.type("#find", "paper 12")
    browser.press("Enter")
    browser.wait("document.querySelector('.status')?.textContent === '12 documents of 130'")


def test_filters_of_a_document(browser: Browser, tmp_path: Path) -> None:
    """Labels, confidence and summary are shown or not; the list beside the text follows."""
    page = place_of(write_report(save(tmp_path / "out", [letter("a.txt")])).path.parent, "a.txt")
    browser.size(1200, 900)
    browser.open(page)
    on = "[...document.querySelectorAll('.text .e:not(.off)')].map(e => e.textContent)"
    assert len(browser.run(on)) == 7
    browser.click("[name=label][value='1']")
    assert "Harbour Board" not in browser.run(on) and len(browser.run(on)) == 5
    browser.choose("#least", "80")
    assert browser.run(on) == ["Mara Lindqvist", "Uppsala", "Visby", "Uppsala"]  # Visby has no confidence
    visible = "[...document.querySelectorAll('.entities tbody tr:not([hidden]) th bdi')].map(e => e.textContent)"
    assert browser.run(visible) == ["Uppsala", "Mara Lindqvist", "Visby"]
    browser.type("#within", "visb")
    assert browser.run(visible) == ["Visby"]
    assert browser.texts(".entities .status") == ["1 of 5 entities shown"]
    back = "getComputedStyle(document.querySelector('.s')).backgroundColor"
    marked = browser.run(back)
    browser.click("[name=summary]")
    assert browser.run(back) == "rgba(0, 0, 0, 0)" != marked


def test_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Everything works from the keyboard: skip link, entity, next mention, and back to where one was."""
    page = place_of(write_report(save(tmp_path / "out", [letter("a.txt")])).path.parent, "a.txt")
    browser.size(1200, 900)
    browser.open(page)
    browser.press("Tab")
    assert browser.run("document.activeElement.textContent") == "Skip to the content"
    browser.press("Enter")
    assert browser.run("document.activeElement.id") == "main"
    browser.run("document.querySelector('.entities tbody a').focus()")
    browser.press("Enter")
    assert browser.texts(".inspector strong") == ["Uppsala"] and "1 of 2" in browser.texts(".inspector p")[0]
    assert browser.run("document.activeElement.textContent") == "Next"
    browser.press("Enter")
    assert "2 of 2" in browser.texts(".inspector p")[0]
    browser.press("Escape")
    assert browser.run("document.querySelector('.inspector').hidden")
    assert browser.run("document.activeElement.textContent") == "Uppsala"


def test_hostile_documents_run_nothing(browser: Browser, tmp_path: Path) -> None:
    """Script in text, name, label, columns and messages is shown and does not run, on any page; nothing is fetched."""
    report = write_report(hostile(tmp_path / "out")).path.parent
    pages = [*report.glob("*.html"), *report.glob("docs/*/*.html")]
    for path in pages:
        browser.open(path, "#entity=0" if path.name == "entities.html" else "")
        if path.name in ("documents.html", "failures.html"):
            browser.wait("document.querySelector('tbody tr')")
        if path.name == "entities.html":
            browser.wait("document.querySelector('[data-detail] tbody tr')")
        elif path.parent.parent.name == "docs" and browser.run("!!document.querySelector('.text .e')"):
            browser.click(".text .e")
        assert browser.run("document.title") != "owned" and browser.run("typeof owned") == "undefined"
        assert browser.run("document.images.length") == 0
        assert complaints(browser) == []
        requests = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert all(url.startswith(report.as_uri()) for url in requests)
    browser.open(place_of(report, f"{HOSTILE}/../{HOSTILE}.html"))
    assert "<script>" in browser.run("document.querySelector('.text').textContent")


def test_the_policy_holds(browser: Browser, report: Path, tmp_path: Path) -> None:
    """Were markup to slip through, the browser would still refuse to run it."""
    copy = tmp_path / "report"
    shutil.copytree(report, copy)
    index = copy / "index.html"
    planted = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'><iframe srcdoc='<p>'></iframe>"
    index.write_text(index.read_text(encoding="utf-8").replace("<main", f"{planted}<main"), encoding="utf-8")
    browser.open(index)
    assert browser.run("window.ran === undefined")
    assert len(complaints(browser)) >= 2


CONTRAST = """(() => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const known = new Map();
  const rgba = (color) => known.get(color) ?? known.set(color, measure(color)).get(color);
  const measure = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, base) => top.slice(0, 3).map((v, i) => v * top[3] + base[i] * (1 - top[3]));
  const light = (c) => c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => e ? over(rgba(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : [255, 255, 255];
  const low = [];
  const check = (e, style, base) => {
    const [a, b] = [light(over(rgba(style.color), base)), light(base)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([e.className || e.tagName, ratio.toFixed(2), style.color]);
  };
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || e.closest(':disabled, svg')) continue;
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (own) check(e, getComputedStyle(e), ground(e));
    for (const part of ['::before', '::after']) {
      const style = getComputedStyle(e, part);
      if (!['none', 'normal', '""'].includes(style.content) && style.opacity === '1') {
        check(e, style, over(rgba(style.backgroundColor), ground(e)));
      }
    }
  }
  return low;
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_contrast(browser: Browser, report: Path, tmp_path: Path, dark: bool) -> None:
    """All text, of all ten colours of labels, has a contrast of at least 4.5 to what is behind it (WCAG AA)."""
    words = [f"Word{n}" for n in range(10)]
    record = annotate(
        "a.txt", " ".join(words), [(w, w.upper(), n / 10) for n, w in enumerate(words)], [" ".join(words[3:])]
    )
    page = place_of(write_report(save(tmp_path / "out", [record])).path.parent, "a.txt")
    browser.size(1200, 900, dark=dark)
    places = [(page, "#e3"), *((report / f"{p}.html", "") for p in ("index", "documents", "failures"))]
    for path, fragment in [*places, (report / "entities.html", ""), (report / "entities.html", "#entity=0")]:
        browser.open(path, fragment)
        browser.wait("!document.querySelector('[data-table]:not([hidden])') || !!document.querySelector('tbody tr')")
        assert browser.run(CONTRAST) == [], path


def test_narrow_screens_and_print(browser: Browser, report: Path) -> None:
    """At 320 pixels nothing is cut off or scrolls sideways; on paper there are no controls."""
    document = next(report.glob("docs/*/*.html"))
    browser.size(320, 640, phone=True)
    for path in (*report.glob("*.html"), document):
        browser.open(path)
        browser.wait("!document.querySelector('[data-table]') || document.querySelector('tbody tr')")
        assert browser.run("document.documentElement.scrollWidth <= innerWidth"), path
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.run("document.querySelector('.marks').checkVisibility()") is False
    assert browser.run("document.querySelector('.text').checkVisibility()") is True
    browser.send("Emulation.setEmulatedMedia", media="")


def test_names_for_a_screen_reader(browser: Browser, report: Path) -> None:
    """Every control and landmark has a name, each page one main heading, and lists say how they are sorted."""
    for path in (*report.glob("*.html"), next(report.glob("docs/*/*.html"))):
        browser.open(path)
        browser.wait("!document.querySelector('[data-table]') || document.querySelector('tbody tr')")
        nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
        seen = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
        needed = {"button", "link", "searchbox", "combobox", "checkbox", "slider", "navigation", "region", "search"}
        assert all(name.strip() for role, name in seen if role in needed), path
        roles = [role for role, _ in seen]
        assert {"banner", "main", "navigation", "contentinfo"} <= set(roles)
        levels = browser.run("[...document.querySelectorAll('h1')].filter(e => e.checkVisibility()).length")
        assert levels == 1, path


def test_a_long_document(browser: Browser, tmp_path: Path) -> None:
    """A novel with five thousand mentions is shown in parts, and a mention at its end is reached from the list."""
    rain = "Rain fell. " * 40
    text = "".join(f"Chapter {n} tells how Mara came to Visby and went on.\n\n{rain}" for n in range(2500))
    record = annotate("novel.txt", text, [("Mara", "PER", 0.9), ("Visby", "LOC", 0.8), ("Chapter 2499", "MISC", 0.7)])
    assert len(text) > 1_000_000 and len(record.entities) == 5001
    report = write_report(save(tmp_path / "out", [record])).path.parent
    parts = sorted(report.glob("docs/*/*-*.html"))
    assert len(parts) >= 3 and max(part.stat().st_size for part in parts) < 4_000_000
    browser.size(390, 844, phone=True)
    browser.open(report / "entities.html", "#entity=2")
    browser.wait("document.querySelector('[data-detail] tbody a')")
    browser.run("document.querySelector('[data-detail] tbody a').click()")
    browser.wait("document.querySelector('.e.here')?.textContent === 'Chapter 2499'", 20)
    browser.wait(
        "(r => r.top > 0 && r.bottom < innerHeight)(document.querySelector('.e.here').getBoundingClientRect())"
    )

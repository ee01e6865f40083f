"""No regular expression of the converter takes more than linear time, whatever it is given."""

import importlib
import inspect
import pkgutil
import re
import time

import pytest

from spacy_dossier import convert

# A linear expression reads this many characters in some 20 microseconds, a quadratic one in some 20 milliseconds.
LENGTH = 2_000
LIMIT = 0.004  # CPU seconds
USE = r"\b{}(?:\[[^]]*\])?\.(search|findall|finditer|sub|split)\("


def expressions() -> dict[str, tuple[re.Pattern[str], list[str]]]:
    """RETURNS (dict[str, tuple[re.Pattern[str], list[str]]]): Each expression of the room, and how it is applied."""
    found: dict[str, tuple[re.Pattern[str], list[str]]] = {}
    for info in pkgutil.walk_packages(convert.__path__, "spacy_dossier.convert."):
        module = importlib.import_module(info.name)
        source = inspect.getsource(module)
        for name, value in vars(module).items():
            values = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
            methods = sorted({"match", "fullmatch", *re.findall(USE.format(name), source)})
            for i, each in enumerate(values):
                if isinstance(each, re.Pattern) and isinstance(each.pattern, str):
                    found[f"{info.name.removeprefix('spacy_dossier.convert.')}.{name}.{i}"] = (each, methods)
    return found


EXPRESSIONS = expressions()
HEADS = (
    *(
        "",
        "#",
        "# text =",
        "# newdoc",
        "# newdoc id =",
        "##MEDLINE:",
        "# doc_id =",
        "-DOCSTART FILE ",
        "<doc",
        "<doc id=",
    ),
    *("-DOCSTART CONFIG FEATURES ", '"', '"a,', "(", "B-", "1-", "1:", "- ", "[", "# global.columns =", "a: ", "#a: "),
)
RUNS = (
    *(
        " ",
        "\t",
        "a",
        "A",
        "-",
        "#",
        "|",
        '"',
        '""',
        '",',
        "<",
        "<a ",
        "(",
        "(a",
        "*",
        ")",
        "_",
        "B-",
        "=",
        ":",
        ";",
        "1",
    ),
    *("a ", "1 ", " id=", ",", "'", "l'", "# ", "\n", "; ", "1;", "part 1"),
)
TAILS = ("x", "!", " x\n")


def seconds(apply: object, text: str) -> float:
    begun = time.process_time()
    apply(text) if apply.__name__ != "sub" else apply("", text)  # type: ignore[operator, attr-defined]
    return time.process_time() - begun


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_time_is_linear(name: str) -> None:
    """Runs of every character that means something, behind every beginning, with an end that does not fit."""
    expression, methods = EXPRESSIONS[name]
    for method in methods:
        apply = getattr(expression, method)
        for text in (head + run * (LENGTH // len(run)) + tail for head in HEADS for run in RUNS for tail in TAILS):
            if seconds(apply, text) > LIMIT:  # or the machine was busy
                assert min(seconds(apply, text) for _ in range(5)) < LIMIT, (method, text[:40], text[-5:])


def test_expressions_have_names() -> None:
    """So that the test above sees them all."""
    for info in pkgutil.walk_packages(convert.__path__, "spacy_dossier.convert."):
        source = inspect.getsource(importlib.import_module(info.name))
        assert re.findall(r"\bre\.(?!compile\b|escape\b|Pattern\b|Match\b|[A-Z]+\b)\w+", source) == [], info.name

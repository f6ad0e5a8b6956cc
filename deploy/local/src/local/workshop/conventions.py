"""The rules of the house that no linter knows: names, docstrings, lengths, templates, scripts."""

import ast
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from contracts.identity.api import PASSWORD_SHORTEST
from contracts.numbers import SERIAL_NUMBER_LENGTH
from local.launcher.settings import ROOT
from local.workshop import history
from local.workshop.parts import SOURCES

VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
MAX_LINES = 400
MAX_FILES_IN_FOLDER = 12
MAX_COLUMNS = 100  # of a docstring's first line
MAX_TEMPLATE_COLUMNS = 120
WEB, CHASSIS = ROOT / SOURCES["web"], ROOT / SOURCES["chassis"]
COMPARE_CLOCKS = {
    WEB / "shared" / "sessions.py",
    *(CHASSIS / name for name in ("clock.py", "data/database.py", "testing.py")),
}

PROGRAMS = ("bench", "gateway")  # beside the packages

# What the content security policy refuses, or what lets through what people typed.
IN_NO_TEMPLATE = {
    "a style attribute": r"\sstyle\s*=",
    "a style element": r"<style\b",
    "a script without an address": r"<script(?![^>]*\ssrc=)",
    "an event handler": r"\son[a-z]+\s*=",
    "htmx's own handlers": r"\shx-on\b",
    "an expression for htmx": r"hx-(vals|headers|confirm)\s*=\s*[\"']?\s*js:",
    "an event filter for htmx": r"hx-trigger\s*=\s*\"[^\"]*\[",
    "a script address": r"javascript:",
    "markup taken as it comes": r"\|\s*safe\b",
}
IN_NO_SCRIPT = {
    "code made of text": r"\beval\(|new Function",
    "a style made of text": r"\.cssText|setAttribute\(\"style\"",
}

Complaints = Iterator[str]


def complaints() -> Complaints:
    """One line for each broken rule: the file and what is wrong with it."""
    modules = sorted(file for folder in SOURCES.values() for file in (ROOT / folder).rglob("*.py"))
    yield from check_each(modules, name_is_vague, purpose_is_missing, is_too_long)
    styles = sorted(WEB.rglob("*.css"))
    contexts = [file for file in modules if {"services", "web"} & set(file.parts)]
    yield from check_each(contexts, ends_transactions)
    timed = [file for file in modules if "deploy" not in file.parts and file not in COMPARE_CLOCKS]
    yield from check_each(timed, has_its_own_time)
    yield from check_each([file for file in modules if "web" in file.parts], reads_what_is_sent)
    templates, scripts = sorted(WEB.rglob("*.html")), sorted(WEB.rglob("*.js"))
    yield from check_each(templates, template_is_unsafe, time_hides_its_moment, template_is_foreign)
    yield from check_each(templates, template_line_is_long)
    yield from check_each(scripts, script_is_unsafe, script_is_foreign)
    yield from names_that_no_page_has([*templates, *scripts, *WEB.rglob("*.py")], scripts, styles)
    of_web = [file for file in modules if WEB in file.parents]
    yield from check_each([*templates, *scripts, *of_web], limit_is_repeated)
    programs = sorted(file for folder in PROGRAMS for file in (ROOT / folder).rglob("*.py"))
    yield from check_each([*programs, *templates, *scripts, *styles], is_too_long)
    yield from are_too_many([*modules, *programs], templates, scripts, styles)
    yield from check_each(locks(), names_a_registry)


def check_each(files: Iterable[Path], *rules: Callable[[Path], Complaints]) -> Complaints:
    for file in files:
        for rule in rules:
            for found in rule(file):
                yield f"{file.relative_to(ROOT)}: {found}"


# ---- Modules ------------------------------------------------------------------------------------


def is_migration(file: Path) -> bool:
    return "versions" in file.parts


def name_is_vague(file: Path) -> Complaints:
    if file.stem in VAGUE:
        yield "a module is named after what it is for"


def purpose_is_missing(file: Path) -> Complaints:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if not tree.body or is_migration(file):
        return
    docstring = ast.get_docstring(tree)
    if not docstring:
        yield "a module says in its first line what it is for"
    elif len(docstring.splitlines()[0]) > MAX_COLUMNS:
        yield f"the first line of a docstring has at most {MAX_COLUMNS} characters"


def is_too_long(file: Path) -> Complaints:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    if lines > MAX_LINES and not is_migration(file):
        yield f"{lines} lines: a file that passes {MAX_LINES} becomes a folder"


def are_too_many(*kinds: Iterable[Path]) -> Complaints:
    """Files that lie side by side in a folder: nobody finds one among thirty."""
    files = [file for kind in kinds for file in kind if not is_migration(file)]
    for folder, number in sorted(Counter(file.parent for file in files).items()):
        if number > MAX_FILES_IN_FOLDER:
            yield f"{folder.relative_to(ROOT)}: {number} files: more than {MAX_FILES_IN_FOLDER} become folders"


def ends_transactions(file: Path) -> Complaints:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"begin_nested", "commit", "rollback"}
        ):
            yield f"line {node.lineno}: only the chassis ends transactions, and begins savepoints"


def has_its_own_time(file: Path) -> Complaints:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if re.search(r"\b(datetime\.(utc)?now|time\.time|date\.today)\(", line):
            yield f"line {number}: the time is the database's: chassis.clock.now()"


# Where each header, each cookie and the desk's address have one reader.
MAY_READ_REQUESTS = {"request_headers.py", "cookies.py", "views.py"}


def reads_what_is_sent(file: Path) -> Complaints:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "request"
            and node.attr in {"headers", "cookies", "query_params"}
            and file.name not in MAY_READ_REQUESTS
        ):
            yield f"line {node.lineno}: {node.attr} are read by one function, or typed parameters"


# ---- Templates and scripts ----------------------------------------------------------------------


def template_is_unsafe(file: Path) -> Complaints:
    source = re.sub(r"\{#.*?#\}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    yield from (what for what, pattern in IN_NO_TEMPLATE.items() if re.search(pattern, source))


def time_hides_its_moment(file: Path) -> Complaints:
    """A browser whose clock shows another hour then cannot say whose this one is."""
    source = re.sub(r"\bwhen\([^)]*\)", "", file.read_text(encoding="utf-8"))
    if re.search(r"\|(moment|recent|since|last_time|time)\b", source):
        yield "a time stands in an element that says its moment: `when(…)`"


def template_line_is_long(file: Path) -> Complaints:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if len(line) > MAX_TEMPLATE_COLUMNS:
            yield f"line {number}: {len(line)} characters; at most {MAX_TEMPLATE_COLUMNS}"


def script_is_unsafe(file: Path) -> Complaints:
    source = file.read_text(encoding="utf-8")
    yield from (what for what, pattern in IN_NO_SCRIPT.items() if re.search(pattern, source))


def domain_of(file: Path, kind: str) -> str:
    """The web's files lie in {domain}/templates/ and {domain}/scripts/."""
    parts = file.parts[::-1]
    return parts[parts.index(kind) + 1]


def template_is_foreign(file: Path) -> Complaints:
    source = file.read_text(encoding="utf-8")
    for used in re.findall(r"{%\s*(?:extends|include|import|from)\s+'([^']+)'", source):
        if used.partition("/")[0] not in {domain_of(file, "templates"), "shared"}:
            yield f"a domain uses its own templates and the shared ones, not {used}"


def script_is_foreign(file: Path) -> Complaints:
    source = file.read_text(encoding="utf-8")
    for used in re.findall(r"(?:from|import) \"(\.[^\"]+)\"", source):
        imported = Path(os.path.normpath(file.parent / used))
        if domain_of(imported, "scripts") not in {domain_of(file, "scripts"), "shared"}:
            yield f"a domain imports its own scripts and the shared ones, not {used}"


# How scripts and styles look for attributes, ids and fields of a page.
LOOKED_FOR = {
    "attribute": r"\[(data-[a-z-]+)|(?:get|has)Attribute\(\"(data-[a-z-]+)",
    "property": r"\.dataset\??\.(\w+)(?!\w|\s*=[^=])|\"(\w+)\" in [\w.]+\.dataset",
    "id": r"getElementById\(\s*\"([\w-]+)\"|(?:querySelector(?:All)?|closest|matches)\(\s*[\"`]#([\w-]+)(?=[\"` .:,[>])",
    "field": r"\.elements\.(\w+)|\[name=\"?(\w+)",
}


def names_that_no_page_has(
    makers: Iterable[Path], scripts: Iterable[Path], styles: Iterable[Path]
) -> Complaints:
    """A script that looks for what no template, module or script makes does nothing, in silence."""
    made = "\n".join(file.read_text(encoding="utf-8") for file in makers)
    for file in (*scripts, *styles):
        source = file.read_text(encoding="utf-8")
        for kind, pattern in LOOKED_FOR.items():
            for name in sorted({"".join(found) for found in re.findall(pattern, source)}):
                if not is_made(kind, name, made):
                    yield f"{file.name}: looks for the {kind} {name}, which no page has"


def is_made(kind: str, name: str, made: str) -> bool:
    """Written out where it is made, or as a quoted word that a macro or a piece makes one of."""
    if kind == "property":
        name = "data-" + re.sub("[A-Z]", lambda capital: f"-{capital[0].lower()}", name)
    if kind in {"attribute", "property"}:
        word = name.removeprefix("data-")
        camel = re.sub("-([a-z])", lambda after: after[1].upper(), word)
        forms = (
            rf"(?<![\[\w\"]){name}(?![\w-])",
            rf"(?:set|toggle)Attribute\(\"{name}\"",
            rf"dataset\.{camel}\s*\??\??=[^=]",
            rf"[\"']{word}[\"'](?=[:,)])",
        )
    else:
        attribute = "id" if kind == "id" else "name"
        forms = (
            rf"\b{attribute}=\"{name}\"",
            rf"\.{attribute} = \"{name}\"",
            rf"['\"]{name}['\"](?!\))",
        )
    return any(re.search(form, made) for form in forms)


LIMITS = {str(PASSWORD_SHORTEST), str(SERIAL_NUMBER_LENGTH)}


def limit_is_repeated(file: Path) -> Complaints:
    """Contracts say how long things are; pages and scripts take it from there."""
    for number in re.findall(r"\b(\d+) caractères", file.read_text(encoding="utf-8")):
        if number in LIMITS:
            yield f"« {number} caractères »: the number stands in contracts, and is taken from there"


# ---- Locks --------------------------------------------------------------------------------------


def locks() -> list[Path]:
    listed = history.git("ls-files", "-z", "locks", "*.lock", "*package-lock.json", "*.npmrc")
    return [ROOT / name for name in (listed or "").split("\0") if name]


# Where packages ask for money.
FUNDING = ('"url": "https://github.com/', '"url": "https://opencollective.com/')


def names_a_registry(file: Path) -> Complaints:
    """Locks hold versions and hashes; where to fetch from is each machine's own business."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if "://" in line and not line.strip().startswith(FUNDING):
            yield f"line {number}: names an address"


if __name__ == "__main__":
    broken = list(complaints())
    sys.stdout.write("".join(f"{line}\n" for line in broken))
    raise SystemExit(1 if broken else 0)

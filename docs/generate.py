# ruff: noqa: INP001 -- a script beside the pages, not a package
"""Run the examples of the documentation and write their output into it.

``python docs/generate.py`` brings every page up to date; page names limit it
to some. In a ``console`` block each line that begins with ``$ `` is run, and
what it says, on stdout and stderr as a terminal mixes them, stands below it.

- Each page has an empty folder of its own with ``data/`` and ``configs/``, so
  its examples may build on those above them.
- ``<!-- before: mlcli ... -->`` runs a command whose output is not shown.
- ``<!-- file: NAME -->`` writes the block that follows to a file.
- ``<!-- table: NAME -->`` to ``<!-- end -->`` holds a table from the code.
- Beside mlcli, a line may say ``cat``, ``head -N``, ``ls`` or ``echo $?``. A
  command that fails must be followed by ``echo $?``.

Output that differs only in what no two runs share, such as seconds, is left
as it stands.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent

ENVIRONMENT = {"COLUMNS": "100", "NO_COLOR": "1"}
"""What decides how output is laid out."""

PROJECT = "/project"
"""How the folder of the examples is called in the pages."""

_VOLATILE = (
    (re.compile(r"(?<![\w.])[0-9a-f]{12,64}(?!\w)"), "DIGEST"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d\S*| \d\d:\d\d(?!\S))"), "TIME"),
    (re.compile(r"\d+(?:\.\d+)? [kMG]B\b"), "SIZE"),
    (re.compile(r"\d+(\.\d+)? (?:us|ms|s)\b"), "SECONDS"),
    # What is left of a difference by rounding: another processor sums in another order.
    (re.compile(r"\b\de-1\d\b"), "ROUNDING"),
    (re.compile(r"(?:\b[a-z][\w-]* \d+\.\d+\.\d+(?:\.\w+)?,? ?)+"), "VERSIONS "),
    (re.compile(r"(?<=\.(?:json|yaml) )[\d,]+|(?<=\.skops )[\d,]+"), "BYTES"),
    (re.compile(r"[-─]{3,}"), "---"),
)
_NUMBER = re.compile(r"-?\d[\d,]*\.\d+(?:e[+-]?\d+)?")


class ExampleError(Exception):
    """An example does not run as its page says."""


def pages() -> list[Path]:
    """Return every page whose examples are run."""
    return sorted(DOCS.glob("*.md"))


@dataclass
class Workspace:
    """The folder in which the examples of one page run, one after another.

    Parameters
    ----------
    folder : Path
        The working folder.
    exit_code : int
        Exit code of the last command.
    """

    folder: Path
    exit_code: int = 0
    _failed: str | None = field(default=None, repr=False)

    def run(self, line: str) -> str:
        """Run one command line and return what a terminal would show."""
        words = shlex.split(line)
        if words == ["echo", "$?"]:
            self._failed = None
            return f"{self.exit_code}\n"
        self.require_success()
        if words[0] == "mlcli":
            shown = self._run_mlcli(words[1:])
        elif words[0] in {"cat", "head", "ls"}:
            shown = self._show(words)
        else:
            raise ExampleError(f"an example may run mlcli, cat, head, ls or echo $?. Got: {line}")
        if self.exit_code:
            self._failed = f"{line}\n{shown}"
        return shown.replace(str(self.folder), PROJECT)

    def require_success(self) -> None:
        """Refuse to go on behind a failure that the page does not state."""
        if self._failed is not None:
            raise ExampleError(f"exit code {self.exit_code} and no `echo $?` behind it: {self._failed}")

    def _run_mlcli(self, words: Sequence[str]) -> str:
        """Run mlcli in this process: its libraries take seconds to import, once is enough."""
        from mlcli.cli.boundary import run

        arguments, target, source, n_lines = _redirections(words)
        screen = _screen()
        handler = signal.getsignal(signal.SIGTERM)
        with ExitStack() as stack:
            out: IO[str] = screen if n_lines is None else _screen()
            if target is not None:
                out = stack.enter_context((self.folder / target).open("w", encoding="utf-8"))
            if source is not None:
                stdin = stack.enter_context((self.folder / source).open(encoding="utf-8"))
                stack.callback(setattr, sys, "stdin", sys.stdin)
                sys.stdin = stdin
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(screen))
            self.exit_code = run(arguments)
            out.flush()
        signal.signal(signal.SIGTERM, handler)
        shown = _text(screen)
        if n_lines is not None and isinstance(out, io.TextIOWrapper):
            shown += "".join(_text(out).splitlines(keepends=True)[:n_lines])
        return shown

    def _show(self, words: Sequence[str]) -> str:
        """Show a folder or a file, or its first lines."""
        self.exit_code = 0
        place = self.folder / words[-1]
        if words[0] == "ls":
            return "".join(f"{name}\n" for name in sorted(entry.name for entry in place.iterdir()))
        lines = place.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(lines[: int(words[1].lstrip("-"))] if words[0] == "head" else lines)


def _screen() -> io.TextIOWrapper:
    # write_through: lines of text and bytes of a table keep their order.
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)


def _text(screen: io.TextIOWrapper) -> str:
    screen.flush()
    buffer = screen.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _redirections(words: Sequence[str]) -> tuple[list[str], str | None, str | None, int | None]:
    """Split a command line into arguments, the file of ``>``, that of ``<``, and the lines of ``| head``."""
    arguments, target, source, n_lines = list(words), None, None, None
    if arguments[-3:-1] == ["|", "head"]:
        n_lines = int(arguments[-1].lstrip("-"))
        del arguments[-3:]
    if arguments[-2:-1] == [">"]:
        target = arguments[-1]
        del arguments[-2:]
    if arguments[-2:-1] == ["<"]:
        source = arguments[-1]
        del arguments[-2:]
    return arguments, target, source, n_lines


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Yield an empty working folder with the sample data and configs in it."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        shutil.copytree(ROOT / "configs", folder / "configs")
        (folder / "data").mkdir()
        for table in (ROOT / "data").iterdir():
            (folder / "data" / table.name).symlink_to(table)
        os.environ.update(ENVIRONMENT)
        os.chdir(folder)
        try:
            yield Workspace(folder)
        finally:
            os.chdir(home)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def render(text: str) -> str:
    """Return a page with the output of its examples, and its tables, as they are now.

    Parameters
    ----------
    text : str
        The page.

    Raises
    ------
    ExampleError
        If an example cannot be run, or fails where the page does not say so.
    """
    text = _with_tables(text)
    if "```console" not in text:
        return text
    with workspace() as here:
        return "".join(_rendered(text, here))


_PART = re.compile(
    r"<!-- before: (?P<before>.+?) -->\n"
    r"|<!-- file: (?P<file>\S+) -->\n+```\w*\n(?P<content>.*?)^```\n"
    r"|^```console\n(?P<block>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)


def _rendered(text: str, here: Workspace) -> Iterator[str]:
    end = 0
    for part in _PART.finditer(text):
        yield text[end : part.start()]
        end = part.end()
        if part["before"]:
            here.run(part["before"])
            here.require_success()
        elif part["file"]:
            (here.folder / part["file"]).write_text(part["content"], encoding="utf-8")
        if part["block"] is None:
            yield part[0]
            continue
        block = "".join(f"$ {line}\n{_tidy(here.run(line))}" for line in commands(part["block"]))
        here.require_success()
        yield part[0] if same_output(part["block"], block) else f"```console\n{block}```\n"
    yield text[end:]


def commands(block: str) -> list[str]:
    """Return the command lines of a console block."""
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def _tidy(output: str) -> str:
    """Return output without the spaces that pad a table's last column, and without blank lines at its end."""
    lines = [line.rstrip() for line in output.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def same_output(old: str, new: str, *, tolerance: float = 0.02) -> bool:
    """Say whether two outputs differ only in what no two runs, or no two builds of a library, share.

    Parameters
    ----------
    old, new : str
        Two outputs of the same commands.
    tolerance : float, default=0.02
        How far numbers with a point may lie apart, absolutely and as a share.

    Returns
    -------
    bool
        True when all else is equal; spaces count as one.
    """
    old_text, old_numbers = _skeleton(old)
    new_text, new_numbers = _skeleton(new)
    return old_text == new_text and all(
        abs(a - b) <= tolerance * max(1.0, abs(a)) for a, b in zip(old_numbers, new_numbers, strict=True)
    )


def _skeleton(output: str) -> tuple[str, list[float]]:
    """Return an output's text with its volatile parts and scores taken out, and the scores."""
    text = " ".join(output.split())
    for pattern, name in _VOLATILE:
        text = pattern.sub(name, text)
    return _NUMBER.sub("#", text), [float(number.replace(",", "")) for number in _NUMBER.findall(text)]


_TABLE = re.compile(r"(<!-- table: (?P<name>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _with_tables(text: str) -> str:
    return _TABLE.sub(lambda match: f"{match[1]}\n{TABLES[match['name']]()}\n{match[3]}", text)


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def models_table() -> str:
    """Return the catalogue of models."""
    from mlcli.registry import MODELS

    return _markdown(
        ("name", "tasks", "what it is", "reads gaps", "scales numbers", "takes weights", "extra"),
        [
            (
                f"`{name}`",
                ", ".join(entry.tasks),
                entry.summary,
                "yes" if entry.reads_missing else "",
                "yes" if entry.scale_sensitive else "",
                "yes" if entry.takes_weights else "no",
                f"`{entry.extra}`" if entry.extra else "",
            )
            for name, entry in MODELS.items()
        ],
    )


def preferences_table() -> str:
    """Return the defaults that differ from the library's."""
    from mlcli.models.catalogue import PREFERENCES
    from mlcli.registry import MODELS

    return _markdown(
        ("model", "parameter", "default here", "tasks", "why"),
        [
            (
                f"`{model}`",
                f"`{p.param}`",
                f"`{_yaml(p.value)}`",
                ", ".join(t for t in MODELS[model].tasks if t in p.tasks),
                p.reason,
            )
            for model, preferences in PREFERENCES.items()
            for p in preferences
        ],
    )


def left_out_table() -> str:
    """Return the parameters of the libraries that a config may not set."""
    from mlcli.models.catalogue import LEFT_OUT, LEFT_OUT_OF

    rows = [(f"`{param}`", "all", instead) for param, instead in LEFT_OUT.items()]
    rows += [
        (f"`{p}`", f"`{model}`", instead) for model, params in LEFT_OUT_OF.items() for p, instead in params.items()
    ]
    return _markdown(("parameter", "model", "instead"), rows)


def spaces_table() -> str:
    """Return what is searched of each model by default."""
    from mlcli.config.render import flow_text
    from mlcli.registry import MODELS
    from mlcli.spaces import WITHOUT_SPACE, default_space

    rows = []
    for model, entry in MODELS.items():
        for name, form in default_space(model, None).items():
            tasks = [task for task in entry.tasks if name in default_space(model, task)]
            rows.append((f"`{model}`", f"`{name}`", f"`{flow_text(form)}`", ", ".join(tasks)))
        if model in WITHOUT_SPACE:
            rows.append((f"`{model}`", "", f"nothing: {WITHOUT_SPACE[model]}", ", ".join(entry.tasks)))
    return _markdown(("model", "parameter", "searched", "tasks"), rows)


def metrics_table() -> str:
    """Return the metrics."""
    from mlcli.registry import METRICS

    return _markdown(
        ("name", "task", "better is", "what it measures"),
        [
            (f"`{name}`", entry.task, "more" if entry.greater_is_better else "less", entry.summary)
            for name, entry in METRICS.items()
        ],
    )


def formats_table() -> str:
    """Return the file formats by the ending of a name."""
    from mlcli.data.source import FORMATS

    endings: dict[str, list[str]] = {}
    for ending, form in FORMATS.items():
        endings.setdefault(form, []).append(f"`{ending}`")
    return _markdown(("format", "endings"), [(f"`{form}`", ", ".join(names)) for form, names in endings.items()])


def documents_table() -> str:
    """Return the documents of ``--json``."""
    from mlcli.cli.documents.document import version_of
    from mlcli.cli.documents.json_schema import summary_of
    from mlcli.cli.documents.table import DOCUMENTS, document_class

    return _markdown(
        ("document", "printed by", "what it holds"),
        [
            (
                f"`{version_of(document_class(name))}`",
                f"`{entry.command}`" if entry.command.startswith("mlcli") else entry.command,
                summary_of(document_class(name)),
            )
            for name, entry in DOCUMENTS.items()
        ],
    )


def document_fields_table() -> str:
    """Return the outermost fields of each document of ``--json``."""
    from mlcli.cli.documents.json_schema import document_schema
    from mlcli.cli.documents.table import DOCUMENTS

    rows = []
    for name in DOCUMENTS:
        schema = document_schema(name)
        for key, about in list(schema["properties"].items())[1:]:  # the first says which document it is
            absent = "" if key in schema["required"] else ", or left out"
            rows.append((f"`{name}`", f"`{key}`", _type_words(about) + absent, about["description"]))
    return _markdown(("document", "field", "type", "what it is"), rows)


def _type_words(node: Mapping[str, Any]) -> str:
    """Say in a few words what a schema allows."""
    if "anyOf" in node:
        return " or ".join(map(_type_words, node["anyOf"]))
    if "$ref" in node:
        return f"`{node['$ref'].rpartition('/')[2]}`"
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if node.get("type") == "array":
        return f"list of {_type_words(node['items'])}"
    if isinstance(node.get("additionalProperties"), Mapping):
        return f"object of {_type_words(node['additionalProperties'])}"
    return str(node["type"])


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TABLES: Mapping[str, Callable[[], str]] = {
    "models": models_table,
    "preferences": preferences_table,
    "left-out": left_out_table,
    "spaces": spaces_table,
    "metrics": metrics_table,
    "formats": formats_table,
    "documents": documents_table,
    "document-fields": document_fields_table,
}
"""The tables that a page may hold, by name."""


def main(names: Sequence[str]) -> None:
    """Bring pages up to date; all of them when none is named."""
    from mlcli.config.reference import render_reference

    for page in [Path(name).resolve() for name in names] or pages():
        old = page.read_text(encoding="utf-8")
        new = render_reference() if page == DOCS / "config.md" else render(old)
        if new != old:
            page.write_text(new, encoding="utf-8")
            sys.stderr.write(f"wrote {page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

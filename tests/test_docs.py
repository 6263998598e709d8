"""The documentation says what the code does."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from mlcli.cli.boundary import BUG, EXIT_CODES, INTERRUPTED
from mlcli.config.reference import render_reference
from mlcli.errors import MlcliError
from mlcli.registry import METRICS, MODELS

DOCS = Path(__file__).parent.parent / "docs"
COMMANDS = [
    "init",
    "check",
    "preprocess",
    "train",
    "evaluate",
    "compare",
    "report",
    "predict",
    "serve",
    "package",
    "inspect",
    "models",
    "schema",
    "runs",
]


def _load_generator():
    spec = spec_from_file_location("docs_generate", DOCS / "generate.py")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


generate = _load_generator()
PAGES = generate.pages()


def read(name):
    return (DOCS / name).read_text(encoding="utf-8")


def console_blocks(text):
    return re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prose(text):
    """The page without its code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text):
    """Names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_says_what_its_page_shows(page, monkeypatch):
    """Each command leaves with the stated code and says the same, up to seconds, digests and the last digits."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    text = page.read_text(encoding="utf-8")

    assert generate.render(text) == text, "run: python docs/generate.py"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_with_its_help(command):
    blocks = console_blocks(read(f"{command}.md"))

    assert any(block.startswith(f"$ mlcli {command} --help\nUsage: mlcli {command} ") for block in blocks)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_in_a_page_is_the_real_help_to_the_letter(command):
    with generate.workspace() as here:
        help_now = here.run(f"mlcli {command} --help")

    assert help_now in read(f"{command}.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_beside_its_help(command):
    commands = [line for block in console_blocks(read(f"{command}.md")) for line in generate.commands(block)]

    assert [line for line in commands if line.startswith(f"mlcli {command}") and "--help" not in line]


def test_the_pages_cover_every_command_of_the_command_line():
    with generate.workspace() as here:
        overview = here.run("mlcli --help")

    listed = overview.split("Commands:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == COMMANDS


def test_the_reference_of_the_config_is_that_of_the_classes():
    assert read("config.md") == render_reference()


def exit_code_rows():
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", read("exit-codes.md"), re.MULTILINE)
    return {int(code): meaning for code, meaning in rows}


def test_the_table_of_exit_codes_holds_every_code_and_no_other():
    assert set(exit_code_rows()) == {0, BUG, *EXIT_CODES.values(), INTERRUPTED}


def test_the_table_of_exit_codes_says_what_the_help_says():
    with generate.workspace() as here:
        overview = " ".join(here.run("mlcli --help").split())

    for code, meaning in exit_code_rows().items():
        assert f"{code} {meaning.split(', and')[0]}" in overview


@pytest.mark.parametrize("kind", MlcliError.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_kind_of_error_has_its_row(kind):
    """The word in the table that stands for the error."""
    words = {
        "ConfigError": "config",
        "OutputError": "written",
        "DataError": "data",
        "ArtifactError": "artifact",
        "GateError": "gate",
    }

    assert words[kind.__name__] in exit_code_rows()[EXIT_CODES[kind]]


def test_every_page_is_linked_from_the_index():
    linked = set(re.findall(r"\]\(([\w-]+\.md)[#)]", read("index.md")))

    assert linked == {page.name for page in DOCS.glob("*.md")} - {"index.md"}


@pytest.mark.parametrize("page", [*PAGES, DOCS.parent / "README.md"], ids=lambda page: page.name)
def test_no_relative_link_is_dead(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]*))?\)", prose(text))

    dead = []
    for target, anchor in links:
        place = page.parent / target if target else page
        if not place.exists() or (anchor and anchor not in anchors(place.read_text(encoding="utf-8"))):
            dead.append(f"{target}#{anchor}")
    assert dead == []


def test_the_catalogue_in_the_pages_is_the_registry():
    names = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", read("models.md").split("table: models")[1], re.MULTILINE)

    assert names[: len(MODELS)] == [(name, ", ".join(entry.tasks)) for name, entry in MODELS.items()]


def test_every_metric_has_its_row():
    rows = re.findall(
        r"^\| `(\w+)` \| (?:classification|regression) \| (more|less) \|", read("evaluation.md"), re.MULTILINE
    )

    assert rows == [(name, "more" if entry.greater_is_better else "less") for name, entry in METRICS.items()]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fitted in 0.2 s", "fitted in 11.4 s"),
        ("digest 6fbe6b10731f", "digest 37ce7cf97e07"),
        ("trained 2026-01-02T03:04:05+00:00)", "trained 2027-11-22T13:37:51+00:00)"),
        ("numpy 2.4.6, pandas 3.1.1", "numpy 2.5.0, pandas 3.2.0"),
        ("001  2026-11-28 12:08  tree", "001  2027-01-02 03:04  tree"),
        ("keep 131 kB", "keep 1.3 MB"),
        ("F1  0.8005", "F1 0.8011"),
        ("largest difference 9e-16", "largest difference 8e-16"),
        ("a   b", "a b"),
    ],
    ids=["seconds", "digest", "time", "versions", "minute", "size", "score", "rounding", "spaces"],
)
def test_what_no_two_runs_share_is_no_difference(old, new):
    assert generate.same_output(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("F1 0.80", "F1 0.85"),
        ("69 rows held out", "70 rows held out"),
        ("error: data.path must exist", "error: data.path must be a file"),
        ("0\n", "5\n"),
        ("1,Gentoo,0.0013111861080124217", "1,Gentoo,0.9013111861080124217"),
    ],
    ids=["another score", "another count", "another message", "another exit code", "another probability"],
)
def test_any_other_difference_counts(old, new):
    assert not generate.same_output(old, new)


def test_a_failure_that_the_page_does_not_state_is_refused():
    page = "```console\n$ mlcli inspect nowhere\n```\n"

    with pytest.raises(generate.ExampleError, match="exit code 4"):
        generate.render(page)


def test_a_stated_failure_is_shown_with_its_code():
    page = "```console\n$ mlcli inspect nowhere\n$ echo $?\n```\n"

    assert generate.render(page).endswith("$ echo $?\n4\n```\n")


def test_an_example_may_run_nothing_but_mlcli_and_what_shows_files():
    with pytest.raises(generate.ExampleError, match="may run mlcli"):
        generate.render("```console\n$ rm -r data\n```\n")

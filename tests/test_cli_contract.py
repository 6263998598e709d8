"""What scripts and people may rely on: exit codes, one JSON document, stdout for results alone, quick help."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_samples import GOOD, command_lines, desk, trained_run

from mlcli import __version__, errors
from mlcli.cli.app import app
from mlcli.cli.boundary import EXIT_CODES, exit_code, run
from mlcli.errors import MlcliError

GROUPS = {group.name: group.typer_instance for group in app.registered_groups}
FUNCTIONS = {
    **{command.name: command.callback for command in app.registered_commands},
    **{name: group.registered_callback.callback for name, group in GROUPS.items()},
    **{
        f"{name} {command.name}": command.callback
        for name, group in GROUPS.items()
        for command in group.registered_commands
    },
}
"""What each command runs, by the words that call it."""

COMMANDS = list(FUNCTIONS)
MLCLI = [sys.executable, "-m", "mlcli"]
HEAVY = ("sklearn", "pandas", "scipy", "skops")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return trained_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def at(tmp_path, trained):
    return desk(tmp_path, trained=trained)


@pytest.fixture
def words(at):
    """A command line that ends well, for every command."""
    return command_lines(at)


def kinds_of(parent):
    return [parent, *(kind for child in parent.__subclasses__() for kind in kinds_of(child))]


def options_of(name):
    """Return the option names that a command's function declares."""
    marks = [hint.__metadata__[0] for hint in FUNCTIONS[name].__annotations__.values() if hasattr(hint, "__metadata__")]
    words = [
        word for mark in marks for word in (getattr(mark, "default", ""), *(getattr(mark, "param_decls", None) or ()))
    ]
    return [word for word in words if isinstance(word, str) and word.startswith("-")]


def test_every_command_has_a_test_that_it_ends_well(words):
    assert list(words) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_ends_well_with_its_result_on_stdout(name, words, capsys):
    assert run(words[name]) == 0

    out, err = capsys.readouterr()
    assert "error" not in err
    assert out.strip()


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_option_and_ends_its_sentences(name, flag, capsys):
    assert run([*name.split(), flag]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"Usage: mlcli {name}")
    for option in options_of(name):
        assert option in out
    assert "..." not in out.split("\n", 1)[1], "no sentence is cut off"
    assert "…" not in out
    assert "<str>" not in out.split("Options:")[1]
    sentence = out.split("\n\n")[1].strip()
    assert sentence.endswith(".")


def test_the_overview_names_every_command_and_exit_code(capsys):
    assert run(["--help"]) == 0

    out = capsys.readouterr().out
    for name in {name.split()[0] for name in COMMANDS}:
        line = re.search(rf"^  {name} +(.+)$", out, re.MULTILINE)
        assert line, f"{name} is not listed"
        assert line[1].endswith(".")
    for code in {0, 1, 130, *EXIT_CODES.values()}:
        assert re.search(rf"\b{code}\s", out), f"exit code {code} is not explained"


def test_a_bare_call_shows_the_overview_as_a_mistake(capsys):
    assert run([]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: mlcli")


def test_the_version_is_that_of_the_package(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"mlcli {__version__}\n"


@pytest.mark.parametrize("kind", kinds_of(MlcliError)[1:], ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_a_documented_exit_code(kind):
    error = kind("text", extra="boost") if kind is errors.MissingExtraError else kind("text")
    assert exit_code(error) in {2, 3, 4, 5}
    assert any(parent in EXIT_CODES for parent in kind.__mro__)


# JSON


def read_one(text):
    """Return the one JSON document that `text` is, and fail on anything beside it."""
    return json.loads(text)


@pytest.mark.parametrize("text", ["{}\n{}", "", "model\n{}", '{"a": NaN'])
def test_more_than_one_document_is_seen(text):
    with pytest.raises(json.JSONDecodeError):
        read_one(text)


KEYS = {
    "check": {"findings", "schema"},
    "preprocess": {"folder", "fingerprint", "split", "n_train", "n_test", "schema", "findings"},
    "train": {
        "run", "digest", "seconds", "split", "findings", "cross_validation", "proof", "name", "model", "decision",
        "evaluation", "gates",
    },
    "evaluate": {"name", "model", "digest", "decision", "evaluation", "gates"},
    "compare": {"a", "b", "rows", "cautions", "comparison", "config", "schema", "changes"},
    "report": {"report", "card", "bytes", "seconds", "content"},
    "inspect": {"path", "manifest", "decision", "schema", "members"},
    "models": {"name", "tasks", "extra", "summary", "parameters", "spaces"},
    "runs": {"folders"},
    "runs prune": {"kept", "removed", "size", "dry_run"},
}  # fmt: skip


def test_every_command_with_json_is_held_to_it():
    assert {name for name in COMMANDS if "--json" in options_of(name)} == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_json_is_one_document_with_the_agreed_keys(name, words, capsys):
    assert run([*words[name], "--json"]) == 0
    assert set(read_one(capsys.readouterr().out)) == {"document", *KEYS[name]}


@pytest.mark.parametrize("name", KEYS)
def test_json_of_an_error_is_one_document_too(name, at, capsys):
    broken = str(at.folder / "none")
    words = [*name.split(), *([broken] if name in {"inspect", "models"} else ["--config", broken])]

    code = run([*words, "--json"])

    out, err = capsys.readouterr()
    error = read_one(out)["error"]
    assert set(error) == {"kind", "problems", "hint", "exit_code"}
    assert error["exit_code"] == code != 0
    assert error["problems"][0] in err
    assert error["hint"] in err


def test_json_of_a_mistyped_option_is_one_document_too(capsys):
    assert run(["train", "--json", "--confg", "x"]) == 2
    assert read_one(capsys.readouterr().out)["error"]["kind"] == "UsageError"


def test_json_of_a_check_that_fails_is_its_findings_alone(at, capsys):
    leaking = "".join(f"{line},{line.rsplit(',', 1)[1]}\n" for line in GOOD.splitlines()).replace(
        "churn,churn", "churn,copy", 1
    )
    at.put("leak.csv", leaking)

    code = run(["check", "--config", at.config("leak.csv"), "--strict", "--json"])

    out, err = capsys.readouterr()
    assert code == 3
    assert "copy" in {column for finding in read_one(out)["findings"] for column in finding["columns"]}
    assert "these findings must be settled" in err
    assert "hint: " in err


def test_json_of_a_missed_gate_is_the_evaluation_alone(words, capsys):
    assert run([*words["evaluate"], "--json", "--fail-under", "f1=0.999"]) == 5

    (gate,) = read_one(capsys.readouterr().out)["gates"]
    assert gate["metric"] == "f1"
    assert gate["passed"] is False


def test_the_schema_is_json_that_names_the_sections(capsys):
    assert run(["schema"]) == 0
    assert {"data", "split", "model", "evaluate"} <= set(read_one(capsys.readouterr().out)["properties"])


def test_json_and_a_report_can_be_had_at_once(words, at, capsys):
    report = at.folder / "report.md"

    assert run([*words["evaluate"], "--json", "--output", str(report)]) == 0

    read_one(capsys.readouterr().out)
    assert "| " in report.read_text(), "the name says Markdown"


@pytest.mark.parametrize("name", ["report.json", "report.txt"])
def test_a_report_takes_the_form_of_its_name(name, words, at, capsys):
    assert run([*words["evaluate"], "--output", str(at.folder / name)]) == 0

    text = (at.folder / name).read_text()
    assert capsys.readouterr().out == ""
    assert text.startswith("{") == name.endswith(".json")
    assert "\x1b" not in text


# Gates


@pytest.mark.parametrize(
    ("gates", "code"),
    [
        pytest.param(["--fail-under", "f1=0.5"], 0, id="passed"),
        pytest.param(["--fail-under", "f1=0.999"], 5, id="missed"),
        pytest.param(["--fail-under", "f1=0.5", "--fail-under", "accuracy=0.999"], 5, id="one of two missed"),
        pytest.param(["--fail-under", "log_loss=5"], 0, id="an error below its bound"),
        pytest.param(["--fail-under", "log_loss=0.0001"], 5, id="an error above its bound"),
        pytest.param(["--fail-under", "f1=0.8"], 0, id="passed by the value"),
        pytest.param(["--fail-under", "f1=0.8", "--confident"], 5, id="missed by the interval"),
        pytest.param(["--set", "evaluate.gates.f1=0.999"], 5, id="missed, set on the stored config"),
        pytest.param(["--set", "evaluate.gates.f1=0.999", "--fail-under", "f1=0.5"], 0, id="the command line wins"),
    ],
)
def test_a_missed_gate_is_exit_code_5_and_says_by_how_much(gates, code, words, capsys):
    assert run([*words["evaluate"], *gates]) == code

    out, err = capsys.readouterr()
    assert "F1" in out, "the scores are shown either way"
    assert bool(re.search(r"error: .* missed its gate [\d.e-]+ by [\d.]+", err)) == (code == 5)
    assert err.count("hint: ") == (code == 5)


def test_a_gate_of_the_config_is_judged(at, capsys):
    config = at.config(rest="  gates: {accuracy: 0.999}\n")
    assert run(["train", "--config", config, "--quiet"]) == 0, "training judges no gates"

    assert run(["evaluate", "--config", config]) == 5
    assert "missed its gate 0.999" in capsys.readouterr().err


def test_a_model_named_by_its_path_is_not_judged_by_the_config_of_the_folder(at):
    (at.folder / "mlcli.yaml").write_text(Path(at.config(rest="  gates: {accuracy: 0.999}\n")).read_text())

    done = subprocess.run(
        [*MLCLI, "evaluate", "-a", str(at.trained), "-q"], cwd=at.folder, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr


# Streams


@pytest.mark.parametrize("name", [name for name in COMMANDS if "--quiet" in options_of(name)])
def test_quiet_leaves_warnings_and_results_only(name, words, capsys):
    assert run([*words[name], "--quiet"]) == 0

    out, err = capsys.readouterr()
    assert out.strip()
    assert all(line.startswith("warning: ") for line in err.splitlines()), err


@pytest.mark.parametrize("name", [name for name in COMMANDS if "--verbose" in options_of(name)])
def test_verbose_says_no_less(name, words, capsys):
    assert run(words[name]) == 0
    usual = capsys.readouterr().err.splitlines()

    assert run([*words[name], "--verbose"]) == 0
    assert len(capsys.readouterr().err.splitlines()) >= len(usual) - 1  # a second training may reuse prepared rows


def test_every_command_that_works_long_can_be_quiet_or_verbose():
    for name in ("init", "check", "preprocess", "train", "evaluate", "report", "compare", "predict"):
        assert {"--quiet", "-q", "--verbose", "-v"} <= set(options_of(name))


def test_progress_goes_to_stderr_and_predictions_alone_to_stdout(words, capfdbinary):
    assert run(words["predict"]) == 0

    out, err = capfdbinary.readouterr()
    lines = out.decode().splitlines()
    assert lines[0] == "id,prediction,probability_no,probability_yes"
    assert len(lines) == 121
    assert b"predicted 120 rows" in err


def test_a_reader_that_leaves_is_no_error(at):
    header, *lines = GOOD.splitlines()
    big = at.put("big.csv", "\n".join([header, *(lines * 2000)]))
    process = subprocess.Popen(
        [*MLCLI, "predict", "-a", str(at.trained), big, "-q"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    assert process.stdout.readline().startswith(b"id,prediction")
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()

    assert process.wait(timeout=60) == 0
    assert err == b""


def test_rows_come_from_standard_input(at, monkeypatch, capfdbinary):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))

    assert run(["predict", "-a", str(at.trained), "-", "-q"]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 121


def in_terminal(words, *, columns=80, lines=24, **environ):
    """Run mlcli in a terminal of that size and return what it wrote, and its exit code."""
    import pexpect

    clean = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
    child = pexpect.spawn(
        MLCLI[0],
        [*MLCLI[1:], *words],
        env=clean | {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(lines)} | environ,
        dimensions=(lines, columns),
        encoding="utf-8",
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    return child.before, child.exitstatus


COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def visible(screen):
    """Return the lines that stay on the screen: a spinner's line is written over and over."""
    lines = (CONTROL.sub("", line).rsplit("\r", 1)[-1] for line in screen.replace("\r\n", "\n").split("\n"))
    return [line.rstrip() for line in lines if line.strip() and not re.match(r"^[⠀-⣿] ", line)]


def results(screen):
    """Return the lines of the result: what is said beside it holds paths, and is as long as they are."""
    return [
        line
        for line in visible(screen)
        if not line.startswith(("model: ", "report: ", "stored: ", "warning: ", "✓ ", "! "))
    ]


def test_a_training_fits_a_small_terminal_and_ends_with_where_it_went(words):
    screen, code = in_terminal(words["train"])

    assert code == 0
    lines = visible(screen)
    assert COLOUR.search(screen)
    assert any(line.startswith("✓ read 120 rows") for line in lines)
    assert lines[-1].startswith("stored: ")
    assert results(screen)[0].startswith("demo: ")
    assert len(lines) <= 30
    assert max(map(len, results(screen))) <= 80
    assert screen.rfind("\x1b[?25h") >= screen.rfind("\x1b[?25l"), "the cursor is back"


def test_no_color_is_honoured(words):
    screen, code = in_terminal(words["preprocess"], NO_COLOR="1")

    assert code == 0
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)[;m]", screen)


def test_a_dumb_terminal_gets_plain_lines(words):
    screen, code = in_terminal(words["preprocess"], TERM="dumb")

    assert code == 0
    assert "\x1b" not in screen
    assert "read 120 rows" in screen


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("evaluate", 80),
        ("compare", 80),
        ("runs", 80),
        ("runs", 120),
        ("inspect", 80),
        ("inspect", 120),
        ("models", 80),
        ("models", 120),
    ],
)
def test_tables_keep_their_numbers_whole(name, columns, words):
    screen, code = in_terminal(words[name], columns=columns)

    assert code == 0
    assert "…" not in screen
    assert max(map(len, results(screen))) <= columns
    if name == "evaluate":
        assert re.search(
            r"^no +\d+ +[\d.]+ \([\d.]+-[\d.]+\) +[\d.]+ \([\d.]+-[\d.]+\)", "\n".join(visible(screen)), re.MULTILINE
        )


def test_truth_values_are_written_as_the_file_does(at, capsys):
    at.put("truth.csv", GOOD.replace(",yes", ",true").replace(",no", ",false"))
    config = at.config("truth.csv", model="logistic_regression")
    assert run(["train", "-c", config, "-q"]) == 0
    assert run(["evaluate", "-c", config, "-q"]) == 0

    out = capsys.readouterr().out
    assert "F1 of true" in out
    assert "True" not in out
    assert "False" not in out


# Start-up


@pytest.mark.parametrize(
    "name",
    ["help", "help of train", "schema", "check of the config", "inspect", "models", "runs", "runs prune", "a mistake"],
)
def test_what_needs_no_data_imports_no_heavy_library(name, at):
    words = {
        "help": ["--help"],
        "help of train": ["train", "--help"],
        "schema": ["schema"],
        "check of the config": ["check", "--no-data", "-c", at.config()],
        "inspect": ["inspect", str(at.trained)],
        "models": ["models"],
        "runs": ["runs", str(at.trained.parent)],
        "runs prune": ["runs", "prune", str(at.trained.parent), "--dry-run"],
        "a mistake": ["train", "-c", "none.yaml"],
    }[name]
    script = (
        "import sys\nfrom mlcli.cli.boundary import run\ncode = run(sys.argv[1:])\n"
        "print(code, *sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)

    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == ("2" if name == "a mistake" else "0"), done.stderr
    assert not set(HEAVY) & set(modules)
    if name.startswith("help"):
        assert not {"rich", "pyarrow", "numpy", "ruamel", "msgspec"} & set(modules)


def test_the_package_runs_as_a_module():
    done = subprocess.run([*MLCLI, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mlcli {__version__}\n", "")

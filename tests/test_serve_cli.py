"""`mlcli serve`: what a command line becomes, and what it says."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from cli_samples import Desk, desk, trained_run
from hypothesis import given, settings
from hypothesis import strategies as st
from serve_samples import until

from mlcli.cli.boundary import run
from mlcli.config.sections import ServeConfig
from mlcli.errors import ConfigError
from mlcli.serving.banner import curl_line, printable
from mlcli.serving.credentials import read_tokens, tls_context
from mlcli.serving.launch import Launch, read_launch, settings_from
from mlcli.serving.listen import check_exposure, is_loopback
from mlcli.serving.settings import ServeSettings

TEXT = st.text(st.characters(codec="utf-8"))
PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(lambda text: Path("/srv", text))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Desk:
    """A desk with a trained model."""
    folder = tmp_path_factory.mktemp("trained")
    return desk(folder, trained=trained_run(folder))


@pytest.fixture
def become(monkeypatch):
    """Run `mlcli serve` up to the moment at which it becomes another process; return what it would become."""
    seen = []

    class BecameError(BaseException):
        pass

    def execve(program, words, environment):
        seen.append((program, words, environment))
        raise BecameError

    monkeypatch.setattr(os, "execve", execve)

    def serve(*words):
        with pytest.raises(BecameError):
            run(["serve", *map(str, words)])
        program, command, environment = seen.pop()
        assert program == command[0] == sys.executable
        assert command[1:4] == ["-P", "-m", "mlcli.serving"]
        return read_launch(command[4:])[0], environment

    return serve


def test_options_go_before_the_config(trained, become):
    config = trained.config(rest="serve: {port: 9000, workers: 3, unseen: error, queue: 7}\n")

    launch, _ = become("--config", config, "--port", 9001)

    assert (launch.port, launch.workers, launch.host) == (9001, 3, "127.0.0.1")
    assert (launch.settings.unseen, launch.settings.queue) == ("error", 7)
    assert launch.artifact.name == "001"
    assert launch.runs == launch.artifact.parent, "a reload serves the newest run"


def test_a_model_named_by_its_path_is_served_as_its_own_config_says(trained, become):
    launch, _ = become("--artifact", trained.trained, "--set", "serve.max_rows=12", "--log", "bodies")

    assert launch.artifact == trained.trained
    assert launch.runs is None, "a reload serves the same path"
    assert launch.settings == dataclasses.replace(ServeSettings(), max_rows=12, log="bodies")


def test_the_process_computes_with_one_thread(trained, become, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")

    _, environment = become("--artifact", trained.trained)

    assert {environment[f"{library}_NUM_THREADS"] for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR")} == {"1"}
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


def test_tokens_never_stand_on_a_command_line(trained, become, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("s3cret\n")

    launch, environment = become("--artifact", trained.trained, "--host", "0.0.0.0", "--token-file", tokens)

    assert launch.token_file == tokens
    assert launch.settings.tokens == ()
    assert "s3cret" not in " ".join(launch.words())
    assert "s3cret" not in " ".join(environment.values())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--host", "0.0.0.0"], 2, "serve.host must be this machine's own address"),
        (["--port", "70000"], 2, "less than or equal to 65535"),
        (["--token-file", "none.txt"], 2, "the token file none.txt must be readable"),
        (["--tls-key", "none.pem"], 2, "must stand beside `--tls-cert`"),
        (["--set", "serve.prot=1"], 2, "did you mean 'port'"),
        (["--artifact", "none.mlcli"], 4, "none.mlcli must be a run folder or a .mlcli file"),
    ],
    ids=["open without tokens", "port", "token file", "key alone", "typo", "no model"],
)
def test_a_mistake_is_said_before_anything_is_served(trained, capsys, words, code, message):
    assert run(["serve", "--artifact", str(trained.trained), *words]) == code

    err = capsys.readouterr().err
    assert message in err
    assert "hint: " in err


def test_check_proves_the_model_and_leaves(trained, capsys):
    assert run(["serve", "--artifact", str(trained.trained), "--check"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("ready to serve demo version 1 (logistic_regression, compiled and proven on ")
    assert out.count("\n") == 1


def test_check_refuses_a_model_that_does_not_hold(trained, tmp_path, capsys):
    shutil.copytree(trained.trained, tmp_path / "001")
    model = tmp_path / "001" / "model.mlcli"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)

    assert run(["serve", "--artifact", str(tmp_path / "001"), "--check"]) == 4
    assert "must have the digest" in capsys.readouterr().err


def test_in_a_terminal_it_says_what_it_serves_and_a_line_that_works_when_pasted(trained, tmp_path):
    tokens = tmp_path / "my tokens"
    tokens.write_text("# shop\n\ns3cret\n")
    words = ["-m", "mlcli", "serve", "--artifact", trained.trained, "--port", "0", "--token-file", tokens]
    terminal = pexpect.spawn(sys.executable, list(map(str, words)), encoding="utf-8", dimensions=(50, 2000), timeout=20)
    try:
        terminal.expect("try +(curl [^\r\n]+)\r\n")
        said, line = terminal.before, terminal.match[1]
        answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=20)
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.close()
    finally:
        terminal.close(force=True)

    assert terminal.exitstatus == 0
    assert "demo version 1" in said
    assert "compiled and proven on" in said
    assert "http://127.0.0.1:" in said
    assert "s3cret" not in line
    assert json.loads(answer.stdout)["predictions"][0] in {"yes", "no"}


def test_elsewhere_it_says_one_line(trained, tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        words = [sys.executable, "-m", "mlcli", "serve", "--artifact", str(trained.trained), "--port", "0"]
        process = subprocess.Popen(words, stderr=stderr)
    try:
        until(lambda: "http://" in log.read_text())
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
    assert log.read_text().count("\n") == 1


# --- words -------------------------------------------------------------------------------------------------------------


@given(
    st.builds(
        Launch,
        artifact=PATHS,
        runs=st.none() | PATHS,
        host=st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "localhost"]),
        port=st.integers(0, 65535),
        workers=st.integers(1, 256),
        token_file=st.none() | PATHS,
        insecure=st.booleans(),
        tls_cert=st.none() | PATHS,
        tls_key=st.none() | PATHS,
        settings=st.builds(ServeSettings, tokens=st.just(()), cors=st.lists(TEXT).map(tuple)),
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_as_words_is_read_back(launch):
    assert read_launch(launch.words()) == (launch, None)


def test_settings_may_stand_in_a_file(tmp_path):
    place = tmp_path / "settings.json"
    place.write_text('{"queue": 5}')

    launch, _ = read_launch(["--artifact", "x", "--settings", str(place)])

    assert launch.settings == dataclasses.replace(ServeSettings(), queue=5)


def test_every_limit_of_the_config_reaches_the_service():
    """`tokens` and `log` are options of the command; all else stands in both, under one name and with one default."""
    section = ServeConfig()
    limits = {field.name for field in dataclasses.fields(ServeSettings)} - {"tokens", "log"}

    assert limits == set(ServeConfig.model_fields) - {"host", "port", "workers"}
    assert settings_from(section) == ServeSettings()
    assert settings_from(ServeConfig(queue=9)).queue == 9


@given(st.dictionaries(TEXT, TEXT | st.integers() | st.none() | st.booleans(), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_the_line_to_paste_says_the_same_to_any_shell(row):
    line = curl_line(row, "http://127.0.0.1:8000", cert=Path("it's here"))
    shown = subprocess.run(
        ["sh", "-c", 'curl() { for word; do printf "%s\\0" "$word"; done; }; ' + line], capture_output=True, check=True
    )

    words = shown.stdout.decode().split("\0")
    body = words[words.index("-d") + 1]
    assert json.loads(body) == {"rows": [row]}
    assert words[words.index("--cacert") + 1] == "it's here"
    assert line.isprintable()


def test_a_name_cannot_write_to_the_terminal():
    assert printable("a\x1b[2J\u202e\U000e0001ü") == "a\\u001b[2J\\u202e\\udb40\\udc01ü"


# --- who may come ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host):
    assert is_loopback(host)
    check_exposure(host, token_file=None, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "127.0.0.1.example.org"])
def test_beyond_this_machine_it_must_be_said(host):
    with pytest.raises(ConfigError, match="clients must show a token"):
        check_exposure(host, token_file=None, insecure=False)
    check_exposure(host, token_file=Path("tokens"), insecure=False)
    check_exposure(host, token_file=None, insecure=True)


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        (b"one", ("one",)),
        (b"one\n", ("one",)),
        (b"# who\r\none\r\n\r\n  two  \r\n", ("one", "two")),
        (b"a.b-c_d~e+f/g=\n", ("a.b-c_d~e+f/g=",)),
    ],
    ids=["no line end", "one", "comment and blanks", "signs"],
)
def test_tokens_are_read_one_a_line(tmp_path, content, tokens):
    place = tmp_path / "tokens"
    place.write_bytes(content)

    assert read_tokens(place) == tokens


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold a token"),
        (b"# nothing\n\n", "must hold a token"),
        (b"fine\ntwo words\n", "line 2, must be one word"),
        ("schlüssel\n".encode(), "line 1, must be one word"),
        (b"\xff\xfe", "must be text"),
        (b"a\n" * 600_000, "at most"),
    ],
    ids=["empty", "comments", "two words", "not ASCII", "not text", "too long"],
)
def test_a_token_file_that_is_none_is_refused_without_showing_it(tmp_path, content, message):
    place = tmp_path / "tokens"
    place.write_bytes(content)

    with pytest.raises(ConfigError, match=message) as caught:
        read_tokens(place)
    assert "words" not in caught.value.message.replace("one word", "")
    assert caught.value.hint


def test_a_token_file_that_may_not_be_read_is_said(tmp_path):
    with pytest.raises(ConfigError, match="must be readable"):
        read_tokens(tmp_path)


def test_without_a_certificate_there_is_no_tls():
    assert tls_context(None, None) is None


def test_a_file_that_is_no_certificate_is_refused(tmp_path):
    place = tmp_path / "cert.pem"
    place.write_text("no certificate")
    place.chmod(stat.S_IRUSR)

    with pytest.raises(ConfigError, match="must be PEM"):
        tls_context(place, None)

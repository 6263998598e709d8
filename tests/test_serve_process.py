"""Real serving processes: how they start, what they bear, how they stop."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_samples import trained_run
from serve_samples import BODY, PATIENCE, SERVING, Load, serving, until

from mlcli.serving.connections import HEAD_TIMEOUT, KEEP_ALIVE, STALL, Connections

HEAVY = {"sklearn", "pandas", "scipy", "pyarrow", "pydantic", "typer", "rich", "ruamel", "skops", "joblib"}
POST = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % len(BODY)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of runs with one compiled model."""
    return trained_run(tmp_path_factory.mktemp("trained")).parent


@pytest.fixture(scope="module")
def server(runs, tmp_path_factory):
    """A server for tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("server"), "--artifact", runs / "001") as running:
        yield running


@pytest.fixture
def own_runs(runs, tmp_path):
    """A folder of runs that a test may change."""
    shutil.copytree(runs, tmp_path / "runs")
    return tmp_path / "runs"


def test_a_compiled_model_is_served_without_any_heavy_library(runs, tmp_path):
    command = [sys.executable, "-X", "importtime", *SERVING[1:]]
    with serving(tmp_path, "--artifact", runs / "001", command=command) as running:
        status, _, answer = running.ask()
        assert running.stop() == 0

    imported = set(re.findall(r"\| +([\w.]+)$", running.said, re.MULTILINE))
    assert status == 200
    assert answer["predictions"] == ["no"]
    assert "numpy" in imported
    assert {name.split(".")[0] for name in imported} & HEAVY == set()


def test_the_process_computes_with_one_thread_and_keeps_its_memory_small(server):
    assert server.ask()[0] == 200

    lines = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    assert int(status["VmRSS"].split()[0]) < 90 * 1024
    assert int(status["Threads"]) <= 3


def test_an_answer_names_no_server_software(server):
    _, headers, _ = server.ask()

    assert "server" not in headers
    assert "date" in headers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["terminate", "Ctrl-C"])
def test_told_to_stop_it_finishes_what_is_under_way_and_leaves_with_0(runs, tmp_path, number):
    with serving(tmp_path, "--artifact", runs / "001") as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE) as connection:
            connection.sendall(POST + b"\r\n" + BODY[:5])
            assert running.ask("/readyz", None)[0] == 200  # the half request has been seen
            running.process.send_signal(number)
            until(lambda: not accepts(running.port))
            connection.sendall(BODY[5:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))

        assert running.process.wait(PATIENCE) == 0
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in answer


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_a_second_signal_drops_what_is_under_way_without_a_trace(runs, tmp_path):
    with (
        serving(tmp_path, "--artifact", runs / "001") as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=5) as client,
    ):
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        running.ask("/livez", None)
        running.process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(running.port))
        assert running.process.poll() is None

        assert running.stop() == 0
        assert client.recv(100) == b""
    assert "Traceback" not in running.said


def test_while_it_drains_it_answers_is_not_ready_and_closes_every_connection(runs, tmp_path):
    settings = '{"drain_delay": 30}'
    with serving(tmp_path, "--artifact", runs / "001", "--settings", settings) as running:
        before = running.ask()
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.ask("/readyz", None)[0] == 503)
        during = running.ask()

        # Told a second time, it hurries.
        assert running.stop() == 0
    assert (before[0], before[1]["connection"]) == (200, None)
    assert (during[0], during[1]["connection"]) == (200, "close")
    assert during[2] == before[2]


def test_a_drain_fails_no_request(runs, tmp_path):
    words = ["--artifact", runs / "001", "--settings", '{"drain_delay": 0.3}']
    with serving(tmp_path, *words) as running, Load(running) as load:
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.process.poll() is not None)
    refused = [failure for failure in load.failures if not isinstance(failure, ConnectionRefusedError)]
    assert refused == []
    assert {status for status, _ in load.answers} == {200}


def test_sighup_puts_the_newest_run_into_service_without_a_failed_request(own_runs, tmp_path):
    with serving(tmp_path, "--artifact", own_runs / "001", "--runs", own_runs) as running:
        with Load(running) as load:
            shutil.copytree(own_runs / "001", own_runs / "002")
            running.process.send_signal(signal.SIGHUP)
            until(lambda: load.answers[-1][1]["version"] == "2")
        assert "now serving demo version 2" in running.said

    assert load.failures == []
    assert {status for status, _ in load.answers} == {200}
    assert {answer["version"] for _, answer in load.answers} == {"1", "2"}


def test_a_run_that_does_not_hold_leaves_the_old_model_in_service(own_runs, tmp_path):
    with serving(tmp_path, "--artifact", own_runs / "001", "--runs", own_runs) as running:
        shutil.copytree(own_runs / "001", own_runs / "002")
        model = own_runs / "002" / "model.mlcli"
        content = bytearray(model.read_bytes())
        content[len(content) // 2] ^= 1
        model.write_bytes(content)
        running.process.send_signal(signal.SIGHUP)
        until(lambda: "reload refused, demo version 1 goes on" in running.said)

        assert running.ask()[2]["version"] == "1"
        assert running.process.poll() is None


def test_a_dead_worker_is_replaced_and_costs_only_its_own_requests(runs, tmp_path):
    with serving(tmp_path, "--artifact", runs / "001", "--workers", 2) as running:
        first = running.pids
        with Load(running) as load:
            os.kill(first[0], signal.SIGKILL)
            until(lambda: len(running.pids) == 2 and first[0] not in running.pids)
            n_answers = len(load.answers)
            until(lambda: len(load.answers) > n_answers + 20)
        assert "was ended by signal 9 and is replaced" in running.said
        assert running.stop() == 0

    assert len(load.failures) <= load.n_clients
    assert {status for status, _ in load.answers} == {200}


def test_workers_stopped_in_turn_lose_no_request(runs, tmp_path):
    with serving(tmp_path, "--artifact", runs / "001", "--workers", 2) as running:
        with Load(running) as load:
            for pid in running.pids:
                os.kill(pid, signal.SIGTERM)
                until(lambda pid=pid: pid not in running.pids and len(running.pids) == 2)
        assert load.failures == []
        assert {status for status, _ in load.answers} == {200}


def test_workers_share_connections_metrics_and_their_end(runs, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with serving(tmp_path, "--artifact", runs / "001", "--workers", 2, env=environment) as running:
        for _ in range(20):
            assert running.ask()[0] == 200
        metrics = list(tmp_path.glob("mlcli-metrics-*"))
        assert len(metrics) == 1
        until(lambda: prediction_count(running) == 20)  # the other worker writes its counts once a second
        workers = running.pids

        assert running.stop() == 0
        assert not metrics[0].exists()
        assert not any(is_alive(pid) for pid in workers)
    assert running.said.count("serving demo") == 1


def prediction_count(running):
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    counts = re.findall(r'^\w*requests_total\{.*"/predict".*\} ([\d.]+)$', text, re.MULTILINE)
    return sum(map(float, counts))


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_connections_are_spread_evenly_over_workers(runs, tmp_path):
    with (
        serving(tmp_path, "--artifact", runs / "001", "--workers", 2) as running,
        contextlib.ExitStack() as stack,
    ):
        before = [n_sockets(pid) for pid in running.pids]
        for n in range(1, 41):
            # One by one: on a busy machine a worker may come too late for one, and makes up for it with the next.
            stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            until(lambda n=n: sum(n_sockets(pid) for pid in running.pids) == sum(before) + n)

        taken = [n_sockets(pid) - n for pid, n in zip(running.pids, before, strict=True)]
        assert min(taken) >= 18


def n_sockets(pid):
    return sum("socket:" in str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir())


def test_workers_leave_when_their_supervisor_is_killed(runs, tmp_path):
    with serving(tmp_path, "--artifact", runs / "001", "--workers", 2) as running:
        workers = running.pids
        assert len(workers) == 2
        running.process.kill()

        until(lambda: not any(is_alive(pid) for pid in workers))


def test_sighup_reloads_every_worker(own_runs, tmp_path):
    words = ["--artifact", own_runs / "001", "--runs", own_runs, "--workers", 2]
    with serving(tmp_path, *words) as running:
        shutil.copytree(own_runs / "001", own_runs / "002")
        running.process.send_signal(signal.SIGHUP)
        until(lambda: running.said.count("now serving demo version 2") == 2)
        assert {running.ask()[2]["version"] for _ in range(10)} == {"2"}

        # A worker that is replaced later begins with what the others serve.
        os.kill(running.pids[0], signal.SIGKILL)
        until(lambda: "is replaced" in running.said and len(running.pids) == 2)
        assert {running.ask()[2]["version"] for _ in range(10)} == {"2"}


CRASHING = """
import sys
import mlcli.serving.supervisor as supervisor
supervisor.GIVE_UP_AFTER = 3
from mlcli.serving.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("end", "n_starts"), [("os._exit(1)", 1), ("os.kill(os.getpid(), 9)", 3)], ids=["crash", "killed"]
)
def test_workers_that_keep_dying_end_the_service_with_code_1(runs, tmp_path, end, n_starts):
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, sys\nif '--worker' in sys.orig_argv:\n    open('starts', 'a').write('x')\n    {end}\n"
    )
    command = [sys.executable, "-P", "-c", CRASHING]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words = ["--artifact", runs / "001", "--workers", 2]
    with serving(tmp_path, *words, command=command, ready=False, env=environment) as running:
        assert running.process.wait(PATIENCE) == 1
    assert len((tmp_path / "starts").read_text()) in range(n_starts, 2 * n_starts + 1)
    assert ("keeps dying" in running.said) == (n_starts > 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_model_that_does_not_hold_is_refused_once_with_code_4(own_runs, tmp_path, workers):
    model = own_runs / "001" / "model.mlcli"
    model.write_bytes(model.read_bytes()[:-7])
    with serving(tmp_path, "--artifact", own_runs / "001", "--workers", workers, ready=False) as running:
        assert running.process.wait(PATIENCE) == 4
    assert running.said.count("error: ") == 1
    assert "hint: " in running.said
    assert "Traceback" not in running.said


def test_a_port_that_is_taken_is_said_with_code_2(runs, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(tmp_path, "--artifact", runs / "001", "--port", port, ready=False) as running:
            assert running.process.wait(PATIENCE) == 2
    assert f"error: port {port} of 127.0.0.1 must be free." in running.said
    assert "hint: Choose another with --port" in running.said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "clients must show a token"),
        (["--host", "192.0.2.1", "--insecure"], "must be an address of this machine"),
        (["--tls-key", "key.pem"], "must stand beside `--tls-cert`"),
        (["--tls-cert", "none.pem"], "must be readable"),
        (["--settings", "{]"], "must be a JSON object"),
    ],
    ids=["open without tokens", "foreign address", "key alone", "no certificate", "settings"],
)
def test_what_it_is_told_is_checked_before_it_listens(runs, tmp_path, words, message):
    with serving(tmp_path, "--artifact", runs / "001", *words, ready=False) as running:
        assert running.process.wait(PATIENCE) == 2
    assert message in running.said
    assert "hint: " in running.said


def test_only_clients_with_a_token_are_answered(runs, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("# shop\ns3cret-one\n\ns3cret-two\n")
    words = ["--artifact", runs / "001", "--host", "0.0.0.0", "--token-file", tokens]
    with serving(tmp_path, *words) as running:
        answers = [
            running.ask(headers={} if token is None else {"Authorization": f"Bearer {token}"}.items())[0]
            for token in (None, "s3cret", "s3cret-one", "s3cret-two")
        ]
        assert running.ask("/livez", None)[0] == 200
    assert answers == [401, 401, 200, 200]
    assert "s3cret" not in running.said


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
def test_a_certificate_makes_it_https(runs, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    places = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run([*make.split(), *places], check=True, capture_output=True)
    with serving(tmp_path, "--artifact", runs / "001", "--tls-cert", cert, "--tls-key", key) as running:
        context = ssl.create_default_context(cafile=cert)
        connection = http.client.HTTPSConnection("127.0.0.1", running.port, context=context, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("POST", "/predict", BODY, {"Content-Type": "application/json"})
            assert connection.getresponse().status == 200
        with socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP/1.1" not in plain.recv(100)  # a TLS alert, or nothing
        assert running.stop() == 0


# --- what a client may do to a connection ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"x: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", 431),
        (b"POST /predict HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
    ids=["nonsense", "bad field", "long target", "long field", "many fields", "two lengths", "bad chunk"],
)
def test_what_is_no_request_is_refused_in_the_shape_of_every_error(server, request_bytes, status):
    answer = server.send_raw(request_bytes)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"connection: close" in head
    assert b'"detail":' in body


def test_an_endless_head_is_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection.sendall(b"x: " + b"a" * 9_000)
                time.sleep(0.001)
            raise AssertionError("it listened for ever")
    assert server.ask()[0] == 200


def test_endless_fields_behind_a_body_are_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ")
        with contextlib.suppress(OSError):
            for _ in range(3_000):
                connection.sendall(b"a" * 10_000)
            raise AssertionError("it listened for ever")
    assert server.ask()[0] == 200


def test_tiny_chunks_make_a_whole_body(server):
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
    answer = server.send_raw(
        b"POST /predict HTTP/1.1\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n" + chunks
    )

    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_a_request_that_offers_http_2_is_answered_in_http_1(server):
    """As the client of Java sends it: with a body, and an offer that may be ignored."""
    offer = b"connection: Upgrade, close, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABk\r\n\r\n"
    whole = server.send_raw(POST + offer + BODY)
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        for piece in (POST + offer[:30], offer[30:], BODY[:9], BODY[9:]):
            connection.sendall(piece)
            time.sleep(0.01)
        pieces = b"".join(iter(lambda: connection.recv(65536), b""))

    for answer in (whole, pieces):
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"predictions"' in answer
    assert server.send_raw(b"CONNECT example.org:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_requests_sent_at_once_are_answered_in_order_and_nonsense_behind_them_ends_the_connection(server):
    answer = server.send_raw(b"GET /livez HTTP/1.1\r\n\r\nGET /readyz HTTP/1.1\r\nconnection: close\r\n\r\n")
    owed = server.send_raw(b"GET /livez HTTP/1.1\r\n\r\nnonsense\r\n\r\n")

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert owed.startswith(b"HTTP/1.1 200 OK")
    assert owed.count(b"HTTP/1.1") == 1


def test_idle_connections_make_room_for_new_ones(runs, tmp_path):
    """With 100 open files there is room for 36 connections."""

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    with contextlib.ExitStack() as stack:
        running = stack.enter_context(serving(tmp_path, "--artifact", runs / "001", preexec_fn=few_files))
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", running.port))) for _ in range(60)]
        for _ in range(5):
            assert running.ask()[0] == 200
        idle[0].settimeout(PATIENCE)
        assert idle[0].recv(1) == b"", "the one that has waited longest is closed"
        idle[-1].sendall(b"GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n")
        assert idle[-1].recv(100).startswith(b"HTTP/1.1 200 OK")


class Client:
    """A connection, as far as waiting is concerned."""

    closed = False

    def give_up(self):
        self.closed = True


@pytest.mark.parametrize(("table", "seconds"), [("heads", HEAD_TIMEOUT), ("idle", KEEP_ALIVE), ("stalled", STALL)])
def test_a_connection_is_closed_when_its_time_is_over_and_not_before(table, seconds):
    connections, client, later = Connections(limit=8), Client(), Client()
    getattr(connections, table).update({client: 100.0, later: 101.0})

    connections.sweep(100.0 + seconds - 0.1)
    assert not client.closed
    connections.sweep(100.0 + seconds)
    assert client.closed
    assert not later.closed
    assert list(getattr(connections, table)) == [later]


def test_room_is_made_by_the_one_that_waits_longest():
    connections, old, new, slow = Connections(limit=8), Client(), Client(), Client()
    connections.idle.update({old: 5.0, new: 7.0})
    connections.heads[slow] = 6.0

    assert [connections.make_room() for _ in range(4)] == [True, True, True, False]
    assert old.closed
    assert new.closed
    assert slow.closed

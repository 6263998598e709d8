"""The service around the model: limits, tokens, deadlines, shared batches, counts, and the one shape of an error."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import io
import json
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_samples import Stub, ask, run, train_sample
from starlette.applications import Starlette
from starlette.routing import Mount

from mlcli.artifact.open import open_artifact
from mlcli.serving import create_app
from mlcli.serving.body import BodyReader
from mlcli.serving.call import Problem
from mlcli.serving.headers import Headers
from mlcli.serving.pace import Pace
from mlcli.serving.request_log import RequestLog
from mlcli.serving.runner import Runner
from mlcli.serving.served import load_served
from mlcli.serving.service import Service
from mlcli.serving.settings import ServeSettings

FAMILY_KEYS = {"/nope": None, "/v2/nope": "error", "/v1/nope": "error"}
"""Paths that are no address, with the key by which the clients of their family find the message."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return train_sample(tmp_path_factory.mktemp("core"))


@pytest.fixture(scope="module")
def served(folder):
    return load_served(folder, settings=ServeSettings())


@pytest.fixture(scope="module")
def row(served):
    return served.example


@pytest.fixture
def app(served):
    return create_app(served)


@pytest.fixture
def stubbed(served):
    """Build an app whose predictor answers as planned, and the predictor."""

    def build(*, options=None, **plan):
        stub = Stub(served.predictor, **plan)
        return create_app(dataclasses.replace(served, predictor=stub), settings=ServeSettings(**(options or {}))), stub

    return build


# --- addresses, methods, errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "key"), FAMILY_KEYS.items())
def test_an_unknown_path_is_404_in_the_shape_of_its_family(app, path, key):
    answer = run(ask(app, path))

    assert answer.status == 404
    assert {"status", "title", "detail", "request_id"} <= set(answer.json())
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    if key:
        assert answer.json()["detail"] in answer.json()[key]


def test_a_method_that_an_address_does_not_answer_is_405_and_names_those_it_does(app):
    answer = run(ask(app, "/predict", method="DELETE"))

    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["title"] == "Method Not Allowed"


def test_head_is_answered_as_get_without_the_body(app):
    get, head = run(ask(app, "/schema")), run(ask(app, "/schema", method="HEAD"))

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


def test_a_path_with_a_slash_too_many_is_not_redirected(app):
    assert run(ask(app, "/predict/", body={})).status == 404


@given(
    method=st.sampled_from(["GET", "POST", "BREW", "OPTIONS", "CONNECT", "get", "PROPFIND"]),
    path=st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: "/" + text),
    query=st.text(st.characters(codec="utf-8"), max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_odd_methods_paths_and_queries_are_never_a_fault_of_ours(served, method, path, query):
    answer = run(ask(create_app(served), path, method=method, query=query))

    assert answer.status < 500
    assert answer.headers["x-request-id"]


def test_a_query_of_too_many_parameters_is_refused(app, row):
    assert run(ask(app, body=row, query="&".join(f"a{i}=1" for i in range(200)))).status == 400


def test_a_fault_of_ours_is_500_with_the_request_id_alone_and_a_trace_in_the_log(stubbed, row, caplog):
    app, _ = stubbed(bad=50.0)
    answer = run(ask(app, body={**row, "income": 50}, headers={"X-Request-ID": "abc-1"}))

    assert (answer.status, answer.json()["request_id"]) == (500, "abc-1")
    assert "planned" not in answer.body.decode()
    assert "Error" not in answer.json()["detail"]
    assert "request abc-1 failed" in caplog.text
    assert "ZeroDivisionError: planned" in caplog.text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1", True),
        ("~" * 128, True),
        ("~" * 129, False),
        ("a b", False),
        ("a\tb", False),
        ("é", False),
        ("", False),
    ],
)
def test_the_request_id_of_the_client_is_kept_where_it_is_sane(app, given, kept):
    answer = run(ask(app, "/livez", headers={"X-Request-ID": given}))

    assert (answer.headers["x-request-id"] == given) is kept


def test_two_requests_without_an_id_get_different_ones(app):
    assert len({run(ask(app, "/livez")).headers["x-request-id"] for _ in range(3)}) == 3


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Basic second", 401),
        ("second", 401),
        ("Bearer ", 401),
        ("Bearer first", 200),
        ("bearer second", 200),
    ],
)
def test_a_request_must_carry_one_of_the_tokens(served, row, header, status):
    app = create_app(served, settings=ServeSettings(tokens=("first", "second")))
    answer = run(ask(app, body=row, headers={} if header is None else {"Authorization": header}))

    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(("path", "status"), [("/livez", 200), ("/readyz", 200), ("/schema", 401), ("/metrics", 401)])
def test_health_alone_is_told_without_a_token(served, path, status):
    app = create_app(served, settings=ServeSettings(tokens=("first",)))

    assert run(ask(app, path)).status == status


# --- bodies -----------------------------------------------------------------------------------------------------------


def raw_deflate(data):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


CODED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "DEFLATE": raw_deflate,
    "identity": bytes,
}


@pytest.mark.parametrize(("encoding", "encode"), CODED.items())
def test_a_compressed_body_is_read_as_the_plain_one(app, row, encoding, encode):
    body = json.dumps(row).encode()
    plain = run(ask(app, body=body))

    assert run(ask(app, body=encode(body), headers={"Content-Encoding": encoding})).body == plain.body


@given(data=st.data(), parts=st.lists(st.binary(max_size=400), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_body_is_the_same_in_however_many_pieces_it_comes(data, parts):
    body = b"".join(gzip.compress(part) for part in parts) + b"\0" * data.draw(st.integers(0, 3))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    assert run(read(pieces, b"gzip")) == b"".join(parts)


async def read(pieces, encoding, *, limit=10_000):
    left = list(pieces)

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return await BodyReader(limit).read(receive, {b"content-encoding": encoding})


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (gzip.compress(b"x" * 100)[:-9], b"gzip", 400),
        (b"no gzip", b"gzip", 400),
        (gzip.compress(b"x") + b"more", b"gzip", 400),
        (b"\xff\xff no deflate", b"deflate", 400),
        (zlib.compress(b"x") + b"more", b"deflate", 400),
        (b"x", b"br", 415),
        (b"x", b"gzip, gzip", 415),
        (gzip.compress(b"x" * 10_001), b"gzip", 413),
    ],
    # By words: what gzip writes holds the time, and every worker must collect the same names.
    ids=["cut", "no gzip", "more behind gzip", "no deflate", "more behind deflate", "unknown", "two", "too long"],
)
def test_a_body_that_cannot_be_decompressed_within_the_limits_is_refused(body, encoding, status):
    with pytest.raises(Problem) as caught:
        run(read([body], encoding))

    assert caught.value.status == status


def test_a_body_of_just_the_limit_is_read():
    assert len(run(read([gzip.compress(b"x" * 10_000)], b"gzip"))) == 10_000


def test_a_gzip_bomb_is_refused_before_it_unfolds(served):
    app = create_app(served, settings=ServeSettings(max_body=2**20))
    bomb = gzip.compress(bytes(50 * 2**20), compresslevel=1)
    tracemalloc.start()
    answer = run(ask(app, body=bomb, headers={"Content-Encoding": "gzip"}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert answer.status == 413
    assert peak < 8 * 2**20


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "found out"])
def test_a_body_that_is_too_long_is_413_and_ends_the_connection(served, declared):
    app = create_app(served, settings=ServeSettings(max_body=1024))
    pieces = [b"x" * 600, b"x" * 600, b"x"]
    answer = run(ask(app, pieces=pieces, headers={"Content-Length": "1201"} if declared else {}))

    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert "1,024" in answer.json()["detail"]


def test_bodies_that_are_not_finished_are_held_up_to_a_bound():
    reader = BodyReader(1000)

    async def upload(pieces):
        async def receive():
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        return await reader.read(receive, {})

    async def many(n):
        results = [upload([b"x" * 900, b"y"]) for _ in range(n)]
        return await asyncio.gather(*results, return_exceptions=True)

    assert {len(body) for body in run(many(4))} == {901}
    refused = [result for result in run(many(8)) if isinstance(result, Problem)]
    assert {problem.status for problem in refused} == {429}
    assert {len(body) for body in run(many(4))} == {901}, "what was held is let go"


def test_a_body_that_does_not_come_is_408(served):
    app = create_app(served, settings=ServeSettings(deadline=0.2))
    answer = run(ask(app, pieces=[b"{", 5.0, b"}"]))

    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_a_client_that_leaves_is_not_answered_and_is_counted(app):
    answer = run(ask(app, pieces=[b"{", None]))

    assert answer.messages == []
    assert b'mlcli_requests_total{method="POST",route="/predict",status="499"} 1.0' in run(ask(app, "/metrics")).body


def test_repeated_headers_are_joined_and_missing_ones_are_none():
    headers = Headers([(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")])

    assert dict(headers) == {"accept": "a, b", "x": "1"}
    assert (headers.get("y"), headers.get("y", "z"), len(headers), "accept" in headers) == (None, "z", 2, True)


# --- batches ----------------------------------------------------------------------------------------------------------


async def ask_many(app, rows):
    return await asyncio.gather(*(ask(app, body=row) for row in rows))


def test_requests_at_once_share_a_batch_and_each_gets_its_own(stubbed, row):
    app, stub = stubbed()
    incomes = [20 + i for i in range(40)]
    answers = run(ask_many(app, [{**row, "income": income} for income in incomes]))

    assert [answer.json()["probabilities"]["yes"] for answer in answers] == [[income / 100] for income in incomes]
    assert stub.sizes == [40]


def test_requests_gather_while_a_batch_is_predicted(stubbed, row):
    app, stub = stubbed(seconds=0.05)

    async def story():
        first = asyncio.ensure_future(ask(app, body=row))
        await asyncio.sleep(0.02)
        return [await first, *await ask_many(app, [row] * 5)]

    assert {answer.status for answer in run(story())} == {200}
    assert stub.sizes == [1, 5]


def test_clients_just_answered_may_join_the_batch_that_others_wait_for(stubbed, row):
    app, stub = stubbed(seconds=0.1)

    async def ask_twice():
        return [await ask(app, body=row), await ask(app, body=row)]

    async def story():
        first = asyncio.ensure_future(ask_twice())
        await asyncio.sleep(0.05)
        return await asyncio.gather(first, ask(app, body=row))

    run(story())
    assert stub.sizes == [1, 2], "the one that waits and the one that asks again"


def test_requests_of_one_row_share_a_batch_in_the_loop_where_that_pays(row, stubbed):
    app, stub = stubbed(compiled=True)
    runner = app.state.service.runner
    runner.quick, runner.shares, runner.at_once = True, True, False
    runner.pace = Pace(stub, row=150e-6, base=20e-6, each=25e-6)  # a forest's
    runner.loop_rows = 60
    stub.sizes.clear()
    answers = run(ask_many(app, [{**row, "income": 20 + i} for i in range(30)]))

    assert [answer.json()["probabilities"]["yes"][0] for answer in answers] == [(20 + i) / 100 for i in range(30)]
    assert stub.sizes == [30]


def test_a_request_that_fails_in_a_batch_fails_alone(stubbed, row):
    app, _ = stubbed(bad=33.0)
    answers = run(ask_many(app, [{**row, "income": income} for income in (31, 32, 33, 34)]))

    assert [answer.status for answer in answers] == [200, 200, 500, 200]
    assert answers[3].json()["probabilities"]["yes"] == [0.34]


def test_a_bad_request_never_enters_a_batch(stubbed, row):
    app, stub = stubbed()
    answers = run(ask_many(app, [row, {**row, "income": "much"}, row]))

    assert [answer.status for answer in answers] == [200, 422, 200]
    assert stub.sizes == [2]


def test_a_request_that_is_cancelled_leaves_its_batch_unharmed(stubbed, row):
    app, stub = stubbed(seconds=0.05)

    async def story():
        tasks = [asyncio.ensure_future(ask(app, body={**row, "income": 20 + i})) for i in range(6)]
        await asyncio.sleep(0.02)
        tasks.append(asyncio.ensure_future(ask(app, body=row)))
        await asyncio.sleep(0)
        tasks[2].cancel()
        tasks[6].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = run(story())
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [i in {2, 6} for i in range(7)]
    assert [results[i].json()["probabilities"]["yes"][0] for i in (0, 1, 3, 4, 5)] == [0.2, 0.21, 0.23, 0.24, 0.25]
    assert stub.sizes == [6], "nothing is predicted for whom nobody waits"


def test_beyond_the_queue_requests_are_429_and_told_when_to_come_back(stubbed, row):
    app, _ = stubbed(seconds=0.05, options={"queue": 3})
    answers = run(ask_many(app, [row] * 10))

    assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 7
    assert {answer.headers["retry-after"] for answer in answers if answer.status == 429} == {"1"}
    assert run(ask(app, body=row)).status == 200
    assert b'mlcli_rejected_total{reason="busy"} 7.0' in run(ask(app, "/metrics")).body


def test_a_request_whose_deadline_passes_is_504_and_is_not_predicted(stubbed, row):
    app, stub = stubbed(seconds=0.5, options={"deadline": 0.2})

    async def story():
        first = asyncio.ensure_future(ask(app, body=row))
        await asyncio.sleep(0.05)
        second = await ask(app, body=row)
        await asyncio.sleep(0.5)
        return [await first, second]

    assert [answer.status for answer in run(story())] == [504, 504]
    assert stub.sizes == [1]


def test_health_is_told_while_a_long_batch_is_predicted(stubbed, row):
    app, _ = stubbed(seconds=0.4)

    async def story():
        predicting = asyncio.ensure_future(ask(app, body={"rows": [row] * 50}))
        await asyncio.sleep(0.05)
        before = time.perf_counter()
        assert (await ask(app, "/livez")).status == 200
        passed = time.perf_counter() - before
        assert not predicting.done()
        return passed, await predicting

    passed, answer = run(story())
    assert answer.status == 200
    assert passed < 0.3


def test_a_compiled_batch_that_takes_long_has_a_thread(stubbed, row):
    app, stub = stubbed(compiled=True, seconds=0.002)
    runner = app.state.service.runner

    assert not runner.quick
    stub.sizes.clear()
    answers = run(ask_many(app, [{"rows": [row] * 20}, {"rows": [row] * 30}]))
    assert [len(answer.json()["predictions"]) for answer in answers] == [20, 30]
    assert stub.sizes == [50]


def test_a_model_that_is_swapped_in_answers_and_the_old_one_finishes(stubbed, served, row):
    app, _ = stubbed(seconds=0.1, value=0.25)
    service = app.state.service
    other = dataclasses.replace(served, version="2", predictor=Stub(served.predictor, value=0.75))

    async def story():
        before = [asyncio.ensure_future(ask(app, body=row)) for _ in range(2)]
        await asyncio.sleep(0.03)
        before.append(asyncio.ensure_future(ask(app, body=row)))
        await asyncio.sleep(0)
        await ask(app, "/metrics")
        service.swap(other)
        after = await ask(app, body=row)
        return [answer.json() for answer in [*await asyncio.gather(*before), after]]

    answers = run(story())
    assert [answer["version"] for answer in answers] == ["1", "1", "1", "2"]
    assert [answer["probabilities"]["yes"] for answer in answers] == [[0.25], [0.25], [0.25], [0.75]]
    metrics = run(ask(app, "/metrics")).body.decode()
    assert 'version="1"} 0.0' in metrics
    assert 'version="2"} 1.0' in metrics


def test_rows_that_were_read_in_both_forms_share_a_batch(stubbed, row):
    app, stub = stubbed()
    answers = run(ask_many(app, [row, {"rows": [{**row, "income": 44}] * 30}, {**row, "income": None}]))

    assert stub.sizes == [32]
    assert answers[1].json()["probabilities"]["yes"] == [0.44] * 30
    assert answers[2].json()["probabilities"]["yes"] == [None], "a missing income is missing in the batch too"


# --- counts and log ---------------------------------------------------------------------------------------------------


def test_requests_rows_and_remarks_are_counted(app, row):
    async def story():
        await ask(app, body={"rows": [{**row, "city": "Rome", "income": 1e6}, row]})
        await ask(app, body=b"{")
        for path in ("/nope", "/nope2", "/v2/nope"):
            await ask(app, path, method="BREW")
        return (await ask(app, "/metrics")).body.decode()

    text = run(story())
    for line in (
        'mlcli_requests_total{method="POST",route="/predict",status="200"} 1.0',
        'mlcli_requests_total{method="POST",route="/predict",status="400"} 1.0',
        'mlcli_requests_total{method="other",route="other",status="404"} 3.0',
        'mlcli_request_duration_seconds_count{route="/predict"} 2.0',
        'mlcli_batch_rows_bucket{le="1.0"} 0.0',
        'mlcli_batch_rows_bucket{le="2.0"} 1.0',
        "mlcli_rows_predicted_total 2.0",
        "mlcli_queue_depth 0.0",
        'mlcli_unseen_total{column="city"} 1.0',
        'mlcli_out_of_range_total{column="income"} 1.0',
        'mlcli_model_info{compiled="true",',
    ):
        assert line in text, line
    assert "process_resident_memory_bytes" in text


def test_counting_again_adds_and_nothing_is_counted_twice(app):
    async def story():
        for _ in range(3):
            await ask(app, "/livez")
        await ask(app, "/metrics")
        await ask(app, "/livez")
        return (await ask(app, "/metrics")).body.decode()

    text = run(story())
    assert 'mlcli_requests_total{method="GET",route="/livez",status="200"} 4.0' in text
    assert 'mlcli_request_duration_seconds_count{route="/livez"} 4.0' in text


WORKER = """
import asyncio, sys
from serving_samples import ask
from mlcli.serving import create_app
app = create_app(sys.argv[1])
row = app.state.service.served.example
async def story():
    for _ in range(int(sys.argv[2])):
        await ask(app, body=row)
    print((await ask(app, "/metrics")).body.decode())
asyncio.run(story())
"""


def test_workers_that_share_a_folder_count_together(folder, tmp_path):
    def worker(n_requests):
        return subprocess.run(
            [sys.executable, "-c", WORKER, str(folder), str(n_requests)],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        ).stdout

    assert 'mlcli_requests_total{method="POST",route="/predict",status="200"} 3.0' in worker(3)
    text = worker(4)
    assert 'mlcli_requests_total{method="POST",route="/predict",status="200"} 7.0' in text
    assert 'mlcli_request_duration_seconds_count{route="/predict"} 7.0' in text
    assert "mlcli_rows_predicted_total 7.0" in text


@pytest.mark.parametrize("level", ["off", "requests", "bodies"])
def test_the_request_log_says_as_much_as_it_is_asked_to(served, row, level, capsys):
    app = create_app(served, settings=ServeSettings(log=level))
    run(ask(app, body={"rows": [row, row]}, query="secret=1", headers={"X-Request-ID": "abc"}))
    text = capsys.readouterr().err

    if level == "off":
        assert text == ""
        return
    line = msgspec.json.decode(text)
    assert {**line, "time": 0, "ms": 0, "bytes": 0} | {"request": 0, "response": 0} == {
        "time": 0,
        "id": "abc",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "ms": 0,
        "rows": 2,
        "bytes": 0,
        "request": 0,
        "response": 0,
    }
    assert ("request" in line) == (level == "bodies")
    assert "secret" not in text
    if level == "bodies":
        assert json.loads(line["request"]) == {"rows": [row, row]}


def test_a_log_that_cannot_be_written_fails_no_request(served, row):
    app = create_app(served, settings=ServeSettings(log="requests"))
    broken = io.StringIO()
    broken.close()
    # The traffic of an app is reached through any of its addresses.
    app._addresses["/predict"]._traffic.log = RequestLog("requests", stream=broken)

    assert run(ask(app, body=row)).status == 200


# --- the app inside others --------------------------------------------------------------------------------------------


def test_the_short_way_and_starlettes_way_give_the_same(app, row):
    long_way = Starlette.__call__

    async def through_starlette(scope, receive, send):
        await long_way(app, scope, receive, send)

    for path, body in (("/predict", row), ("/predict", {}), ("/livez", None), ("/schema", None)):
        direct, through = run(ask(app, path, body=body)), run(ask(through_starlette, path, body=body))
        assert direct.status == through.status
        assert set(direct.headers) == set(through.headers)
        if direct.status == 200:
            assert direct.body == through.body


def test_it_answers_below_a_prefix_of_another_app(app, row):
    outer = Starlette(routes=[Mount("/models/churn", app)])

    assert run(ask(outer, "/models/churn/predict", body=row)).body == run(ask(app, body=row)).body
    assert run(ask(outer, "/models/churn/v2/nope")).json()["error"], "the prefix does not hide the family"
    assert run(ask(app, "/predict", body=row, root_path="/behind/proxy")).status == 200
    assert run(ask(outer, "/models/churn/predict", method="GET")).headers["allow"] == "POST"


def test_an_app_that_stood_idle_works_in_another_loop(stubbed, row):
    app, stub = stubbed()

    assert [run(ask(app, body=row)).status for _ in range(3)] == [200, 200, 200]
    assert stub.sizes == [1, 1, 1]


def test_middleware_that_is_added_sees_every_request(app, row):
    seen = []

    class Witness:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            seen.append(scope["path"])
            await self.app(scope, receive, send)

    app.add_middleware(Witness)
    assert run(ask(app, body=row)).status == 200
    assert seen == ["/predict"]


@pytest.mark.parametrize(
    ("cors", "origin", "allowed"),
    [
        ((), "https://shop.example", None),
        (("https://shop.example",), "https://shop.example", "https://shop.example"),
        (("https://shop.example",), "https://other.example", None),
        (("*",), "https://other.example", "*"),
    ],
)
def test_other_origins_may_call_only_where_the_settings_say_so(served, row, cors, origin, allowed):
    app = create_app(served, settings=ServeSettings(cors=cors))
    answer = run(ask(app, body=row, headers={"Origin": origin}))

    assert answer.status == 200
    assert answer.headers.get("access-control-allow-origin") == allowed


def test_an_app_is_made_from_whatever_names_a_model(folder, served, row):
    answers = {
        run(ask(create_app(model), body=row)).body
        for model in (str(folder), folder, open_artifact(folder), served, Service(served))
    }
    assert len(answers) == 1


def test_a_websocket_is_closed(app):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    run(app({"type": "websocket", "path": "/predict", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]


def test_a_compiled_model_is_served_without_scikit_learn_and_its_like(folder, row):
    script = """
import asyncio, json, sys
from mlcli.serving import create_app
app = create_app(sys.argv[1])
async def receive():
    return {"type": "http.request", "body": sys.argv[2].encode(), "more_body": False}
async def send(message):
    assert message.get("status", 200) == 200
scope = {"type": "http", "method": "POST", "path": "/predict", "root_path": "", "query_string": b"", "headers": []}
asyncio.run(app(scope, receive, send))
heavy = "sklearn pandas scipy pyarrow pydantic typer rich ruamel treelite skops prometheus_client".split()
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), json.dumps(row)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )
    assert json.loads(done.stdout) == []


def test_the_runner_measures_what_its_model_takes(served, stubbed):
    quick = Runner(served)
    slow = Runner(dataclasses.replace(served, predictor=Stub(served.predictor, compiled=True, seconds=0.003)))
    fallback = Runner(dataclasses.replace(served, predictor=Stub(served.predictor)))

    assert [runner.quick for runner in (quick, slow, fallback)] == [True, False, False]
    one = served.reader.read_records([served.example])
    assert [runner.fits_loop(one) for runner in (quick, slow, fallback)] == [True, False, False]

"""The short way to an answer: the same bytes as the usual way, and everything that it is not sure of declined."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json

import pytest
import uvicorn
from serving_samples import Stub, ask, run, train_sample

from mlcli.serving import create_app
from mlcli.serving.connections import Connections
from mlcli.serving.pace import Pace
from mlcli.serving.protocol import ModelProtocol, ModelState
from mlcli.serving.served import load_served
from mlcli.serving.settings import ServeSettings
from mlcli.serving.short_way import LONGEST

QUICK = {"row": 150e-6, "base": 20e-6, "each": 25e-6}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return load_served(train_sample(tmp_path_factory.mktemp("short")), settings=ServeSettings())


@pytest.fixture(scope="module")
def row(served):
    return served.example


@pytest.fixture
def stubbed(served):
    """Build an app whose predictor answers as planned, and the predictor."""

    def build(*, options=None, **plan):
        stub = Stub(served.predictor, compiled=True, **plan)
        model = dataclasses.replace(served, predictor=stub, pace=Pace(stub, **QUICK))
        return create_app(model, settings=ServeSettings(**(options or {}))), stub

    return build


def request(body, *, fields=("Content-Type: application/json",), line="POST /predict HTTP/1.1"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = "\r\n".join([line, "Host: here", *fields, f"Content-Length: {len(content)}", "", ""])
    return head.encode() + content


class Listening:
    """An app behind our protocol on a free port, for the length of one loop."""

    def __init__(self, app, *, short=True):
        self.app, self.short = app, short
        self.taken = []

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.state = ModelState()
        self.state.tell(date=b"Sat, 28 Nov 2026 12:00:00 GMT")
        config = uvicorn.Config(self.app, log_config=None, access_log=False, ws="none", http=ModelProtocol)
        config.load()
        way = self.app.short_way if self.short else None
        if way is not None:
            take = way.take
            way.take = lambda *args, **options: self.taken.append(take(*args, **options)) or self.taken[-1]

        def protocol():
            connections = Connections(limit=100)
            return ModelProtocol(config, self.state, {}, loop, connections=connections, short_way=way)

        self.server = await loop.create_server(protocol, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for connection in list(self.state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    async def send(self, *pieces, n_answers=1):
        """Return the heads (dicts with 'status') and bodies of what comes back for pieces of bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with contextlib.closing(writer):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.01 if len(pieces) > 1 else 0)
            return [await read_answer(reader) for _ in range(n_answers)]


async def read_answer(reader):
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    return int(head[0].split()[1]), fields, await reader.readexactly(int(fields["content-length"]))


def ask_both(app, *pieces, **options):
    """Return what comes the short way and the usual way, and whether the short way took it."""

    async def story():
        async with Listening(app) as listening, Listening(app, short=False) as usual:
            return await listening.send(*pieces, **options), await usual.send(*pieces, **options), listening.taken

    return run(story())


def said(answers):
    """Return answers without what differs from one request to the next."""
    return [
        (status, {name: text for name, text in fields.items() if name != "x-request-id"}, body)
        for status, fields, body in answers
    ]


@pytest.mark.parametrize("n_rows", [1, 2, 8, 9, 20])
def test_plain_rows_are_answered_in_the_same_bytes_as_the_usual_way(served, row, n_rows):
    short, usual, taken = ask_both(create_app(served), request({"rows": [row] * n_rows}))

    assert said(short) == said(usual)
    assert short[0][0] == 200
    assert taken == [True]


def test_what_is_unlike_training_is_told_and_counted_in_the_short_way(served, row):
    app = create_app(served)
    odd = {**row, "income": 1e9, "city": "Atlantis"}
    short, usual, taken = ask_both(app, request({"rows": [odd, row]}))

    assert said(short) == said(usual)
    assert taken == [True]
    assert {warning["kind"] for warning in json.loads(short[0][2])["warnings"]} == {"unseen", "out_of_range"}
    text = run(ask(app, "/metrics")).body
    assert b'mlcli_unseen_total{column="city"} 2.0' in text, "one of each way"
    assert b'mlcli_requests_total{method="POST",route="/predict",status="200"} 2.0' in text


def test_rows_of_the_short_way_are_watched_for_drift_as_those_of_the_usual(served, row):
    app = create_app(served)
    _, _, taken = ask_both(app, request({"rows": [row] * 3}))
    watch = app.state.service.runner.watch
    watch.count()

    assert taken == [True]
    assert watch.observed.n_rows == 6


DECLINED = {
    "a bad cell": ({"rows": [{"income": "much"}]}, {}, 422),
    "no JSON": (b"{", {}, 400),
    "no rows": ({"rows": []}, {}, 200),
    "another answer": (None, {"fields": ("Content-Type: application/json", "Accept: text/csv")}, 200),
    "another body": (b"a,b\n1,2\n", {"fields": ("Content-Type: text/csv",)}, 422),
    "a field twice": (None, {"fields": ("Content-Type: application/json", "X-A: 1", "X-A: 2")}, 200),
    "the end of the connection": (None, {"fields": ("Content-Type: application/json", "Connection: close")}, 200),
    "HTTP/1.0": (None, {"line": "POST /predict HTTP/1.0"}, 200),
    "a query": (None, {"line": "POST /predict?probabilities=false HTTP/1.1"}, 200),
    "another path": (None, {"line": "POST /nowhere HTTP/1.1"}, 404),
    "another method": (None, {"line": "PUT /predict HTTP/1.1"}, 405),
    "a long body": (b" " * (LONGEST + 1), {}, 400),
}


@pytest.mark.parametrize("what", DECLINED)
def test_what_is_not_plain_goes_the_usual_way(served, row, what):
    body, options, status = DECLINED[what]
    short, usual, taken = ask_both(create_app(served), request({"rows": [row]} if body is None else body, **options))

    assert said(short)[0][0] == status
    assert [answer[:1] + answer[2:] for answer in said(short) if status < 400] == [
        answer[:1] + answer[2:] for answer in said(usual) if status < 400
    ]
    assert True not in taken


def test_a_request_log_closes_the_short_way(served, row, capsys):
    _, _, taken = ask_both(create_app(served, settings=ServeSettings(log="requests")), request({"rows": [row]}))

    assert taken == []
    assert capsys.readouterr().err.count("/predict") == 2, "a line for each way"


@pytest.mark.parametrize(
    ("token", "status"), [("Bearer secret", 200), ("bearer secret", 200), ("Bearer guess", 401), ("Basic secret", 401)]
)
def test_only_a_request_with_a_token_goes_the_short_way(served, row, token, status):
    app = create_app(served, settings=ServeSettings(tokens=("secret", "other")))
    fields = ("Content-Type: application/json", f"Authorization: {token}")
    short, usual, taken = ask_both(app, request({"rows": [row]}, fields=fields))

    assert (short[0][0], usual[0][0]) == (status, status)
    assert taken == [status == 200]


def test_middleware_closes_the_short_way(served):
    assert create_app(served, settings=ServeSettings(cors=("*",))).short_way is None
    assert create_app(served).short_way is not None


@pytest.mark.parametrize("cut", [1, 20, 60, 120, -1])
def test_a_request_in_pieces_is_answered_as_the_whole(served, row, cut):
    whole = request({"rows": [row]})
    short, usual, _ = ask_both(create_app(served), whole[:cut], whole[cut:])

    assert said(short) == said(usual)
    assert short[0][0] == 200


def test_the_id_that_a_client_gives_comes_back(served, row):
    fields = ("Content-Type: application/json", "X-Request-ID: order-7")
    short, _, taken = ask_both(create_app(served), request({"rows": [row]}, fields=fields))

    assert short[0][1]["x-request-id"] == "order-7"
    assert taken == [True]


def test_requests_in_one_packet_are_answered_in_order(stubbed, row):
    app, _ = stubbed()
    plain = [request({"rows": [{**row, "income": 20 + i}]}) for i in range(3)]
    bad = request(b"{")

    async def story():
        async with Listening(app) as listening:
            return await listening.send(b"".join([plain[0], bad, plain[1], plain[2]]), n_answers=4)

    answers = run(story())
    assert [status for status, _, _ in answers] == [200, 400, 200, 200]
    shares = [json.loads(body)["probabilities"]["yes"] for status, _, body in answers if status == 200]
    assert shares == [[0.2], [0.21], [0.22]]


def test_nonsense_behind_a_request_does_not_take_its_answer_away(served, row):
    async def story():
        async with Listening(create_app(served)) as listening:
            return await listening.send(request({"rows": [row]}) + b"\x00\x01 nonsense\r\n\r\n", n_answers=2)

    assert [status for status, _, _ in run(story())] == [200, 400]


def test_requests_of_several_connections_share_a_batch_and_each_gets_its_own(stubbed, row):
    app, stub = stubbed()

    async def story():
        async with Listening(app) as listening:
            pairs = [await asyncio.open_connection("127.0.0.1", listening.port) for _ in range(8)]
            await asyncio.sleep(0.05)
            for i, (_, writer) in enumerate(pairs):
                writer.write(request({"rows": [{**row, "income": 20 + i}]}))
            answers = [await read_answer(reader) for reader, _ in pairs]
            for _, writer in pairs:
                writer.close()
            return answers

    shares = [json.loads(body)["probabilities"]["yes"][0] for _, _, body in run(story())]
    assert shares == [(20 + i) / 100 for i in range(8)]
    assert sum(stub.sizes) == 8
    assert len(stub.sizes) < 8, "what came in one turn was predicted together"


def test_a_row_that_fails_is_500_alone_and_its_neighbours_are_answered(stubbed, row, caplog):
    app, _ = stubbed(bad=33.0)
    plain = [request({"rows": [{**row, "income": income}]}) for income in (31, 33, 34)]

    async def story():
        async with Listening(app) as listening:
            return await asyncio.gather(*(listening.send(each) for each in plain))

    assert [answers[0][0] for answers in run(story())] == [200, 500, 200]
    assert "planned" in caplog.text


def test_a_server_that_closes_answers_what_it_took_and_ends_the_connection(served, row):
    async def story():
        async with Listening(create_app(served)) as listening:
            reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
            writer.write(request({"rows": [row]}))
            first = await read_answer(reader)
            way = listening.app.short_way
            take = way.take
            way.take = lambda *args, **options: (take(*args, **options), listening.state.close_all())[0]
            writer.write(request({"rows": [row]}))
            second = await read_answer(reader)
            end = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            return first, second, end, listening.taken

    first, second, end, taken = run(story())
    assert (first[0], second[0], end) == (200, 200, b"")
    assert ("connection" in first[1], second[1]["connection"]) == (False, "close")
    assert taken == [True, True]


def test_a_client_that_leaves_before_its_answer_is_counted_as_gone(served, row):
    app = create_app(served)

    class Gone:
        def answered(self, _fields, _body):
            return False

        def declined(self):
            raise AssertionError

    async def story():
        way = app.short_way
        body = json.dumps({"rows": [row]}).encode()
        assert way.take(
            Gone(), b"/predict", [(b"content-type", b"application/json")], body, loop=asyncio.get_running_loop()
        )
        way.flush()

    run(story())
    assert b'mlcli_requests_total{method="POST",route="/predict",status="499"} 1.0' in run(ask(app, "/metrics")).body


def test_beyond_the_queue_the_short_way_declines(stubbed, row):
    app, _ = stubbed(options={"queue": 1})
    body = json.dumps({"rows": [row]}).encode()
    answers = []

    class Asker:
        def answered(self, _fields, body):
            answers.append(body)
            return True

    async def story():
        way = app.short_way
        loop = asyncio.get_running_loop()
        return [way.take(Asker(), b"/predict", [], body, loop=loop) for _ in range(2)], way.flush()

    assert run(story())[0] == [True, False]
    assert len(answers) == 1


def test_a_model_that_is_slow_or_not_compiled_closes_the_short_way(stubbed):
    app, _ = stubbed()
    assert app.short_way.leads_to(b"POST", b"/predict")
    app.state.service.runner.quick = False
    assert not app.short_way.leads_to(b"POST", b"/predict")

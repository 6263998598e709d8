"""The service inside somebody else's application."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from mlcli.config.load import load_config
from mlcli.serving import create_app
from mlcli.training.train import train

PENGUIN = {
    "island": "Biscoe",
    "bill_length_mm": 47.3,
    "bill_depth_mm": 15.3,
    "flipper_length_mm": 222,
    "body_mass_g": 5250,
    "sex": "male",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory, data_dir):
    loaded = load_config(data_dir.parent / "configs" / "penguins.yaml", environ={})
    return train(loaded, output=tmp_path_factory.mktemp("runs")).folder


@pytest.fixture(scope="module")
def row(run):
    from mlcli.artifact.open import open_artifact

    names = open_artifact(run).schema.names
    return {name: PENGUIN.get(name) for name in names}


def ask(app, method, path, **options):
    async def send():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            return await client.request(method, path, **options)

    return asyncio.run(send())


@pytest.fixture(scope="module")
def alone(run, row):
    """What the service says when it is not mounted."""
    return ask(create_app(run), "POST", "/predict", json=row).json()


def inside_fastapi(run):
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/hello")
    def hello():
        return {"hello": "there"}

    app.mount("/model", create_app(run))
    return app


def inside_django(run):
    import django
    from django.conf import settings
    from django.http import JsonResponse
    from django.urls import path
    from starlette.applications import Starlette
    from starlette.routing import Mount

    if not settings.configured:
        settings.configure(SECRET_KEY="test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True)
        django.setup()
    from django.core.asgi import get_asgi_application

    urlpatterns.append(path("hello", lambda _: JsonResponse({"hello": "there"})))
    return Starlette(routes=[Mount("/model", create_app(run)), Mount("/", get_asgi_application())])


urlpatterns = []


@pytest.mark.parametrize("outer", [inside_fastapi, inside_django], ids=["FastAPI", "Django"])
def test_a_mounted_service_answers_as_it_does_alone_and_leaves_the_rest_to_its_host(outer, run, row, alone):
    app = outer(run)

    assert ask(app, "POST", "/model/predict", json=row).json() == alone
    assert ask(app, "GET", "/hello").json() == {"hello": "there"}
    assert ask(app, "GET", "/model/readyz").status_code == 200
    assert ask(app, "GET", "/model/openapi.json").json()["openapi"].startswith("3.1")
    assert ask(app, "GET", "/model/v2/health/ready").status_code == 200
    assert "<html" in ask(app, "GET", "/model/").text
    refused = ask(app, "GET", "/model/predict")
    assert (refused.status_code, refused.json()["status"]) == (405, 405)


def test_a_mounted_service_answers_inside_a_flask_app_through_a_wsgi_adapter(run, row, alone):
    from a2wsgi import ASGIMiddleware
    from flask import Flask
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    from werkzeug.test import Client

    flask = Flask(__name__)
    flask.add_url_rule("/hello", view_func=lambda: {"hello": "there"})
    client = Client(DispatcherMiddleware(flask, {"/model": ASGIMiddleware(create_app(run))}))

    assert client.post("/model/predict", json=row).json == alone
    assert client.get("/hello").json == {"hello": "there"}
    assert client.get("/model/readyz").status_code == 200


def test_the_app_takes_an_opened_artifact_as_well_as_its_place(run, row, alone):
    from mlcli.artifact.open import open_artifact

    assert ask(create_app(open_artifact(run)), "POST", "/predict", json=row).json() == alone
    assert ask(create_app(str(run)), "POST", "/predict", json=row).json() == alone

"""The page works in a browser: form, answers, errors, files, tokens, prefixes, small screens."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from importlib.resources import files
from urllib.request import Request, urlopen

import pytest
import uvicorn
from serving_samples import ask
from starlette.applications import Starlette
from starlette.routing import Mount

from mlcli.config.load import load_config
from mlcli.serving import create_app
from mlcli.serving.page.routes import POLICY, STATIC
from mlcli.serving.settings import ServeSettings
from mlcli.training.train import train

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
browser_only = pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")

ODD = '<img src=x onerror="document.title=1">'
LEVEL = "<b>R&D</b>"
WIDE = 200


def table(n_rows=90):
    """Return a CSV with a column of every kind and some gaps; names and categories hold markup."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(["age", ODD, "member", "since", "note", "left"])
    for i in range(n_rows):
        age = 20 + (i * 7) % 50
        late = "late again" if age > 45 else "all good"
        writer.writerow(
            [
                "" if i % 17 == 5 else age,
                [LEVEL, "Ventes, Paris", "ops"][i % 3],
                "" if i % 19 == 7 else ["yes", "no"][i % 2],
                f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}",
                f"a note of several words about case {i} and it's {late}",
                "no" if age > 45 else "yes",
            ]
        )
    return lines.getvalue()


def trained(folder, text, *, target, columns="{}", model="logistic_regression"):
    (folder / "table.csv").write_text(text, encoding="utf-8")
    config = folder / "demo.yaml"
    config.write_text(
        f"name: demo\noutput: runs\ndata: {{path: table.csv, target: {target}, columns: {columns}}}\n"
        f"model: {{name: {model}}}\nevaluate: {{resamples: 100}}\n",
        encoding="utf-8",
    )
    return train(load_config(config, environ={}), output=folder / "runs").folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    columns = "{note: text, since: date, member: boolean}"
    return trained(tmp_path_factory.mktemp("page"), table(), target="left", columns=columns)


@pytest.fixture(scope="module")
def wide_run(tmp_path_factory):
    names = [f"sensor_{i:03d}" for i in range(WIDE)]
    lines = [",".join([*names, "y"])]
    lines += [
        ",".join(str(row * (i % 16 + 1) % 17 + i / 7) for i in range(WIDE)) + f",{row * 1.5}" for row in range(40)
    ]
    return trained(tmp_path_factory.mktemp("wide"), "\n".join(lines) + "\n", target="y", model="dummy")


@contextmanager
def running(app):
    """Serve an app on a free port of this machine; yield its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def app(run):
    return create_app(run)


@pytest.fixture(scope="module")
def site(app, run, wide_run):
    locked = create_app(run, settings=ServeSettings(tokens=("open sesame",)))
    strict = create_app(run, settings=ServeSettings(unseen="error"))
    mounts = [
        Mount("/wide", create_app(wide_run)),
        Mount("/locked", locked),
        Mount("/strict", strict),
        Mount("/a/b", app),
    ]
    with running(Starlette(routes=[*mounts, Mount("/", app)])) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def visit(chromium, site):
    """Open an address in a fresh browser; at the end nothing may have gone wrong or elsewhere."""
    contexts, logged, asked = [], [], []

    def open_page(path="/", *, wait=".prediction", **options):
        context = chromium.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: logged.append(message.text))
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(site + path)
        page.wait_for_selector(wait)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Chromium itself says of each 4xx answer that it failed to load.
    assert [text for text in logged if "Failed to load resource" not in text] == []
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


def said(site, path, body=None):
    """Return what the service answers to another client, as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(site + path, data=data, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as response:
        return json.load(response)


def predicted(site, row):
    return said(site, "/predict", {"rows": [row]})


def wait_for_recent(page, n_rows):
    page.locator(f"#recent tbody tr:nth-child({n_rows})").wait_for()


def row_in_call(page):
    """Return the row that the page says it sent."""
    text = page.locator('.call[data-kind="curl"] code').text_content()
    return json.loads(text.partition("-d '")[2].removesuffix("'").replace("'\\''", "'"))["rows"][0]


# What the addresses answer


@pytest.mark.parametrize("path", ["/", "/docs", *(f"/static/{name}" for name in STATIC)])
def test_pages_and_files_are_sent_with_a_strict_policy_and_asked_for_again_by_their_tag(app, path):
    response = asyncio.run(ask(app, path))
    assert response.status == 200
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    tag = response.headers["etag"]
    again = asyncio.run(ask(app, path, headers={"if-none-match": f'"other", W/{tag}'}))
    assert (again.status, again.body) == (304, b"")
    assert asyncio.run(ask(app, path, headers={"if-none-match": '"other"'})).status == 200


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY


@pytest.mark.parametrize("name", ["../routes.py", "page.map", "index.html", "%2e%2e%2froutes.py"])
def test_no_other_file_is_sent(app, name):
    response = asyncio.run(ask(app, f"/static/{name}"))
    assert response.status == 404
    assert response.json()["title"] == "Not Found"


def test_the_files_of_the_package_are_the_files_that_are_served():
    there = {file.name for file in files("mlcli.serving.page").joinpath("static").iterdir()}
    assert there == {*STATIC, "index.html", "docs.html"}


@pytest.mark.parametrize("name", [*STATIC, "index.html", "docs.html"])
def test_no_file_names_an_address_elsewhere_or_makes_markup_of_text(name):
    text = files("mlcli.serving.page").joinpath("static", name).read_text(encoding="utf-8")
    assert re.findall(r"(?:https?:)?//[a-z0-9]+\.[a-z]", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text) == []
    assert re.findall(r"<[^>]+\s(?:style|on[a-z]+)=|<style|<script(?![^>]*\ssrc=)", text) == []
    assert re.findall(r"localStorage|sessionStorage|document\.cookie|indexedDB", text) == []
    for target in re.findall(r'(?:href|src)="([^"#]+)"|from "\./([^"]+)"', text):
        wanted = (target[0] or f"static/{target[1]}").removeprefix("static/")
        assert wanted in {*STATIC, "docs", "openapi.json", "./"}


def test_the_model_card_says_what_is_served_and_the_scores_beside_the_dummy(app, run):
    card = asyncio.run(ask(app, "/model")).json()
    assert (card["name"], card["version"], card["task"], card["target"]["classes"]) == (
        "demo", "1", "classification", ["no", "yes"],
    )  # fmt: skip
    accuracy = next(metric for metric in card["metrics"] if metric["name"] == "accuracy")
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["dummy"] is not None
    assert [column["kind"] for column in card["columns"]] == ["number", "category", "boolean", "date", "text"]
    assert set(card["examples"][0]) == {column["name"] for column in card["columns"]}
    compiled = app.state.service.served.predictor.compiled
    assert card["engine"]["compiled"] is compiled
    assert compiled or card["engine"]["reason"]


# What a person sees


@browser_only
def test_the_form_holds_a_real_row_and_shows_what_the_service_says_of_it(visit, site):
    page = visit()
    row = row_in_call(page)
    answer = predicted(site, row)
    assert page.locator(".prediction").text_content() == answer["predictions"][0]
    shares = page.locator(".bars .share").all_text_contents()
    assert [float(share.removesuffix(" %").lstrip("<> ")) for share in shares] == pytest.approx(
        [100 * answer["probabilities"][name][0] for name in ("no", "yes")], abs=0.11
    )
    assert page.locator("#card h1").text_content() == "demo"
    assert page.locator(".field").count() == 5
    assert page.locator("#field-0").input_value() == str(row["age"] or "")


@browser_only
def test_names_and_categories_with_markup_in_them_are_shown_as_text(visit):
    page = visit()
    assert page.locator("main img, main b").count() == 0
    assert page.locator("label[for=field-1]").text_content() == ODD
    assert LEVEL in page.locator("#field-1 option").all_text_contents()
    page.locator("#field-1").select_option(label="another value…")
    page.locator("#field-1-other").fill("<i>new</i>")
    page.keyboard.press("Enter")
    page.wait_for_selector(".unusual")
    assert page.locator("main img, main b, main i").count() == 0
    assert "never saw" in page.locator(".unusual").text_content()
    assert "<i>new</i>" in page.locator("#recent").text_content()
    assert page.title() == "demo · mlcli"


@browser_only
def test_the_docs_page_shows_every_operation_and_no_markup_of_the_models(visit, site):
    page = visit("/docs", wait=".operation")
    document = said(site, "/openapi.json")
    n_operations = sum(len(item) for item in document["paths"].values())
    assert page.locator(".operation").count() == n_operations
    for _ in range(3):
        page.evaluate("document.querySelectorAll('details:not([open])').forEach((one) => { one.open = true; })")
        page.wait_for_timeout(50)
    assert ODD in page.locator("#operations").text_content()
    assert page.locator("main img, main b").count() == 0


@browser_only
def test_a_row_is_changed_and_predicted_by_keyboard_alone(visit, site):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "field-0":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2
    page.keyboard.press("Control+a")
    page.keyboard.type("300")
    page.keyboard.press("Enter")
    page.wait_for_selector(".unusual")
    assert row_in_call(page)["age"] == 300
    assert "outside the training range" in page.locator("#field-0-note").text_content()
    assert page.locator(".prediction").text_content() == predicted(site, row_in_call(page))["predictions"][0]


@browser_only
def test_every_control_has_a_name_and_the_answer_is_announced(visit):
    page = visit()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button")]
          .filter((one) => one.checkVisibility() && !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
          .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    assert page.locator("#answer").get_attribute("aria-live") == "polite"
    assert page.locator("html").get_attribute("lang") == "en"


@browser_only
def test_every_kind_of_cell_may_be_missing(visit, site):
    page = visit()
    page.locator("#example").select_option(label="an empty row")
    page.get_by_role("button", name="Predict", exact=True).click()
    wait_for_recent(page, 2)
    row = row_in_call(page)
    assert set(row.values()) == {None}
    assert page.locator(".prediction").text_content() == predicted(site, row)["predictions"][0]


@browser_only
def test_a_bad_cell_is_explained_beside_its_field(visit):
    page = visit()
    page.locator("#field-0").fill("forty")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.wait_for_selector(".field.bad")
    assert page.locator("#field-0-note").text_content() == "Must be a number"
    assert page.locator("#field-0").get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "field-0"
    assert "422" in page.locator("#answer").text_content()
    page.locator("#field-0").fill("40")
    assert page.locator(".field.bad").count() == 0


@browser_only
def test_an_unseen_category_is_refused_beside_its_field_where_the_service_refuses_it(visit):
    page = visit("/strict/")
    page.locator("#field-1").select_option(label="another value…")
    page.locator("#field-1-other").fill("nowhere")
    page.keyboard.press("Enter")
    page.wait_for_selector(".field.bad")
    assert page.locator("#field-1-note").text_content() != ""


@browser_only
@pytest.mark.parametrize("path", ["/", "/locked/"])
def test_the_calls_that_the_page_shows_can_be_run_as_they_are(visit, path):
    page = visit(path, wait=".prediction" if path == "/" else "#token-text")
    if path != "/":
        page.locator("#token-text").fill("open sesame")
        page.keyboard.press("Enter")
        page.wait_for_selector(".prediction")
    page.locator("#field-4").fill('it\'s "quoted" $HOME `x` \\ é\nsecond line')
    page.get_by_role("button", name="Predict", exact=True).click()
    wait_for_recent(page, 2)
    environment = {"PATH": "/usr/bin:/bin", "TOKEN": "open sesame", "HOME": "/elsewhere"}
    calls = {kind: page.locator(f'.call[data-kind="{kind}"] code').text_content() for kind in ("curl", "Python")}
    assert "sesame" not in calls["curl"] + calls["Python"]
    commands = {"curl": ["bash", "-c", calls["curl"]], "Python": [sys.executable, "-c", calls["Python"]]}
    shown = page.locator(".prediction").text_content()
    for kind, command in commands.items():
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        answer = json.loads(done.stdout) if kind == "curl" else eval(done.stdout)
        assert answer["predictions"] == [shown], kind


@browser_only
def test_a_recent_prediction_is_loaded_back_into_the_form(visit):
    page = visit()
    first = row_in_call(page)
    page.locator("#field-0").fill("61")
    page.keyboard.press("Enter")
    wait_for_recent(page, 2)
    before = "missing" if first["age"] is None else first["age"]
    assert f"age: {before} → 61" in page.locator("#recent tbody tr").first.text_content()
    page.get_by_role("button", name="Load row 1 into the form").click()
    page.locator("#reset").wait_for(state="hidden")
    assert row_in_call(page) == first
    assert page.locator("#field-0").input_value() == str(first["age"] or "")


@browser_only
def test_another_example_row_may_be_chosen(visit, app):
    page = visit()
    page.locator("#example").select_option(label="example row 3")
    wait_for_recent(page, 2)
    example = app.state.service.served.examples[2]
    assert row_in_call(page) == {**example, "since": str(example["since"])[:10]}


@browser_only
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_file_is_scored_and_comes_back_with_the_predictions_behind_its_own_columns(visit, site, tmp_path, separator):
    rows = list(csv.reader(io.StringIO(table(12))))
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([["extra", *rows[0]], *(['a "b"\nc', *row] for row in rows[1:])])
    (tmp_path / "new.csv").write_text(text.getvalue(), encoding="utf-8")
    page = visit()
    page.locator("#upload-file").set_input_files(tmp_path / "new.csv")
    page.get_by_role("button", name="Score the file").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "new-scored.csv"
    scored = list(csv.reader(io.StringIO(download.value.path().read_text(encoding="utf-8")), delimiter=separator))
    assert scored[0] == ["extra", *rows[0], "prediction", "probability_no", "probability_yes"]
    assert [line[1:7] for line in scored[1:]] == rows[1:]
    names = rows[0]
    answer = said(site, "/predict", {"rows": [dict(zip(names, row, strict=True)) for row in rows[1:]]})
    assert [line[7] for line in scored[1:]] == answer["predictions"]
    assert [float(line[8]) for line in scored[1:]] == answer["probabilities"]["no"]


@browser_only
def test_a_bad_file_is_explained_by_row_and_column(visit, tmp_path):
    (tmp_path / "bad.csv").write_text(table(4).replace("\n27,", "\nmany,"), encoding="utf-8")
    page = visit()
    page.get_by_role("button", name="Score the file").click()
    page.wait_for_selector("#upload-answer .refused")
    page.locator("#upload-file").set_input_files(tmp_path / "bad.csv")
    page.get_by_role("button", name="Score the file").click()
    page.wait_for_selector("#upload-answer table")
    assert page.locator("#upload-answer tbody tr").all_inner_texts() == ["2\tage\tmust be a number"]


@browser_only
def test_a_token_is_asked_for_and_kept_in_memory_only(visit):
    page = visit("/locked/", wait="#token-text")
    assert page.locator("#model").is_hidden()
    page.locator("#token-text").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("does not know this token").wait_for()
    page.locator("#token-text").fill("open sesame")
    page.keyboard.press("Enter")
    page.wait_for_selector(".prediction")
    assert page.locator("#token").is_hidden()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    page.reload()
    page.wait_for_selector("#token-text")


@browser_only
@pytest.mark.parametrize("path", ["/a/b/", "/a/b/docs"])
def test_the_page_works_below_a_prefix(visit, path):
    page = visit(path, wait=".operation" if path.endswith("docs") else ".prediction")
    if not path.endswith("docs"):
        assert "/a/b/predict" in page.locator('.call[data-kind="curl"] code').text_content()


@browser_only
@pytest.mark.parametrize("path", ["/", "/docs", "/wide/"])
def test_nothing_is_wider_than_a_phone(visit, path):
    page = visit(path, wait=".operation" if path == "/docs" else ".prediction", viewport={"width": 360, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.querySelector('main')).width").removesuffix("px") <= "360"


@browser_only
def test_a_model_of_many_columns_is_searched_by_name(visit):
    page = visit("/wide/")
    assert page.locator(".field").count() == WIDE
    assert page.locator(".section").count() > 5
    assert page.locator(".field:visible").count() < 40
    page.locator("#search-text").fill("sensor 17")
    assert page.locator(".field:visible").count() == 12
    page.locator("#field-170").fill("abc")
    page.locator("#search-text").fill("sensor_001")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.wait_for_selector(".field.bad")
    assert page.evaluate("document.activeElement.id") == "field-170"


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_measured_as_the_guidelines_say():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") < 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_the_contrast_of_level_aa_in_light_and_dark(scheme):
    style = files("mlcli.serving.page").joinpath("static", "page.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    )
    color = light if scheme == "light" else {**light, **dark}
    texts = [(text, ground) for text in ("ink", "muted", "accent", "bad", "odd") for ground in ("paper", "sheet")]
    texts += [("on-accent", "accent"), ("odd", "odd-wash"), ("ink", "odd-wash"), ("accent", "odd-wash")]
    assert [pair for pair in texts if contrast(color[pair[0]], color[pair[1]]) < 4.5] == []
    assert [ground for ground in ("paper", "sheet") if contrast(color["edge"], color[ground]) < 3] == []


@browser_only
def test_the_dark_scheme_is_dark_and_motion_can_be_turned_off(visit):
    page = visit(color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 26)"
    assert page.evaluate("getComputedStyle(document.querySelector('.fill')).transitionDuration") == "0s"


# Why a row is predicted so


def opened_why(page):
    page.locator("#why > summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#why-told li")


def bars_of(page):
    """Return what the bars say: column, signed size, and the side on which the bar lies."""
    return page.evaluate(
        """() => [...document.querySelectorAll("#why-told li")].map((one) => ({
          name: one.querySelector("button").textContent,
          size: Number(one.querySelector(".size").textContent.replace("−", "-").replace(",", "")),
          width: parseFloat(one.querySelector(".fill").style.width),
          side: one.querySelector(".fill").style.left ? "right" : "left",
        }))"""
    )


@browser_only
def test_why_a_row_is_predicted_so_is_shown_as_signed_bars_largest_first(visit, site):
    page = visit()
    assert page.locator("#why-told").text_content() == ""
    opened_why(page)
    told = said(site, "/predict?explain=true", {"rows": [row_in_call(page)]})["explanations"]
    expected = {name: sizes[0] for name, sizes in told["contributions"].items()}
    bars = bars_of(page)
    assert [bar["name"] for bar in bars] == sorted(expected, key=lambda name: -abs(expected[name]))
    most = max(abs(size) for size in expected.values())
    for bar in bars:
        assert bar["size"] == pytest.approx(expected[bar["name"]], abs=most * 0.006)
        assert bar["width"] == pytest.approx(50 * abs(expected[bar["name"]]) / most, abs=0.01)
        if expected[bar["name"]]:
            assert bar["side"] == ("left" if expected[bar["name"]] < 0 else "right")
    assert page.locator("#why-told p").first.text_content().startswith("The log-odds of ")
    assert page.locator("main img, main b").count() == 0


@browser_only
def test_an_open_explanation_follows_the_next_prediction_and_leads_to_a_columns_field(visit, site):
    page = visit()
    opened_why(page)
    before = page.locator("#why-told").text_content()
    page.locator("#field-0").fill("68")
    page.keyboard.press("Enter")
    page.wait_for_function("(before) => document.querySelector('#why-told').textContent !== before", arg=before)
    told = said(site, "/predict?explain=true", {"rows": [row_in_call(page)]})["explanations"]
    shown = next(bar for bar in bars_of(page) if bar["name"] == "age")
    assert shown["size"] == pytest.approx(told["contributions"]["age"][0], abs=0.05)
    page.locator("#why-told").get_by_role("button", name="age", exact=True).click()
    assert page.evaluate("document.activeElement.id") == "field-0"
    page.locator("#field-0").fill("forty")
    page.keyboard.press("Enter")
    page.locator("#why").wait_for(state="hidden")


@browser_only
def test_a_model_that_says_the_same_of_every_row_says_that_no_column_matters(visit):
    page = visit("/wide/")
    page.locator("#why > summary").click()
    page.wait_for_selector("#why-told p")
    assert "No column" in page.locator("#why-told").text_content()


@browser_only
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_explanation_fits_a_small_screen(visit, scheme):
    page = visit(viewport={"width": 360, "height": 640}, color_scheme=scheme)
    opened_why(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360

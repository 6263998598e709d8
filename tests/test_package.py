"""`mlcli package`: the steps of the Dockerfile are run, and what they install serves."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from cli_samples import desk, trained_run
from ruamel.yaml import YAML
from serve_samples import serving, until

import mlcli
from mlcli.cli.boundary import run
from mlcli.serving.launch import ONE_THREAD, read_launch
from mlcli.serving.package import image_name, write_package
from mlcli.serving.settings import ServeSettings

FILES = {".dockerignore", "Dockerfile", "k8s.yaml", "model.mlcli", "requirements.txt", "settings.json"}
WHEEL = f"mlcli-{mlcli.__version__}-py3-none-any.whl"
HEAVY = {"scikit-learn", "pandas", "scipy", "pyarrow", "pydantic", "typer", "rich", "ruamel-yaml", "skops", "joblib"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return desk(folder, trained=trained_run(folder))


@pytest.fixture(scope="module")
def packed(trained):
    """A container context of a compiled model."""
    folder = trained.folder / "packed"
    assert run(["package", "--artifact", str(trained.trained), "--output", str(folder), "--quiet"]) == 0
    return folder


def instructions(packed):
    """Return the instructions of a Dockerfile with their arguments, in order."""
    lines = (packed / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [line.split(" ", 1) for line in lines if line.strip() and not line.startswith("#")]


def words_of(argument):
    """Return the words of an instruction in exec form; anything else would start a shell."""
    return json.loads(argument[argument.index("[") :])


def test_the_folder_holds_what_an_image_needs_and_nothing_else(packed):
    assert {path.name for path in packed.iterdir()} == FILES | {WHEEL}
    sent = {line[1:] for line in (packed / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for step, words in instructions(packed) if step == "COPY" for name in words.split()[:-1]}
    assert sent == copied


def test_the_image_runs_as_nobody_in_exec_form(packed):
    steps = dict(instructions(packed))

    assert steps["USER"] == "10001:10001"
    assert steps["EXPOSE"] == "8000"
    assert words_of(steps["CMD"])[:4] == ["python", "-P", "-m", "mlcli.serving"]
    assert words_of(steps["RUN"])[:4] == ["python", "-m", "pip", "install"]
    assert words_of(steps["HEALTHCHECK"])[:3] == ["python", "-I", "-c"]
    assert steps["ARG"] == f"PYTHON={sys.version_info.major}.{sys.version_info.minor}"
    assert steps["FROM"] == "python:${PYTHON}-slim"


def test_every_requirement_is_pinned_and_a_compiled_model_needs_no_heavy_one(packed):
    pins = (packed / "requirements.txt").read_text().splitlines()

    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+!]+", pin) for pin in pins)
    names = {pin.split("==")[0] for pin in pins}
    assert names >= {"numpy", "msgspec", "starlette", "uvicorn", "uvloop", "httptools", "anyio", "h11"}
    assert names & HEAVY == set()
    for pin in pins:
        name, version = pin.split("==")
        assert distribution(name).version == version


def test_a_model_that_scikit_learn_serves_takes_it_along(trained, tmp_path, monkeypatch):
    from mlcli.serving import served as room

    whole = room.load_served

    def fallback(path, *, settings):
        found = whole(path, settings=settings)
        object.__setattr__(found.predictor, "compiled", False)
        return found

    monkeypatch.setattr(room, "load_served", fallback)
    package = write_package(trained.trained, tmp_path / "c", settings=ServeSettings())

    assert not package.compiled
    names = {line.split("==")[0] for line in (tmp_path / "c" / "requirements.txt").read_text().splitlines()}
    assert names >= {"scikit-learn", "pandas", "skops", "joblib", "scipy"}


def repacked(name, folder):
    """Write an installed distribution as the wheel that it came from, for an installer without a network."""
    found = distribution(name)
    information = next(file.parts[0] for file in found.files if file.parts[0].endswith(".dist-info"))
    tags = [tag.split("-") for tag in re.findall(r"^Tag: (\S+)$", found.read_text("WHEEL"), re.MULTILINE)]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    files = [
        file
        for file in found.files
        if file.parts[0] != ".." and "__pycache__" not in file.parts and file.name not in {"RECORD", "INSTALLER"}
    ]
    record = io.StringIO()
    csv.writer(record).writerows([str(file), "", ""] for file in [*files, f"{information}/RECORD"])
    place = folder / f"{information.removesuffix('.dist-info')}-{tag}.whl"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(found.locate_file(file), str(file))
        archive.writestr(f"{information}/RECORD", record.getvalue())
    return place


class Image:
    """What a Dockerfile makes, in a folder: its root, its Python, its environment."""

    def __init__(self, packed, folder):
        self.root = folder / "root"
        self.packed = packed
        self.python = folder / "venv" / "bin" / "python"
        # pip itself is the host's: an image has one, a bare environment is made sooner.
        (folder / "pip").mkdir()
        (folder / "pip" / "pip").symlink_to(Path(distribution("pip").locate_file("pip")))
        venv.create(folder / "venv", with_pip=False)
        self.index = folder / "index"
        self.index.mkdir()
        for pin in (packed / "requirements.txt").read_text().splitlines():
            repacked(pin.split("==")[0], self.index)
        self.environment = {"PATH": os.environ["PATH"]}
        self.pip = {"PYTHONPATH": str(folder / "pip"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
        self.command = []

    def build(self):
        here = self.root
        for step, argument in instructions(self.packed):
            if step == "WORKDIR":
                here = self.root / argument.lstrip("/")
                here.mkdir(parents=True)
            elif step == "COPY":
                for name in argument.split()[:-1]:
                    (here / name).write_bytes((self.packed / name).read_bytes())
            elif step == "RUN":
                self.run(words_of(argument), here, self.pip)
            elif step == "ENV":
                self.environment.update(word.split("=", 1) for word in argument.split())
            elif step == "CMD":
                self.command = words_of(argument)
            else:
                assert step in {"ARG", "FROM", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}, step
        return self

    def words(self, words):
        places = [str(self.root) + word if word.startswith("/app/") else word for word in words]
        return [str(self.python), *places[1:]]

    def run(self, words, here, more=()):
        done = subprocess.run(
            self.words(words), cwd=here, env={**self.environment, **dict(more)}, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def image(packed, tmp_path_factory):
    return Image(packed, tmp_path_factory.mktemp("image")).build()


def test_the_steps_of_the_dockerfile_make_an_image_that_answers(image, tmp_path):
    """In an environment that holds the pinned distributions alone."""
    at = image.command.index("--port")
    command = image.words([*image.command[:at], *image.command[at + 2 :]])
    check = words_of(dict(instructions(image.packed))["HEALTHCHECK"])
    # Here 0.0.0.0 would be open to the neighbours of this machine.
    command[command.index("0.0.0.0")] = "127.0.0.1"
    with serving(tmp_path, command=command, env=image.environment) as running:
        assert running.ask("/readyz", None)[0] == 200
        assert running.ask()[2]["predictions"] == ["no"]
        image.run([word.replace("8000", str(running.port)) for word in check], tmp_path)
        with pytest.raises(AssertionError):
            image.run([word.replace("8000", "1") for word in check], tmp_path)
        running.process.terminate()
        until(lambda: running.ask("/readyz", None)[0] == 503)
        assert running.stop() == 0, "told a second time it does not wait for the cluster"


def test_the_image_holds_the_code_that_proved_the_model(image):
    installed = next((image.root.parent / "venv").glob("lib/*/site-packages/mlcli"))
    here = Path(mlcli.__file__).parent
    names = {path.relative_to(here) for path in here.rglob("*.*") if "__pycache__" not in path.parts}

    assert {path.relative_to(installed) for path in installed.rglob("*.*") if "__pycache__" not in path.parts} == names
    assert all((installed / name).read_bytes() == (here / name).read_bytes() for name in names)


def test_the_wheel_states_the_digest_of_every_file(packed):
    with zipfile.ZipFile(packed / WHEEL) as archive:
        rows = list(csv.reader(io.TextIOWrapper(archive.open(f"mlcli-{mlcli.__version__}.dist-info/RECORD"))))
        assert {row[0] for row in rows} == set(archive.namelist())
        for name, digest, size in rows[:-1]:
            content = archive.read(name)
            stated = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={stated}", len(content))


def documents(packed):
    return {document["kind"]: document for document in YAML(typ="safe").load_all(packed / "k8s.yaml")}


def test_the_manifest_probes_bounds_and_confines_the_container(packed):
    found = documents(packed)
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert set(found) == {"Deployment", "Service", "NetworkPolicy"}
    paths = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]) == {"requests", "limits"}
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert found["NetworkPolicy"]["spec"]["egress"] == []


def test_every_selector_of_the_manifest_means_the_pods_of_the_deployment(packed):
    found = documents(packed)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]

    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert {document["metadata"]["name"] for document in found.values()} == {"mlcli-demo"}


@pytest.mark.parametrize(("drain_delay", "expected"), [(0.0, 5.0), (20.0, 20.0)], ids=["left out", "stated"])
def test_a_container_has_the_time_to_drain_that_its_settings_promise(trained, tmp_path, drain_delay, expected):
    settings = ServeSettings(drain_delay=drain_delay, deadline=7.5)
    write_package(trained.trained, tmp_path / "c", settings=settings)

    launch, _ = read_launch(["--artifact", "x", "--settings", str(tmp_path / "c" / "settings.json")])
    grace = documents(tmp_path / "c")["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert launch.settings.drain_delay == expected
    assert expected + 7.5 < grace <= expected + 7.5 + 11


def test_tokens_come_from_a_mounted_secret(trained, tmp_path):
    words = ["--artifact", str(trained.trained), "--output", str(tmp_path / "c"), "--tokens", "--quiet"]
    assert run(["package", *words]) == 0

    pod = documents(tmp_path / "c")["Deployment"]["spec"]["template"]["spec"]
    command = words_of(dict(instructions(tmp_path / "c"))["CMD"])
    place = command[command.index("--token-file") + 1]
    mount = next(mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == "tokens")
    assert Path(place).parent == Path(mount["mountPath"])
    assert mount["readOnly"] is True
    assert "--insecure" not in command
    assert {"name": "tokens", "secret": {"secretName": "mlcli-demo"}} in pod["volumes"]


def test_no_text_of_the_config_stands_in_the_dockerfile_or_the_manifest(trained, tmp_path):
    settings = ServeSettings(cors=("https://evil.example\nRUN rm -rf /",))
    write_package(trained.trained, tmp_path / "c", settings=settings)

    for name in ("Dockerfile", "k8s.yaml", "requirements.txt", ".dockerignore"):
        assert "evil" not in (tmp_path / "c" / name).read_text()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("demo", "demo"),
        ("Credit risk 2.0", "credit-risk-2-0"),
        ("信用", "model"),
        ("--a\nRUN b--", "a-run-b"),
        ("x" * 99, "x" * 40),
    ],
    ids=["plain", "spaces", "Chinese", "lines", "long"],
)
def test_a_name_is_reduced_to_what_registries_take(text, name):
    assert image_name(text) == name


def test_an_existing_folder_is_left_as_it_is(trained, tmp_path, capsys):
    (tmp_path / "mine").write_text("here")

    assert run(["package", "--artifact", str(trained.trained), "--output", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert "exists already" in capsys.readouterr().err


def test_a_model_that_does_not_hold_is_not_packaged(trained, tmp_path, capsys):
    model = tmp_path / "model.mlcli"
    model.write_bytes((trained.trained / "model.mlcli").read_bytes()[:-7])

    assert run(["package", "--artifact", str(model), "--output", str(tmp_path / "c")]) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["model.mlcli"]
    assert "hint: " in capsys.readouterr().err


def test_the_image_computes_with_one_thread(packed):
    stated = dict(word.split("=", 1) for step, words in instructions(packed) if step == "ENV" for word in words.split())

    assert {name: stated[name] for name in stated if name in ONE_THREAD} == {
        name: ONE_THREAD[name] for name in stated if name in ONE_THREAD
    }
    assert "OMP_NUM_THREADS" in stated

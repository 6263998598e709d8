"""Writing, opening and verifying a ``.mlcli`` file."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from artifact_samples import (
    CREATED,
    classifiers,
    fitted,
    forge,
    pack,
    sample_parts,
    save,
    small_pipeline,
    table,
    unpack,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.artifact.manifest import ESTIMATOR, FORMAT_VERSION, MANIFEST, MEMBERS, MetricSummary, members_digest
from mlcli.artifact.open import load_pipeline, open_artifact, verify
from mlcli.artifact.write import write_artifact
from mlcli.errors import ArtifactError, OutputError

STORED = Path(__file__).parent / "artifacts"


@pytest.fixture(scope="module")
def pipeline():
    return small_pipeline()


@pytest.fixture(scope="module")
def whole(pipeline, tmp_path_factory):
    """The bytes of one artifact."""
    path = tmp_path_factory.mktemp("whole") / "model.mlcli"
    write_artifact(path, sample_parts(pipeline), created=CREATED)
    return path.read_bytes()


def use(path):
    """Open an artifact and build its pipeline: all of its bytes are used."""
    return load_pipeline(open_artifact(path, check_estimator=False))


def test_an_opened_artifact_is_the_written_one(pipeline, tmp_path):
    parts = sample_parts(pipeline)
    manifest = write_artifact(tmp_path / "model.mlcli", parts, created=CREATED)
    artifact = open_artifact(tmp_path)
    assert artifact.manifest == manifest
    assert artifact.config_text == parts.config_text
    assert artifact.schema == parts.schema
    assert (artifact.metrics, artifact.baseline) == (parts.metrics, parts.baseline)
    assert (artifact.golden, artifact.provenance) == (parts.golden, parts.provenance)
    assert artifact.path == tmp_path / "model.mlcli"
    assert open_artifact(artifact.path) == artifact


def test_the_manifest_says_where_the_model_came_from(pipeline, tmp_path):
    manifest = write_artifact(tmp_path / "model.mlcli", sample_parts(pipeline), created=CREATED)
    assert manifest.format_version == FORMAT_VERSION
    assert (manifest.name, manifest.task, manifest.model) == ("sample", "classification", "decision_tree")
    assert (manifest.n_train, manifest.n_test) == (96, 24)
    assert manifest.created == "2026-01-02T03:04:05+00:00"
    assert manifest.metrics == {"accuracy": MetricSummary(0.9, 0.8, 1.0, 0.5)}
    assert {"python", "scikit-learn", "numpy", "pandas", "skops"} <= manifest.versions.keys()
    assert tuple(manifest.members) == MEMBERS
    assert manifest.digest == members_digest(manifest.members)


@pytest.mark.parametrize("name", ["logistic_regression", "decision_tree", "random_forest", "gradient_boosting"])
def test_a_loaded_pipeline_predicts_what_the_written_one_did(name, tmp_path):
    pipeline = fitted(classifiers()[name]())
    write_artifact(tmp_path / "model.mlcli", sample_parts(pipeline, model=name), created=CREATED)
    np.testing.assert_array_equal(use(tmp_path).predict_proba(table()), pipeline.predict_proba(table()))


def test_the_same_parts_give_the_same_file(pipeline, whole, tmp_path):
    write_artifact(
        tmp_path / "other.mlcli",
        sample_parts(small_pipeline()),
        created=CREATED.astimezone(timezone(timedelta(hours=9))),
    )
    assert (tmp_path / "other.mlcli").read_bytes() == whole


def test_the_time_of_training_is_not_part_of_the_digest(pipeline, whole, tmp_path):
    later = write_artifact(tmp_path / "model.mlcli", sample_parts(pipeline), created=datetime(2027, 1, 1, tzinfo=UTC))
    first = open_artifact(save(tmp_path, whole)).manifest
    assert later.digest == first.digest
    assert later.created != first.created


@pytest.mark.parametrize("change", [{"config_text": "a: 2\n"}, {"metrics": b'{"metrics": []}'}, {"golden": b"[]"}])
def test_anything_else_is_part_of_the_digest(change, pipeline, whole, tmp_path):
    other = write_artifact(tmp_path / "other.mlcli", replace(sample_parts(pipeline), **change), created=CREATED)
    assert other.digest != open_artifact(save(tmp_path, whole)).manifest.digest


def test_a_time_without_a_zone_is_a_bug_of_the_caller(pipeline, tmp_path):
    with pytest.raises(ValueError, match="time zone"):
        write_artifact(tmp_path / "m.mlcli", sample_parts(pipeline), created=datetime(2026, 1, 1))  # noqa: DTZ001 -- that is the test
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_output_error(pipeline, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_artifact(tmp_path / "file" / "model.mlcli", sample_parts(pipeline), created=CREATED)


def test_opening_imports_no_heavy_library(whole, tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from mlcli.artifact.open import open_artifact, verify
        open_artifact(Path(sys.argv[1])), verify(Path(sys.argv[1]))
        heavy = {"sklearn", "pandas", "skops", "numpy", "scipy", "pyarrow", "pydantic"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
        """
    )
    subprocess.run([sys.executable, "-c", script, str(save(tmp_path, whole))], check=True)


def test_any_unzip_tool_shows_what_is_inside(whole, tmp_path):
    with zipfile.ZipFile(save(tmp_path, whole)) as archive:
        assert archive.namelist() == [MANIFEST, *MEMBERS]
        assert json.loads(archive.read(MANIFEST))["name"] == "sample"


def test_a_prefix_of_an_artifact_is_refused(whole, tmp_path):
    lengths = [*range(0, 400, 7), *range(400, len(whole) - 400, 397), *range(len(whole) - 400, len(whole), 3)]
    for length in lengths:
        with pytest.raises(ArtifactError):
            open_artifact(save(tmp_path, whole[:length]), check_estimator=False)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_always_noticed(data, whole, tmp_path_factory):
    """Every change is refused when the file is opened, and as an ArtifactError."""
    changed = bytearray(whole)
    positions = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4, unique=True))
    for position in positions:
        changed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ArtifactError) as caught:
        open_artifact(save(tmp_path_factory.mktemp("changed"), bytes(changed)))
    assert caught.value.hint


@pytest.mark.parametrize("name", MEMBERS)
def test_a_member_that_does_not_match_its_digest_is_named(name, whole, tmp_path):
    """An altered member with a right checksum: only the digest tells."""
    contents = unpack(whole)
    altered = contents[name][:-1] + bytes([contents[name][-1] ^ 1])
    path = save(tmp_path, pack(contents | {name: altered}))
    with pytest.raises(ArtifactError, match=re.escape(name)):
        open_artifact(path)
    assert [check.name for check in verify(path) if not check.ok] == [name]


def test_every_member_of_a_whole_artifact_verifies(whole, tmp_path):
    checks = verify(save(tmp_path, whole))
    assert [check.name for check in checks] == list(MEMBERS)
    assert all(check.ok and check.sha256 == check.stated for check in checks)
    assert {check.name: check.size for check in checks} == {
        n: len(c) for n, c in unpack(whole).items() if n != MANIFEST
    }


def test_an_estimator_swapped_after_opening_is_noticed(whole, tmp_path):
    artifact = open_artifact(save(tmp_path, whole))
    contents = unpack(whole)
    save(tmp_path, pack(contents | {ESTIMATOR: contents[ESTIMATOR][:-1] + b"\1"}))
    with pytest.raises(ArtifactError, match=ESTIMATOR):
        load_pipeline(artifact)


def refused(content, tmp_path):
    with pytest.raises(ArtifactError) as caught:
        use(save(tmp_path, content))
    assert str(tmp_path) in caught.value.message
    return caught.value


def test_a_newer_format_asks_for_a_newer_mlcli(whole, tmp_path):
    error = refused(forge(whole, format_version=FORMAT_VERSION + 1), tmp_path)
    assert f"Got {FORMAT_VERSION + 1}" in error.message
    assert "pip install --upgrade mlcli" in error.hint


def test_a_newer_format_may_hold_anything_else(whole, tmp_path):
    newer = pack({MANIFEST: b'{"format_version": 9, "unheard": "of"}', "program.bin": b""})
    assert "Upgrade" in refused(newer, tmp_path).hint


def without(content, name):
    return pack({key: data for key, data in unpack(content).items() if key != name})


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda whole: without(whole, MANIFEST), id="no manifest"),
        pytest.param(lambda whole: without(whole, ESTIMATOR), id="a member missing"),
        pytest.param(lambda whole: pack(unpack(whole) | {"evil.pkl": b"\x80\x04."}), id="a member more"),
        pytest.param(lambda whole: forge(whole, members={"evil.pkl": b"\x80\x04."}), id="a member more, and listed"),
        pytest.param(lambda whole: forge(whole, members={"../evil": b"x"}), id="a name that climbs"),
        pytest.param(lambda whole: forge(whole, members={"/etc/passwd": b"x"}), id="an absolute name"),
        pytest.param(lambda whole: pack(dict(reversed(unpack(whole).items()))), id="another order"),
        pytest.param(lambda whole: forge(whole, digest="0" * 64), id="another digest"),
        pytest.param(lambda whole: forge(whole, config_digest="0" * 64), id="another config digest"),
        pytest.param(lambda whole: forge(whole, format_version=0), id="version 0"),
        pytest.param(lambda whole: forge(whole, members={"schema.json": b"{}"}), id="no data contract"),
        pytest.param(lambda whole: forge(whole, members={"schema.json": b"[" * 100_000}), id="a deep data contract"),
        pytest.param(lambda whole: forge(whole, members={"config.yaml": b"\xff\xfe"}), id="a config that is no text"),
        pytest.param(lambda whole: pack(unpack(whole) | {MANIFEST: b"[]"}), id="a manifest of another shape"),
        pytest.param(lambda whole: pack(unpack(whole) | {MANIFEST: b"{" * 50_000}), id="a manifest that is no JSON"),
        pytest.param(lambda whole: pack(unpack(whole) | {MANIFEST: b" " * (5 << 20)}), id="a manifest too long"),
        pytest.param(lambda whole: forge(whole, members={ESTIMATOR: b"\x80\x04\x95."}), id="a pickle as the estimator"),
        pytest.param(lambda whole: forge(whole, model="unheard_of"), id="a model that is not in the catalogue"),
    ],
)
def test_a_foreign_or_forged_artifact_is_refused(change, whole, tmp_path):
    assert refused(change(whole), tmp_path).hint


def test_a_list_of_trusted_types_in_the_artifact_is_not_read(whole, tmp_path):
    """A manifest may carry fields of its own; they trust nothing."""
    contents = unpack(whole)
    manifest = json.loads(contents[MANIFEST]) | {"trusted": ["posix.system"], "trusted_types": ["posix.system"]}
    save(tmp_path, pack(contents | {MANIFEST: json.dumps(manifest).encode()}))
    assert not hasattr(open_artifact(tmp_path).manifest, "trusted")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x80\x04\x8c\x02os.", b"PAR1" + bytes(100), bytes(22)])
def test_a_file_of_another_sort_is_refused(content, tmp_path):
    assert "must be a file that `mlcli train` wrote" in refused(content, tmp_path).message


def test_a_pipe_does_not_make_it_wait(tmp_path):
    os.mkfifo(tmp_path / "model.mlcli")
    with pytest.raises(ArtifactError, match="regular file"):
        open_artifact(tmp_path / "model.mlcli")


def test_another_version_of_a_library_is_a_warning_not_an_error(whole, tmp_path, caplog):
    versions = open_artifact(save(tmp_path, whole)).manifest.versions | {"scikit-learn": "1.2.3", "numpy": "0.0.1"}
    assert use(save(tmp_path, forge(whole, versions=versions))).predict(table()).shape == (120,)
    (record,) = [record for record in caplog.records if record.name.startswith("mlcli.artifact")]
    assert "scikit-learn 1.2.3" in record.getMessage()


def test_a_pipeline_of_another_scikit_learn_is_not_a_raw_warning(whole, tmp_path):
    """scikit-learn warns once for each estimator; warnings are errors in this test."""
    contents = unpack(whole)
    inner = unpack(contents[ESTIMATOR])
    from sklearn import __version__

    older = {
        name: data.replace(json.dumps(json.dumps(__version__)).encode(), rb'"\"1.2.3\""')
        for name, data in inner.items()
    }
    assert older != inner
    assert use(save(tmp_path, forge(whole, members={ESTIMATOR: pack(older)}))).predict(table()).shape == (120,)


def test_killing_the_writer_leaves_the_earlier_artifact(whole, tmp_path):
    """kill -9 in the middle of a write: the old file is whole, and the next write clears up."""
    path = save(tmp_path, whole)
    script = textwrap.dedent(
        """
        import sys, time
        sys.path.insert(0, sys.argv[1])
        from pathlib import Path
        from artifact_samples import CREATED, sample_parts
        from mlcli.artifact import write

        def write_half(file, members):
            file.write(b"PK half a file")
            file.flush()
            print("writing", flush=True)
            time.sleep(60)

        write.canonical_dump = lambda pipeline: b"an estimator"
        write.write_archive = write_half
        write.write_artifact(Path(sys.argv[2]), sample_parts(None), created=CREATED)
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout.readline() == "writing\n"
        writer.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 2
    assert path.read_bytes() == whole
    write_artifact(path, sample_parts(small_pipeline()), created=CREATED)
    assert [place.name for place in tmp_path.iterdir()] == ["model.mlcli"]


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_every_format_version_stays_readable(version):
    artifact = open_artifact(STORED / f"format-{version}.mlcli")
    assert artifact.manifest.format_version == version
    assert artifact.schema.names
    assert all(check.ok for check in verify(artifact.path))


def test_forging_nothing_gives_a_good_artifact(whole, tmp_path):
    """The forged ones above are refused for what was changed in them, and for nothing else."""
    assert use(save(tmp_path, forge(whole))).predict(table()).shape == (120,)

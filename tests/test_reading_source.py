import gzip
import hashlib
from pathlib import Path

import pytest

from mlcli.config.sections import DataConfig
from mlcli.data.reading import read_table
from mlcli.data.source import FORMATS, fingerprint, hide_password, resolve_source, source_from_path
from mlcli.errors import ConfigError, DataError


def config(path, **settings):
    return DataConfig(path=path, target="y", **settings)


@pytest.fixture
def folder(tmp_path):
    for name in ("train.csv", "b.csv", "a.csv", ".hidden.csv", "sub/c.csv", "table.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x,y\n1,2\n")
    return tmp_path


@pytest.mark.parametrize("ending", FORMATS)
def test_every_known_ending_tells_its_format_in_any_case(ending, tmp_path):
    for name in (f"t{ending}", f"T.x{ending.upper()}"):
        (tmp_path / name).touch()
        assert resolve_source(config(name), base=tmp_path).format == FORMATS[ending]


@pytest.mark.parametrize("ending", FORMATS)
def test_text_files_may_be_packed_and_others_not(ending, tmp_path):
    (tmp_path / f"t{ending}.gz").touch()
    if FORMATS[ending] in {"csv", "tsv", "jsonl"}:
        assert resolve_source(config(f"t{ending}.gz"), base=tmp_path).format == FORMATS[ending]
    else:
        with pytest.raises(ConfigError, match="ending tells the format"):
            resolve_source(config(f"t{ending}.gz"), base=tmp_path)


@pytest.mark.parametrize("name", ["data", "t.foo", "t.gz", "t.csv.zip"])
def test_a_name_that_tells_no_format_needs_the_config_to(name, tmp_path):
    (tmp_path / name).write_text("x\n1\n")
    with pytest.raises(ConfigError, match="ending tells the format") as caught:
        resolve_source(config(name), base=tmp_path)
    assert "data.format" in caught.value.hint
    source = resolve_source(config(name, format="csv"), base=tmp_path)
    assert source.format == "csv"


def test_the_config_is_stronger_than_the_name(tmp_path):
    (tmp_path / "t.csv").touch()
    assert resolve_source(config("t.csv", format="jsonl"), base=tmp_path).format == "jsonl"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("train.csv", ["train.csv"]),
        ("*.csv", ["a.csv", "b.csv", "train.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "sub/c.csv", "train.csv"]),
        (("train.csv", "a.csv"), ["train.csv", "a.csv"]),
        (("sub/*.csv", "b.csv"), ["sub/c.csv", "b.csv"]),
    ],
    ids=str,
)
def test_paths_and_globs_are_found_from_the_config_files_folder(path, names, folder):
    source = resolve_source(config(path), base=folder)
    assert list(source.names) == names
    assert list(source.paths) == [folder / name for name in names]
    assert source.label == (path if isinstance(path, str) else ", ".join(path))


def test_a_folder_whose_own_name_looks_like_a_glob_is_no_trap(tmp_path):
    (tmp_path / "[1]*").mkdir()
    (tmp_path / "[1]*" / "a.csv").touch()
    (tmp_path / "[1]*" / "b[2].csv").touch()
    assert resolve_source(config("*.csv"), base=tmp_path / "[1]*").names == ("a.csv", "b[2].csv")
    assert resolve_source(config("b[2].csv"), base=tmp_path / "[1]*").names == ("b[2].csv",)


def test_an_absolute_path_stays_what_it_is(folder):
    source = resolve_source(config(str(folder / "*.csv")), base=Path("/"))
    assert source.paths == (folder / "a.csv", folder / "b.csv", folder / "train.csv")


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("trian.csv", "trian.csv must exist. Got nothing at {0}/trian.csv.", "Did you mean 'train.csv'?"),
        (
            "nothing-alike.json",
            "Got nothing at {0}/nothing-alike.json.",
            "{0} holds: a.csv, b.csv, sub, table.parquet, train.csv.",
        ),
        ("subs/c.csv", "there is no folder {0}/subs", "Did you mean 'sub'?"),
        ("sub", "sub must be a file. Got a folder.", "sub/*.csv"),
        (".", ". must be a file. Got a folder.", "glob"),
        ("*.jsonl", "*.jsonl must match at least one file. Got none, looking for {0}/*.jsonl.", "pattern"),
        ("", "Got an empty text", "path"),
    ],
)
def test_a_file_that_is_not_there_is_named_with_the_place_tried(path, message, hint, folder):
    with pytest.raises(DataError) as caught:
        resolve_source(config(path), base=folder)
    assert message.format(folder) in str(caught.value)
    assert hint.format(folder) in caught.value.hint


def test_files_of_two_formats_are_refused(folder):
    with pytest.raises(ConfigError, match=r"one format\. Got: csv, parquet"):
        resolve_source(config(("a.csv", "table.parquet")), base=folder)


class TestCommandLine:
    def test_a_path_starts_from_the_working_folder(self, folder, monkeypatch):
        monkeypatch.chdir(folder)
        assert source_from_path("a.csv").paths == (folder / "a.csv",)
        assert source_from_path("a.csv").label == "a.csv"
        assert source_from_path("?.csv").names == ("a.csv", "b.csv")

    def test_settings_of_the_training_data_hold(self, folder):
        like = config("train.csv", encoding="gb18030", separator=";", sheet="S")
        source = source_from_path(str(folder / "a.csv"), like=like)
        assert (source.encoding, source.separator, source.sheet) == ("gb18030", ";", "S")

    def test_the_separator_of_csv_files_is_not_that_of_others(self, folder):
        (folder / "t.tsv").touch()
        assert source_from_path(str(folder / "t.tsv"), like=config("train.csv", separator=";")).separator is None

    def test_the_name_is_stronger_than_the_training_format_and_the_option_than_the_name(self, folder):
        like = config("train.csv", format="jsonl")
        (folder / "plain").touch()
        assert source_from_path(str(folder / "a.csv"), like=like).format == "csv"
        assert source_from_path(str(folder / "plain"), like=like).format == "jsonl"
        assert source_from_path(str(folder / "a.csv"), like=like, format="tsv").format == "tsv"

    def test_a_dash_is_standard_input(self):
        assert source_from_path("-").stdin
        assert source_from_path("-").format == "csv"
        assert source_from_path("-", like=config("t", format="jsonl")).format == "jsonl"
        assert source_from_path("-", format="parquet").format == "parquet"
        assert source_from_path("-").label == "standard input"


class TestFingerprint:
    def test_of_one_file_it_is_its_sha256(self, folder):
        source = resolve_source(config("a.csv"), base=folder)
        assert fingerprint(source) == hashlib.sha256(b"x,y\n1,2\n").hexdigest()

    def test_of_several_files_it_follows_content_order_and_borders_but_not_names(self, folder):
        def of(*contents, names="abc"):
            for name, content in zip(names, contents, strict=False):
                (folder / f"f{name}.csv").write_text(content)
            return fingerprint(
                resolve_source(
                    config(tuple(f"f{name}.csv" for name, _ in zip(names, contents, strict=False))), base=folder
                )
            )

        assert of("x\n1\n", "x\n2\n") == of("x\n1\n", "x\n2\n", names="pq")
        different = {of("x\n1\n", "x\n2\n"), of("x\n2\n", "x\n1\n"), of("x\n1\nx\n", "2\n"), of("x\n1\nx\n2\n")}
        assert len(different) == 4

    def test_standard_input_has_none(self):
        with pytest.raises(DataError, match="no fingerprint"):
            fingerprint(source_from_path("-"))

    def test_a_file_that_went_away_is_said(self, folder):
        source = resolve_source(config("a.csv"), base=folder)
        (folder / "a.csv").unlink()
        with pytest.raises(DataError, match=r"a\.csv must be readable"):
            fingerprint(source)
        with pytest.raises(DataError, match=r"a\.csv must be readable"):
            read_table(source)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///data/x.db", "sqlite:///data/x.db"),
        ("postgresql://user@host:5432/db", "postgresql://user@host:5432/db"),
        ("postgresql://user:pw@host:5432/db", "postgresql://user:***@host:5432/db"),
        ("postgresql://user:p@w/x@host/db", "postgresql://user:***@host/db"),
        ("postgresql://user:p?w@host/db", "postgresql://user:***@host/db"),
        ("mysql://:pw@host/db?ssl=1&PASSWORD=x&a=b", "mysql://:***@host/db?ssl=1&PASSWORD=***&a=b"),
    ],
)
def test_a_url_is_shown_without_its_password(url, shown):
    assert hide_password(url) == shown


def test_a_relative_sqlite_file_is_found_from_the_config_files_folder(tmp_path):
    (tmp_path / "x.db").touch()
    source = resolve_source(DataConfig(url="sqlite:///x.db", query="SELECT 1", target="y"), base=tmp_path)
    assert source.url == f"sqlite:///{tmp_path}/x.db"
    assert source.label == "sqlite:///x.db"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:////abs/x.db", "sqlite:///:memory:", "postgresql://h/db"])
def test_other_urls_are_left_as_they_are(url, tmp_path):
    assert resolve_source(DataConfig(url=url, query="SELECT 1", target="y"), base=tmp_path).url == url


def test_a_packed_file_is_read_whatever_its_name_says(tmp_path):
    (tmp_path / "t.csv").write_bytes(gzip.compress(b"x\n1\n"))
    assert read_table(resolve_source(config("t.csv"), base=tmp_path)).to_pydict() == {"x": ["1"]}

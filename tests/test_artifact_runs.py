"""Run folders: numbered, whole or not there."""

import signal
import subprocess
import sys
import textwrap

import pytest

from mlcli.artifact.runs import MODEL, find_artifact, list_runs, new_run, newest_run
from mlcli.errors import ArtifactError, OutputError


def finish(output, content="x"):
    with new_run(output) as run:
        (run.folder / MODEL).write_text(content)
    return run.final


def names(output):
    return sorted(place.name for place in output.iterdir())


def test_runs_are_numbered_from_1(tmp_path):
    output = tmp_path / "runs" / "credit"
    assert [finish(output).name for _ in range(3)] == ["001", "002", "003"]
    assert names(output) == ["001", "002", "003"]


def test_the_thousandth_run_follows_the_last(tmp_path):
    (tmp_path / "999").mkdir()
    (tmp_path / "999" / MODEL).touch()
    assert finish(tmp_path).name == "1000"
    assert newest_run(tmp_path).name == "1000"
    assert [run.name for run in list_runs(tmp_path)] == ["999", "1000"]


def test_a_number_is_not_used_again_below_a_higher_one(tmp_path):
    (tmp_path / "007").mkdir()
    assert finish(tmp_path).name == "008"


def test_a_run_is_not_there_before_it_is_whole(tmp_path):
    with new_run(tmp_path) as run:
        (run.folder / MODEL).touch()
        assert list_runs(tmp_path) == ()
        assert run.folder.parent == tmp_path
    assert list_runs(tmp_path) == (run.final,)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_run_that_fails_leaves_earlier_runs_as_they_were(error, tmp_path):
    finish(tmp_path, "first")

    def half(run):
        (run.folder / MODEL).write_text("half")
        raise error

    with pytest.raises(error), new_run(tmp_path) as run:
        half(run)
    assert names(tmp_path) == ["001"]
    assert (tmp_path / "001" / MODEL).read_text() == "first"


def test_two_runs_at_once_get_different_numbers(tmp_path):
    with new_run(tmp_path) as slow:
        (slow.folder / MODEL).write_text("slow")
        quick = finish(tmp_path, "quick")
    assert (quick.name, slow.final.name) == ("001", "002")
    assert [(run / MODEL).read_text() for run in list_runs(tmp_path)] == ["quick", "slow"]


def test_many_processes_at_once_lose_no_run(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from mlcli.artifact.runs import MODEL, new_run
        for number in range(10):
            with new_run(Path(sys.argv[1])) as run:
                (run.folder / MODEL).write_text(f"{sys.argv[2]} {number}")
        """
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert names(tmp_path) == [f"{number:03d}" for number in range(1, 31)]
    assert len({(run / MODEL).read_text() for run in list_runs(tmp_path)}) == 30


def test_a_killed_run_looks_like_none_and_the_next_one_clears_it_away(tmp_path):
    finish(tmp_path, "first")
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from mlcli.artifact.runs import MODEL, new_run
        with new_run(Path(sys.argv[1])) as run:
            (run.folder / MODEL).write_text("half")
            print("writing", flush=True)
            time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "writing\n"
        alive = finish(tmp_path, "second")
        assert len(names(tmp_path)) == 3, "the folder of a living process is left alone"
        writer.send_signal(signal.SIGKILL)
    assert newest_run(tmp_path) == alive
    assert finish(tmp_path).name == "003"
    assert names(tmp_path) == ["001", "002", "003"]


def test_the_newest_run_is_the_highest_number_that_holds_a_model(tmp_path):
    finish(tmp_path)
    (tmp_path / "002").mkdir()
    (tmp_path / "prepared").mkdir()
    (tmp_path / "0x9").mkdir()
    assert newest_run(tmp_path).name == "001"


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_without_a_run_the_hint_is_to_train(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="complete run") as caught:
        newest_run(tmp_path / name)
    assert "mlcli train" in caught.value.hint


def test_an_artifact_is_found_by_its_folder_and_by_its_file(tmp_path):
    run = finish(tmp_path)
    assert find_artifact(run) == run / MODEL
    assert find_artifact(run / MODEL) == run / MODEL


def test_a_folder_of_runs_is_no_run_but_the_hint_names_one(tmp_path):
    run = finish(tmp_path)
    with pytest.raises(ArtifactError) as caught:
        find_artifact(tmp_path)
    assert str(run) in caught.value.hint


def test_a_path_that_is_not_there_is_an_artifact_error(tmp_path):
    with pytest.raises(ArtifactError, match="There is none"):
        find_artifact(tmp_path / "nothing")


def test_runs_cannot_be_written_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError), new_run(tmp_path / "file" / "runs"):
        raise AssertionError("never reached")

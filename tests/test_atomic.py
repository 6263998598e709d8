import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlcli.atomic import atomic_file, atomic_folder, is_write_failure, output_error, remove_folder, write_file
from mlcli.errors import DataError, OutputError


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def dead_pid():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_file_is_written_whole_with_its_parents(tmp_path):
    path = tmp_path / "a" / "b" / "out.txt"

    write_file(path, "größer\n")

    assert path.read_bytes() == "größer\n".encode()
    assert names(path.parent) == ["out.txt"]


def test_bytes_are_written_as_they_are(tmp_path):
    write_file(tmp_path / "out.bin", b"\x00\xff")

    assert (tmp_path / "out.bin").read_bytes() == b"\x00\xff"


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()

    write_file(tmp_path / "out", b"x")

    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(0o640)

    write_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_is_followed_not_replaced(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("real")

    write_file(link, b"new")

    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, DataError], ids=lambda error: error.__name__)
def test_a_crash_in_the_middle_leaves_what_was_there(error, tmp_path):
    (tmp_path / "out").write_bytes(b"old")

    def crash():
        with atomic_file(tmp_path / "out") as temporary, atomic_folder(tmp_path / "run") as folder:
            temporary.write_bytes(b"half")
            (folder / "half").write_bytes(b"half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        crash()
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_nothing_stands_in_the_place_before_the_end(tmp_path):
    with atomic_folder(tmp_path / "run") as folder:
        (folder / "part").touch()
        assert not (tmp_path / "run").exists()
        assert folder.parent == tmp_path
        assert folder.name.startswith(f".run.tmp-{os.getpid()}-")
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["part"]


@pytest.mark.parametrize("content", ["file", "folder", "dangling link"])
def test_a_folder_that_exists_is_refused_before_any_work(content, tmp_path):
    place = tmp_path / "run"
    {"file": place.touch, "folder": place.mkdir, "dangling link": lambda: place.symlink_to("nowhere")}[content]()

    with (
        pytest.raises(OutputError, match=r"run must be writable\. Got: it exists already") as caught,
        atomic_folder(place),
    ):
        pytest.fail("the block must not run")
    assert "another name" in caught.value.hint


def test_a_folder_that_another_process_made_meanwhile_is_kept(tmp_path):
    def race():
        with atomic_folder(tmp_path / "run") as folder:
            (folder / "mine").touch()
            (tmp_path / "run").mkdir()
            (tmp_path / "run" / "theirs").touch()

    with pytest.raises(OutputError, match="exists already"):
        race()
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["theirs"]


@pytest.mark.parametrize("make", [write_file, lambda path, _: atomic_folder(path).__enter__()], ids=["file", "folder"])
def test_a_parent_that_is_a_file_is_said(make, tmp_path):
    (tmp_path / "parent").touch()

    with pytest.raises(OutputError, match=r"parent/out must be writable") as caught:
        make(tmp_path / "parent" / "out", b"")
    assert caught.value.hint


@pytest.mark.parametrize("make", [write_file, lambda path, _: atomic_folder(path).__enter__()], ids=["file", "folder"])
def test_a_place_where_no_file_can_be_made_is_said(make):
    """A kernel file system refuses even the superuser, whom permission bits do not bind."""
    with pytest.raises(OutputError, match=r"/proc/mlcli-out must be writable") as caught:
        make(Path("/proc/mlcli-out"), b"")
    assert caught.value.hint


def test_a_file_cannot_take_the_place_of_a_folder(tmp_path):
    with pytest.raises(OutputError, match="it is a folder") as caught:
        write_file(tmp_path, b"x")
    assert caught.value.hint == "Name a file inside it."


def test_a_device_is_never_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OutputError, match="no regular file"):
        write_file(tmp_path / "pipe", b"x")
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_grows_too_large_leaves_nothing(tmp_path):
    """The limit on a file's size fails a write as a full disk does, in a process of its own."""
    (tmp_path / "out").write_bytes(b"old")
    code = (
        "import sys; from pathlib import Path; from mlcli.atomic import write_file; from mlcli.errors import OutputError\n"
        "try: write_file(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except OutputError as error: sys.exit(f'{error} {error.hint}')"
    )

    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.returncode == 1
    assert "larger than allowed" in run.stderr
    assert "Traceback" not in run.stderr
    assert (tmp_path / "out").read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


def test_a_full_disk_in_the_block_is_said_with_the_place(tmp_path):
    def fill():
        with atomic_file(tmp_path / "out"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(OutputError, match=r"out must be writable\. Got: the disk is full") as caught:
        fill()
    assert caught.value.hint
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(errno.ENOENT, "gone", "input.csv"), BrokenPipeError(errno.EPIPE, "x")],
    ids=["input", "pipe"],
)
def test_an_error_of_the_block_that_is_not_about_writing_passes_as_it_is(error, tmp_path):
    def read():
        with atomic_file(tmp_path / "out"):
            raise error

    with pytest.raises(type(error)) as caught:
        read()
    assert caught.value is error


def test_kill_9_leaves_the_old_file_and_the_next_writer_cleans_up(tmp_path):
    (tmp_path / "out").write_bytes(b"old")
    code = (
        "import sys, time; from pathlib import Path; from mlcli.atomic import atomic_file, atomic_folder\n"
        "place = Path(sys.argv[1])\n"
        "with atomic_file(place / 'out') as file, atomic_folder(place / 'run') as folder:\n"
        "    file.write_bytes(b'half'); (folder / 'half').touch()\n"
        "    print('ready', flush=True); time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout.readline() == b"ready\n"
    with atomic_folder(tmp_path / "other"):
        pass
    assert len(names(tmp_path)) == 4, "a living writer's folder is not touched"

    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    assert (tmp_path / "out").read_bytes() == b"old"
    assert not (tmp_path / "run").exists()
    write_file(tmp_path / "out", b"new")
    with atomic_folder(tmp_path / "run"):
        pass
    assert names(tmp_path) == ["other", "out", "run"]


def test_only_what_a_dead_writer_left_is_removed(tmp_path):
    pid = dead_pid()
    stale = tmp_path / f".run.tmp-{pid}-0123abcd"
    kept = [
        tmp_path / f".run.tmp-{os.getpid()}-0123abcd",  # a living process
        tmp_path / f".run.tmp-{pid}-0123",  # a name that is not ours
        tmp_path / "run.tmp-1-0123abcd",
    ]
    for folder in (stale, *kept):
        folder.mkdir()
    other_file = tmp_path / f".scores.csv.tmp-{pid}-0123abcd"
    other_file.touch()

    with atomic_folder(tmp_path / "new"):
        pass
    write_file(tmp_path / "out", b"")

    assert not stale.exists()
    assert other_file.exists(), "only the writer of scores.csv removes its rests"
    assert all(folder.exists() for folder in kept)


def test_a_locked_folder_of_an_unknown_process_is_not_stale(tmp_path):
    """In another container the process id says nothing; the lock does."""
    import fcntl

    folder = tmp_path / f".run.tmp-{dead_pid()}-0123abcd"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with atomic_folder(tmp_path / "one"):
        pass
    assert folder.exists()
    os.close(descriptor)
    with atomic_folder(tmp_path / "two"):
        pass
    assert not folder.exists()


def test_two_writers_of_one_file_both_succeed_and_one_wins(tmp_path):
    with atomic_file(tmp_path / "out") as first:
        with atomic_file(tmp_path / "out") as second:
            first.write_bytes(b"first")
            second.write_bytes(b"second")
        assert (tmp_path / "out").read_bytes() == b"second"
    assert (tmp_path / "out").read_bytes() == b"first"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EISDIR, errno.EIO])
def test_every_system_error_names_the_place_and_something_to_try(number):
    error = output_error("runs/001", OSError(number, os.strerror(number)))

    assert str(error).startswith("runs/001 must be writable. Got: ")
    assert error.hint
    assert is_write_failure(OSError(number, "")) == (number in {errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def test_the_clock_plays_no_part(tmp_path):
    """An old folder of a living process is as alive as a new one."""
    with atomic_folder(tmp_path / "run") as folder:
        long_ago = time.time() - 1e7
        os.utime(folder, (long_ago, long_ago))
        with atomic_folder(tmp_path / "other"):
            pass
        assert folder.exists()


def test_a_removed_folder_is_gone_with_all_it_held(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    (tmp_path / "other").mkdir()

    remove_folder(tmp_path / "a")

    assert names(tmp_path) == ["other"]


def test_a_folder_that_is_not_there_cannot_be_removed(tmp_path):
    with pytest.raises(OutputError, match="none must be writable"):
        remove_folder(tmp_path / "none")


def test_what_a_killed_removal_left_aside_goes_with_the_next_folder_made(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    monkeypatch.setattr("mlcli.atomic.os.getpid", dead_pid)
    with monkeypatch.context() as patch:
        patch.setattr("mlcli.atomic.shutil.rmtree", lambda *_, **__: None)
        remove_folder(tmp_path / "a")
    assert names(tmp_path) != []
    monkeypatch.undo()

    with atomic_folder(tmp_path / "b") as folder:
        (folder / "file").write_text("y")

    assert names(tmp_path) == ["b"]

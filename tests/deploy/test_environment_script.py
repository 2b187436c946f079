"""scripts/environment.sh on machines that lack this or that: it helps itself, or says what would help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "environment.sh"
# Stands in for a Python of a Debian without python3-venv: `venv` works only without pip.
NO_ENSUREPIP = f"""#!/bin/sh
case "$*" in
*--without-pip*) exec {sys.executable} "$@" ;;
"-m venv"*) mkdir -p "$3/half-made"; echo "ensurepip is not available" >&2; exit 1 ;;
"-m virtualenv"*) exit 1 ;;
"-m pip"*) {{pip}} ;;
*) exec {sys.executable} "$@" ;;
esac
"""

WITH_SYSTEM_PIP = NO_ENSUREPIP.format(pip="exit 0")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """An otherwise empty PATH but for what a shell script needs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("sh", "rm", "touch", "cmp", "cp", "mkdir"):
        (folder / name).symlink_to(
            next(path for path in (Path("/bin") / name, Path("/usr/bin") / name) if path.exists())
        )
    return folder


def _put(programs: Path, name: str, script: str) -> Path:
    program = programs / name
    program.write_text(script)
    program.chmod(0o755)
    return program


def _run(programs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments],
        env=os.environ | {"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_python_that_is_too_old_is_refused_with_a_sentence(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", "#!/bin/sh\nexit 1\n")
    done = _run(programs, "make", "python3", str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "LAC Portal needs Python 3.11 or newer" in done.stderr


def test_newer_python_beside_an_old_default_is_taken(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", "#!/bin/sh\nexit 1\n")
    _put(programs, "python3.12", WITH_SYSTEM_PIP)
    done = _run(programs, "make", "python3", str(tmp_path / "venv"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "venv" / "bin" / "python").exists()


def test_python_asked_for_by_name_is_never_exchanged(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3.12", WITH_SYSTEM_PIP)
    done = _run(programs, "make", "python3.10", str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "'python3.10' is not" in done.stderr


def test_missing_ensurepip_is_made_up_for_by_the_systems_pip(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", WITH_SYSTEM_PIP)
    venv = tmp_path / "venv"
    done = _run(programs, "make", "python3", str(venv))
    assert done.returncode == 0, done.stderr
    assert (venv / "bin" / "python").exists()
    assert not (venv / "half-made").exists()


def test_python_that_cannot_make_environments_says_what_to_install(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", NO_ENSUREPIP.format(pip="exit 1"))
    done = _run(programs, "make", "python3", str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_environment_that_works_is_kept(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", WITH_SYSTEM_PIP)
    venv = tmp_path / "venv"
    assert _run(programs, "make", "python3", str(venv)).returncode == 0
    (venv / "kept").touch()
    assert _run(programs, "make", "python3", str(venv)).returncode == 0
    assert (venv / "kept").exists()


def test_environment_whose_python_is_gone_is_made_anew(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", WITH_SYSTEM_PIP)
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(tmp_path / "gone")
    assert _run(programs, "make", "python3", str(venv)).returncode == 0
    assert (venv / "bin" / "python").exists()


def test_unchanged_lock_installs_nothing(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", WITH_SYSTEM_PIP)
    lock, stamp = tmp_path / "lock.txt", tmp_path / "stamp"
    lock.write_text("nothing==1\n")
    stamp.write_text("nothing==1\n")
    done = _run(programs, "fill", "python3", str(tmp_path / "no-venv"), str(lock), str(stamp))
    assert (done.returncode, done.stderr) == (0, "")


def test_lock_that_cannot_be_installed_leaves_no_stamp(programs: Path, tmp_path: Path) -> None:
    _put(programs, "python3", NO_ENSUREPIP.format(pip="exit 1"))
    lock, stamp = tmp_path / "lock.txt", tmp_path / "stamp"
    lock.write_text("nothing==1\n")
    done = _run(programs, "fill", "python3", str(tmp_path / "no-venv"), str(lock), str(stamp))
    assert done.returncode == 1
    assert "could not be installed" in done.stderr
    assert not stamp.exists()

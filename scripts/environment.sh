#!/bin/sh
# Makes and fills the virtual environment; called by the Makefile.
#
#   environment.sh make PYTHON VENV          a virtual environment, however this machine can make one
#   environment.sh fill PYTHON VENV LOCK STAMP   everything the lock names, with its hashes; the stamp is a copy of it
set -eu

say() { printf '%s\n' "$*" >&2; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for candidate in "$1" python3 python3.14 python3.13 python3.12 python3.11; do
        if recent "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
        # A Python that was asked for by name is used or refused, never exchanged.
        [ "$1" = python3 ] || break
    done
    say "LAC Portal needs Python 3.11 or newer; '$1' is not. Name one: make PYTHON=/path/to/python3.11 ..."
    exit 1
}

make_environment() {
    python=$(find_python "$1")
    venv=$2
    if recent "$venv/bin/python" && [ -f "$venv/pyvenv.cfg" ]; then
        touch "$venv/.made"
        return
    fi
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        # Debian leaves out what venv needs to bring pip along; virtualenv or the system's own pip do as well.
        if ! "$python" -m virtualenv --quiet "$venv" >/dev/null 2>&1; then
            rm -rf "$venv"
            if ! "$python" -m pip --python "$python" --version >/dev/null 2>&1 ||
                ! "$python" -m venv --without-pip "$venv" >/dev/null 2>&1; then
                rm -rf "$venv"
                say "This Python cannot make virtual environments. On Debian and Ubuntu, as root:"
                say "    apt-get install python3-venv"
                say "and start again. Or install the Python package 'virtualenv', which is used when it is there."
                exit 1
            fi
        fi
    fi
    touch "$venv/.made"
}

fill_environment() {
    python=$(find_python "$1")
    venv=$2
    lock=$3
    stamp=$4
    if cmp -s "$lock" "$stamp"; then
        touch "$stamp"
        return
    fi
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        set -- "$venv/bin/python" -m pip
    else
        set -- "$python" -m pip --python "$venv/bin/python"
    fi
    say "Filling $venv from $lock; the first time this takes a minute or two ..."
    # The lock is complete, so nothing is resolved; `pip check` would tell if it were not.
    if ! PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore "$@" install \
        --quiet --no-input --require-hashes --no-deps --requirement "$lock"; then
        say "The packages of $lock could not be installed. Is the package index reachable? The lines above tell."
        exit 1
    fi
    "$@" check >/dev/null || { "$@" check >&2; exit 1; }
    cp "$lock" "$stamp"
}

action=$1
shift
case $action in
make) make_environment "$@" ;;
fill) fill_environment "$@" ;;
*)
    say "environment.sh make|fill ..."
    exit 2
    ;;
esac

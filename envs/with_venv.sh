#!/usr/bin/env bash
# Run a command in .venv, which is made first if it is missing, half-made or stale:
#   bash envs/with_venv.sh python -m snakemake --cores 2
# PYTHON names the interpreter to make it from (default: python3).
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

lock=envs/requirements.lock
# What .venv was made for: this folder (scripts in a venv hold its path) and this lock.
# Written last, so an interrupted set-up leaves none.
stamp=.venv/made-for
wanted() { pwd && cat "$lock"; }

make_venv() {
    local python=${PYTHON:-python3} total log=.venv/pip.log
    if ! command -v "$python" >/dev/null; then
        echo "set-up: no '$python' found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2
        return 1
    fi
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "set-up: '$python' is $("$python" --version 2>&1); this study needs 3.11 or newer." \
            "Name one: make PYTHON=/path/to/python3" >&2
        return 1
    fi
    total=$(grep -c '==' "$lock")
    echo "set-up: making .venv with $("$python" --version), $total packages (about 2 GB, a minute or two)"
    "$python" -m venv --clear .venv
    if ! .venv/bin/python -m pip install --progress-bar off --requirement "$lock" 2>&1 |
        tee "$log" | count_packages; then
        grep -E '^ERROR: [^I]' "$log" >&2 || tail -n 20 "$log" >&2
        echo "set-up: pip failed; all it said is in $log" >&2
        return 1
    fi
    echo "set-up: compiling librosa's functions"
    .venv/bin/python -c 'import librosa, numpy; librosa.feature.melspectrogram(y=numpy.ones(4096))'
    wanted >"$stamp"
    echo "set-up: done"
}

count_packages() {
    local seen=0 word rest
    while read -r word rest; do
        case $word in
        Collecting)
            seen=$((seen + 1))
            if ((seen % 20 == 0)); then echo "set-up: fetched $seen packages"; fi
            ;;
        Installing) echo "set-up: installing them" ;;
        esac
    done
}

fresh() { wanted | cmp -s - "$stamp" && .venv/bin/python -c '' 2>/dev/null; }

# One set-up at a time: `make demo` and `make test` may be started together. The lock is on the
# file, so it goes with the process (macOS has no flock).
if ! fresh; then
    (
        if command -v flock >/dev/null; then flock 9; fi
        fresh || make_venv
    ) 9<"$lock"
fi

bin=$PWD/.venv/bin
if [[ $bin == *[!A-Za-z0-9_./+-]* ]]; then
    # Snakemake does not quote the path of its Python (snakemake/snakemake#2645).
    plain=$(mktemp -d)
    trap 'rm -rf -- "$plain"' EXIT
    ln -s "$PWD/.venv" "$plain/venv"
    bin=$plain/venv/bin
fi
PATH=$bin:$PATH "$@"

#!/bin/sh
# Makes .venv with what a lock file names, and the project itself in it, editable.
#
#   deploy/bootstrap.sh runtime    what runs at a site
#   deploy/bootstrap.sh demo       that, and the departments' servers that `make demo` needs
#   deploy/bootstrap.sh dev        all of that, and what checks and tests the project
#
# Says nothing and takes no time when nothing has changed. Two at once wait for each other. PYTHON names the
# interpreter to use, where it is not the newest python3.
set -eu

wanted=$1
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/installed
log=$venv.log

# Settings of the person's shell that would make pip install elsewhere, or Python import something else.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV || true
export PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUTF8=1

say() { printf '%s\n' "$*" >&2; }

digest() { cat requirements/*.txt pyproject.toml setup.py deploy/bootstrap.sh | sha256sum | cut -d ' ' -f 1; }

# The stamp is one line: which lock, the digest of what says what to install, and the folder. Without a stamp an
# earlier attempt was cut short, and what it left is not to be trusted; moved or copied, its commands do not start.
is_sound() {
    [ -f "$stamp" ] && read -r had seen folder <"$stamp" && [ "$folder" = "$(pwd -P)" ] && "$venv/bin/python" -c ''
}

is_current() {
    is_sound && [ "$seen" = "$(digest)" ] && case "$had $wanted" in
        "$wanted $wanted" | "dev "* | "demo runtime") true ;;
        *) false ;;
    esac
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    say '需要 Python 3.11 或更新的版本，本机没有找到。Debian 或 Ubuntu 上请执行：sudo apt-get install python3 python3-venv'
    say 'Python 3.11 or newer is needed and was not found. On Debian or Ubuntu: sudo apt-get install python3 python3-venv'
    exit 2
}

has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# Debian puts venv and ensurepip into a package of their own, python3-venv or python3.X-venv.
venv_package() {
    if [ "$(readlink -f "$1")" = "$(readlink -f /usr/bin/python3)" ]; then
        echo python3-venv
    else
        "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
    fi
}

make_venv() {
    python=$1
    if has_venv "$python"; then
        "$python" -m venv --clear "$venv"
        return
    fi
    if command -v virtualenv >/dev/null; then
        virtualenv --quiet --clear --python "$python" "$venv"
        return
    fi
    package=$(venv_package "$python")
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "安装 $package … / installing $package …"
        deploy/apt-install.sh "$package" && has_venv "$python" && "$python" -m venv --clear "$venv" && return
    fi
    say "本机的 Python 不能建立虚拟环境。请执行：sudo apt-get install $package，然后重新执行刚才的命令。"
    say "This Python cannot make a virtual environment. Please run: sudo apt-get install $package, then try again."
    exit 2
}

# Wheels only: building a package would fetch build tools that no lock names.
install() {
    pip="$venv/bin/python -m pip install --quiet"
    $pip --require-hashes --only-binary :all: -r "requirements/$wanted.txt" \
        && $pip --no-index --no-deps --no-build-isolation --editable .
}

logged() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        say '安装没有完成，原因见上。网络正常后重新执行刚才的命令即可。'
        say 'The installation did not finish; the reason is above. Once mended, run the same command again.'
        exit 1
    fi
    rm -f "$log"
}

is_current && exit 0
if command -v flock >/dev/null; then
    exec 9>"$venv.lock"
    flock 9
    is_current && exit 0
fi

say '正在准备 Python 环境（首次约一两分钟）… / preparing the Python environment (a minute or two, once) …'
if ! is_sound 2>/dev/null; then
    python=$(find_python)
    [ ! -L "$venv" ] || rm "$venv"  # a link leads to what another folder works with
    make_venv "$python"
fi
rm -f "$stamp"
logged install
printf '%s %s %s\n' "$wanted" "$(digest)" "$(pwd -P)" >"$stamp"

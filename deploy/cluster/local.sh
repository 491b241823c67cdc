#!/usr/bin/env bash
# The whole cluster on one machine, for a trial: network namespaces stand for five machines, with the configuration beside this.
#
#   local.sh up                     starts db1 to db3 (etcd, Patroni, PostgreSQL) and app1, app2 (haproxy, the service), and waits
#   local.sh status                 says who is primary
#   local.sh kill MACHINE           kill -9 of everything that runs on a machine
#   local.sh start MACHINE          starts it again
#   local.sh cut MACHINE            cuts a db machine off from the other two; the app machines still reach it
#   local.sh mend MACHINE           takes that back
#   local.sh on MACHINE COMMAND…    runs a command there
#   local.sh down                   stops everything and leaves nothing behind
#
# The service listens at http://10.83.0.21:8000 (app1) and http://10.83.0.22:8000 (app2).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
state=/var/tmp/stundenpool-cluster  # data, logs and passwords, until `down`
bridge=stundenpool
declare -A address=([db1]=10.83.0.11 [db2]=10.83.0.12 [db3]=10.83.0.13 [app1]=10.83.0.21 [app2]=10.83.0.22)
databases=(db1 db2 db3)
services=(app1 app2)
wait_seconds_max=120

say() { printf 'cluster: %s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

demand_parts() {
    local missing=() command
    for command in etcd haproxy ip setpriv psql curl; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    [ -x /usr/lib/postgresql/15/bin/postgres ] || missing+=(postgres)
    [ -d "$root/.cache/patroni" ] || missing+=(patroni)
    [ ${#missing[@]} -eq 0 ] ||
        fail "missing: ${missing[*]}; scripts/setup.sh cluster installs it on Debian 12"
    [ -x "$root/.venv/bin/stundenpool" ] || fail "the service is missing: make setup"
}

demand_machine() { [ -n "${address[${1:-}]:-}" ] || fail "no machine of this name: ${1:-}; there are ${!address[*]}"; }

# --- machines ----------------------------------------------------------------------------------------------------------

make_machine() {
    local machine=$1 space=stundenpool-$1
    mkdir -p "$state/$machine"/{postgresql,etcd,run}
    chown postgres: "$state/$machine"/{postgresql,run}
    chmod 700 "$state/$machine/etcd"
    ip netns add "$space"
    ip link add "pool-$machine" type veth peer name eth0 netns "$space"
    ip link set "pool-$machine" master "$bridge" up
    ip -n "$space" address add "${address[$machine]}/24" dev eth0
    ip -n "$space" link set eth0 up
    ip -n "$space" link set lo up
}

# `ip netns exec` mounts for the command alone: so each machine has its own /var/lib, where the configuration expects it.
on() {
    local machine=$1
    shift
    ip netns exec "stundenpool-$machine" sh -c '
        mount --bind "$0/postgresql" /var/lib/postgresql
        mount --bind "$0/etcd" /var/lib/etcd
        mount --bind "$0/run" /run/postgresql
        mount --bind "$0/../hosts" /etc/hosts
        exec "$@"' "$state/$machine" "$@"
}

in_background() {
    local machine=$1 name=$2
    shift 2
    on "$machine" setsid "$@" </dev/null >>"$state/$machine/$name.log" 2>&1 &
}

start_machine() {
    local machine=$1
    (
        set -a
        case $machine in
        db*)
            . "$state/etc/etcd.env"
            . "$state/etc/$machine.env"
            in_background "$machine" etcd etcd
            PYTHONPATH=$state/patroni in_background "$machine" patroni \
                setpriv --reuid=postgres --regid=postgres --clear-groups \
                /usr/bin/python3 -m patroni "$state/etc/patroni.yml"
            ;;
        app*)
            in_background "$machine" haproxy haproxy -db -f "$state/etc/haproxy.cfg"
            if [ -e "$state/etc/service.env" ]; then start_service "$machine"; fi
            ;;
        esac
    )
}

start_service() {
    . "$state/etc/service.env"
    STUNDENPOOL_HOST=${address[$1]} in_background "$1" service "$root/.venv/bin/stundenpool" serve
}

kill_machine() {
    local process
    for process in $(ip netns pids "stundenpool-$1"); do kill -9 "$process" 2>/dev/null || true; done
    while [ -n "$(ip netns pids "stundenpool-$1")" ]; do sleep 0.1; done
}

# --- the whole ---------------------------------------------------------------------------------------------------------

up() {
    demand_parts
    [ ! -e "$state" ] || fail "$state is there already: $0 down"
    mkdir -p "$state/etc" /run/postgresql /var/lib/etcd
    configure
    ip link add "$bridge" type bridge
    ip address add 10.83.0.1/24 dev "$bridge"
    ip link set "$bridge" up
    local machine
    for machine in "${!address[@]}"; do make_machine "$machine"; done
    for machine in "${databases[@]}" "${services[@]}"; do start_machine "$machine"; done
    await "a primary with a synchronous standby" has_synchronous_standby
    set_up_database
    (
        set -a
        for machine in "${services[@]}"; do start_service "$machine"; done
    )
    for machine in "${services[@]}"; do
        await "the service on $machine" curl -sf -m 2 -o /dev/null "http://${address[$machine]}:8000/readyz"
    done
    status
}

configure() {
    umask 022
    local password machine
    password=$(random_password)
    cp "$here"/{etcd.env,patroni.yml,haproxy.cfg} "$state/etc/"
    cp -r "$root/.cache/patroni" "$state/patroni" # where the user postgres may read it
    for machine in "${databases[@]}"; do
        (umask 077 && sed "s/db1/$machine/; s/change-me/$password/" "$here/machine.env" >"$state/etc/$machine.env")
    done
    printf '127.0.0.1 localhost\n' >"$state/hosts"
    for machine in "${!address[@]}"; do printf '%s %s\n' "${address[$machine]}" "$machine" >>"$state/hosts"; done
}

random_password() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

set_up_database() {
    say "making the database"
    local owner service superuser
    owner=$(random_password)
    service=$(random_password)
    superuser=$(. "$state/etc/db1.env" && echo "$PATRONI_SUPERUSER_PASSWORD")
    PGPASSWORD=$superuser on app1 psql -qX -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres \
        -c "CREATE ROLE stundenpool_owner LOGIN PASSWORD '$owner'" \
        -c "CREATE ROLE stundenpool LOGIN PASSWORD '$service'" \
        -c "CREATE DATABASE stundenpool OWNER stundenpool_owner ENCODING 'UTF8' TEMPLATE template0"
    (
        umask 077
        cat >"$state/etc/service.env" <<END
STUNDENPOOL_DATABASE_URL=postgresql://stundenpool:$service@127.0.0.1:5432/stundenpool
STUNDENPOOL_KEYSTORE=$state/keys
STUNDENPOOL_PORT=8000
END
        set -a
        . "$state/etc/service.env"
        STUNDENPOOL_MIGRATION_DATABASE_URL=postgresql://stundenpool_owner:$owner@127.0.0.1:5432/stundenpool \
            on app1 "$root/.venv/bin/stundenpool" db migrate >&2
    )
}

has_synchronous_standby() {
    local machine
    for machine in "${databases[@]}"; do
        if curl -sf -m 2 "http://${address[$machine]}:8008/cluster" | grep -q '"role": "sync_standby"'; then return; fi
    done
    return 1
}

await() {
    local what=$1 deadline=$((SECONDS + wait_seconds_max))
    shift
    say "waiting for $what"
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || fail "$what did not come within $wait_seconds_max seconds; the logs are in $state"
        sleep 0.5
    done
}

status() {
    local machine
    for machine in "${databases[@]}"; do
        printf '%s %s\n' "$machine" "$(curl -s -m 2 "http://${address[$machine]}:8008/patroni" |
            sed -nE 's/^\{"state": "([a-z ]+)".*"role": "([a-z_]+)".*/\1, \2/p' | grep . || echo 'no answer')"
    done
}

cut_off() {
    local other
    for other in "${databases[@]}"; do
        [ "$other" = "$1" ] || ip -n "stundenpool-$1" route "$2" blackhole "${address[$other]}"
    done
}

down() {
    local machine
    for machine in "${!address[@]}"; do
        if [ -e "/run/netns/stundenpool-$machine" ]; then
            kill_machine "$machine"
            ip netns delete "stundenpool-$machine"
        fi
        ip link delete "pool-$machine" 2>/dev/null || true
    done
    ip link delete "$bridge" 2>/dev/null || true
    rm -rf "$state"
}

demand_root() { [ "$(id -u)" -eq 0 ] || fail "needs root, for network namespaces: sudo $0 $*"; }

case "${1:-}" in
up | down | status | kill | start | cut | mend | on) demand_root "$@" ;;
esac

case "${1:-}" in
up) up ;;
down) down ;;
status) status ;;
kill) demand_machine "${2:-}" && kill_machine "$2" ;;
start) demand_machine "${2:-}" && start_machine "$2" ;;
cut) demand_machine "${2:-}" && cut_off "$2" add ;;
mend) demand_machine "${2:-}" && cut_off "$2" delete ;;
on)
    demand_machine "${2:-}"
    shift
    if [ -e "$state/etc/service.env" ]; then set -a && . "$state/etc/service.env" && set +a; fi
    on "$@"
    ;;
*)
    sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac

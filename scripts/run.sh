#!/usr/bin/env bash
# `make run`: an embedded store, a fresh token for each role, and the service in the foreground. Ctrl-C ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Stated here so that a .env meant for a server cannot turn a try-out into work on a real database.
export STUNDENPOOL_DATABASE_URL=${STUNDENPOOL_DATABASE_URL:-sqlite:///var/stundenpool.db}
export STUNDENPOOL_MIGRATION_DATABASE_URL=${STUNDENPOOL_MIGRATION_DATABASE_URL:-$STUNDENPOOL_DATABASE_URL}
export STUNDENPOOL_KEYSTORE=${STUNDENPOOL_KEYSTORE:-var/keys}
export STUNDENPOOL_HOST=${STUNDENPOOL_HOST:-127.0.0.1}
export STUNDENPOOL_PORT=${STUNDENPOOL_PORT:-8000}

stundenpool=.venv/bin/stundenpool
provider=traeger-a

show_token() {
    printf '  %-8s %s\n' "$1" "$("$stundenpool" token create --role "$1" --subject "$1-1" --days 1 "${@:2}")"
}

"$stundenpool" db migrate

printf '\nStundenpool: http://%s:%s (API under /api/v1, documentation under /docs)\n' "$STUNDENPOOL_HOST" "$STUNDENPOOL_PORT"
printf 'Bearer tokens, valid for one day (worker and lead belong to the provider "%s"):\n' "$provider"
show_token worker --provider "$provider"
show_token lead --provider "$provider"
show_token officer
show_token planner
show_token auditor
show_token admin
printf '\n'

exec "$stundenpool" serve

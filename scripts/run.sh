#!/usr/bin/env bash
# `make run`: an embedded store with the demonstration in it, and the service in the foreground. Ctrl-C ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Stated here so that a .env meant for a server cannot turn a try-out into work on a real database.
export STUNDENPOOL_DATABASE_URL=${STUNDENPOOL_DATABASE_URL:-sqlite:///var/stundenpool.db}
export STUNDENPOOL_MIGRATION_DATABASE_URL=${STUNDENPOOL_MIGRATION_DATABASE_URL:-$STUNDENPOOL_DATABASE_URL}
export STUNDENPOOL_KEYSTORE=${STUNDENPOOL_KEYSTORE:-var/keys}
export STUNDENPOOL_HOST=${STUNDENPOOL_HOST:-127.0.0.1}
export STUNDENPOOL_PORT=${STUNDENPOOL_PORT:-8000}

exec .venv/bin/stundenpool demo

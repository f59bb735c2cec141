#!/usr/bin/env bash
# Runs the examples as a newcomer would, in a fresh copy; expects `refrain` and `refrain-pseudo` on the PATH, and the path
# of the built embedding example as its argument.
set -euo pipefail

embed=${1:?name the built embedding example, such as target/debug/examples/embed}
here=$(cd "$(dirname "$0")" && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

fail() {
    echo "examples: $1" >&2
    exit 1
}

cp -R "$here/game/." "$copy"
rm -rf "$copy/.refrain" "$copy/out"
cd "$copy"

refrain check
refrain run --progress none
for language in ja fr; do
    lines=$(grep -c '^ferry_\|,ferry_' "out/$language.csv" || true)
    [ "$lines" -eq "$(cat script/*.csv | grep -c '^ferry_')" ] || fail "out/$language.csv has $lines lines"
done

# The same again has nothing to do, and a plan says so.
refrain run --progress none --json > second.json
! grep -q '"calls": *[1-9]' second.json || fail "the second run made calls: $(cat second.json)"
refrain plan --detailed-exitcode > plan.txt || fail "the plan has changes: $(cat plan.txt)"

# One changed line asks for itself and its neighbours, not for the script.
sed -i.before 's/Fine. No bell\./Understood. No bell./' script/act1.csv
rm script/act1.csv.before
code=0
refrain plan --detailed-exitcode > plan.txt || code=$?
[ "$code" -eq 10 ] || fail "a changed line gives exit code $code"
refrain run --progress none
grep -q 'Ùndérst' out/fr.csv || fail "the changed line did not arrive"

cd "$here/.."
"$embed"

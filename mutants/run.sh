#!/bin/sh
# Breaks the engine in each of the ways kept here, one after the other, in a copy, and has the simulator find it with the
# seeds of the gate. Fails where one is not found. Names of patches may be given; all of them otherwise.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cargo=${CARGO:-cargo}
seeds=${REFRAIN_MUTANT_SEEDS:-10000}
copy=${CARGO_TARGET_DIR:-$root/target}/mutants
# A target folder of its own: to cargo the crates of a copy are those of the original.
target=$copy/target
mkdir -p "$copy"

# Files keep their times where they have not changed, so that only what a patch touches is built anew.
refresh() {
    (cd "$root" && git ls-files -z) | (cd "$root" && xargs -0 sh -c '
        copy=$1; shift
        for file; do
            test -f "$file" || continue
            cmp -s "$file" "$copy/$file" && continue
            mkdir -p "$copy/$(dirname "$file")" && cp "$file" "$copy/$file"
        done' refresh "$copy")
}

if [ $# -eq 0 ]; then
    set -- "$here"/*.patch
fi
missed=0
for patch; do
    name=$(basename "$patch" .patch)
    refresh
    (cd "$copy" && patch --quiet --forward --strip=1 < "$here/$name.patch")
    (cd "$copy" && CARGO_TARGET_DIR="$target" "$cargo" build --workspace --locked --quiet --bin simulate)
    found=$("$target/debug/simulate" --seeds "$seeds" --first | grep '^seed ' | head -n 1)
    if [ -z "$found" ]; then
        found="NOT FOUND in $seeds seeds"
        missed=1
    fi
    printf '%-28s %s\n' "$name" "$found"
done
refresh
exit $missed

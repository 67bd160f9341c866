#!/bin/sh
# Mutation testing of model, plan and the proof of a fetch: changes their code in every small way and tells which change
# no test notices. Fails below 85 %. Takes patterns of files to mutate, as in `npm run test:mutation -- src/plan/settle.ts`.
# Works in a copy, kept in the user's cache, so that its packages are none of the project's.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
copy=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}/mutation
version=10.1.1
installed=$copy/node_modules/.installed
wanted="$version $(cksum <"$root/package-lock.json")"

mkdir -p "$copy"
find "$copy" -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
(cd "$root" && tar -cf - --exclude=./node_modules --exclude=./.git --exclude=./dist --exclude=./state .) | tar -xf - -C "$copy"
cd "$copy"
if [ "$(cat "$installed" 2>/dev/null)" != "$wanted" ]; then
  rm -rf node_modules
  npm install --no-save --ignore-scripts --no-audit --no-fund \
    "@stryker-mutator/core@$version" "@stryker-mutator/vitest-runner@$version" >&2
  echo "$wanted" >"$installed"
fi

# Property tests run once for each mutant: few runs are enough.
export RUNTIME_AGENT_RUNS="${RUNTIME_AGENT_RUNS:-20}"
patterns=$(printf '%s,' "$@")
if [ $# -gt 0 ]; then set -- --mutate "${patterns%,}"; fi
exec node_modules/.bin/stryker run "$@" test/mutation/stryker.config.json

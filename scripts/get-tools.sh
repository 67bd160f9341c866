#!/bin/sh
# Gets the real programs that `npm run test:interop` and `test:cluster` run against, as Go modules at fixed versions; needs
# Go. What is there already is kept. Prints the folder. RUNTIME_AGENT_TOOLS names another folder than the user's cache.
# Arguments: the names of those that are wanted [all].
set -eu
tools=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}
mkdir -p "$tools"
wanted=" $* "
get() { # name, module with version, what Go calls the program [the same]
  case $wanted in "  " | *" $1 "*) ;; *) return 0 ;; esac
  [ -x "$tools/$1" ] && return
  CGO_ENABLED=0 GOBIN="$tools" GOFLAGS=-buildvcs=false go install -trimpath -ldflags '-s -w' "$2" >&2
  [ -z "${3:-}" ] || mv "$tools/$3" "$tools/$1"
}
get sops github.com/getsops/sops/v3/cmd/sops@v3.13.3
get kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
get kubeseal github.com/bitnami-labs/sealed-secrets/cmd/kubeseal@v0.27.1
get sealed-secrets-controller github.com/bitnami-labs/sealed-secrets/cmd/controller@v0.27.1 controller
echo "$tools"

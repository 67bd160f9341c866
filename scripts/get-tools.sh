#!/bin/sh
# Gets the real programs that `npm run test:interop` and `test:cluster` run against, as Go modules at fixed versions; needs
# Go. What is there already is kept. Prints the folder. RUNTIME_AGENT_TOOLS names another folder than the user's cache.
# Arguments: the names of those that are wanted [all].
set -eu
tools=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}
mkdir -p "$tools"
wanted=" $* "
wants() { case $wanted in "  " | *" $1 "*) return 0 ;; *) return 1 ;; esac; }
get() { # name, module with version, what Go calls the program [the same]
  wants "$1" || return 0
  [ -x "$tools/$1" ] && return
  CGO_ENABLED=0 GOBIN="$tools" GOFLAGS=-buildvcs=false go install -trimpath -ldflags '-s -w' "$2" >&2
  [ -z "${3:-}" ] || mv "$tools/$3" "$tools/$1"
}
get sops github.com/getsops/sops/v3/cmd/sops@v3.13.3
get kustomize sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
# The Git host that pull requests are tried on. It has replace directives of its own, which `go install` refuses: they are
# repeated. Its templates and the like are read from a folder.
gitea=1.26.0
if wants gitea && { [ ! -x "$tools/gitea" ] || [ ! -d "$tools/gitea-files/templates" ]; }; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  source=$(cd "$work" && go mod download -json "code.gitea.io/gitea@v$gitea" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  mkdir -p "$tools/gitea-files"
  cp -R "$source/templates" "$source/options" "$source/public" "$tools/gitea-files/"
  chmod -R u+w "$tools/gitea-files"
  if [ ! -x "$tools/gitea" ]; then
    { sed -e 's#^module .*#module tools#' -e '/=>[[:space:]]*\.\.\?\//d' "$source/go.mod"; echo "require code.gitea.io/gitea v$gitea"; } >"$work/go.mod"
    cp "$source/go.sum" "$work/"
    chmod u+w "$work/go.sum"
    (cd "$work" && GOFLAGS='-buildvcs=false -mod=mod' CGO_ENABLED=1 go build -trimpath -tags 'sqlite sqlite_unlock_notify' \
      -ldflags "-s -w -X main.Version=$gitea" -o "$tools/gitea" code.gitea.io/gitea) >&2
  fi
fi
get kubeseal github.com/bitnami-labs/sealed-secrets/cmd/kubeseal@v0.27.1
get sealed-secrets-controller github.com/bitnami-labs/sealed-secrets/cmd/controller@v0.27.1 controller
echo "$tools"

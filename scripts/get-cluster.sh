#!/bin/sh
# Gets the real API server that `npm run test:cluster` runs against: kube-apiserver, kubectl and etcd, built as Go modules
# at fixed versions; needs Go, and about ten minutes the first time. What is there already is kept. Prints the folder.
# KUBEBUILDER_ASSETS is taken as it is when it names a folder with all three; RUNTIME_AGENT_TOOLS names another folder
# to build into than the user's cache.
set -eu
kubernetes=36.2
etcd=3.6.8

complete() { [ -x "$1/kube-apiserver" ] && [ -x "$1/kubectl" ] && [ -x "$1/etcd" ]; }

if [ -n "${KUBEBUILDER_ASSETS:-}" ] && complete "$KUBEBUILDER_ASSETS"; then
  echo "$KUBEBUILDER_ASSETS"
  exit
fi
tools=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}
if complete "$tools"; then
  echo "$tools"
  exit
fi
mkdir -p "$tools"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=mod"

# Both have replace directives, which `go install` refuses: each is built from a module of ours that requires it.
build() { # name, package, linker flags…
  # Beside its place and then renamed: what was cut half-way must not look complete.
  [ -x "$tools/$1" ] || { go build -trimpath -o "$tools/$1.new" -ldflags "-s -w $3" "$2" >&2 && mv "$tools/$1.new" "$tools/$1"; }
}

mkdir "$work/etcd"
cd "$work/etcd"
printf 'module tools\n\ngo 1.24.0\n\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$etcd" >go.mod
build etcd go.etcd.io/etcd/server/v3 ""

mkdir "$work/kubernetes"
cd "$work/kubernetes"
printf 'module tools\n' >go.mod
source=$(go mod download -json "k8s.io/kubernetes@v1.$kubernetes" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
# k8s.io/kubernetes requires its parts at v0.0.0, which nobody published: the versions that belong to it are named here.
{
  echo 'module tools'
  grep '^go ' "$source"
  echo "require k8s.io/kubernetes v1.$kubernetes"
  sed -nE "s#^[[:space:]]+(k8s\.io/[a-z-]+) v0\.0\.0([[:space:]].*)?\$#replace \1 => \1 v0.$kubernetes#p" "$source"
} >go.mod
version=k8s.io/component-base/version
flags="-X $version.gitVersion=v1.$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${kubernetes%%.*}"
build kubectl k8s.io/kubernetes/cmd/kubectl "$flags"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "$flags"
echo "$tools"

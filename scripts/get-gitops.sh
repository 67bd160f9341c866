#!/bin/sh
# Gets what `npm run test:cluster` has of the consumers of our commits: Flux's real kustomize-controller, built as a Go
# module at a fixed version, and the published definitions of the objects of Flux, Argo CD and Sealed Secrets, as they lie
# in their modules. Needs Go, and some minutes the first time. What is there already is kept. Prints the folder.
# RUNTIME_AGENT_TOOLS names another folder than the user's cache.
set -eu
flux=1.9.5
source=1.9.6
argocd=3.5.1
sealed=0.27.1

tools=${RUNTIME_AGENT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/runtime-agent-tools}
mkdir -p "$tools/definitions"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=mod"

cd "$work"
printf 'module tools\n' >go.mod
folder() { # module with version
  go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
}
define() { # name, module with version, path in it
  [ -e "$tools/definitions/$1.yaml" ] || install -m 0644 "$(folder "$2")/$3" "$tools/definitions/$1.yaml"
}

controller=github.com/fluxcd/kustomize-controller
define kustomizations "$controller@v$flux" config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml
for kind in gitrepositories ocirepositories buckets externalartifacts; do
  define "$kind" "github.com/fluxcd/source-controller@v$source" "config/crd/bases/source.toolkit.fluxcd.io_$kind.yaml"
done
define argocd-applications "github.com/argoproj/argo-cd/v3@v$argocd" manifests/crds/application-crd.yaml
define sealedsecrets "github.com/bitnami-labs/sealed-secrets@v$sealed" \
  helm/sealed-secrets/crds/bitnami.com_sealedsecrets.yaml

if [ ! -x "$tools/kustomize-controller" ]; then
  # It has replace directives, which `go install` refuses: they are repeated, but for the one by a folder of its own.
  module=$(folder "$controller@v$flux")
  {
    sed -e 's#^module .*#module tools#' -e '/=>[[:space:]]*\.\.\?\//d' "$module/go.mod"
    echo "require $controller v$flux"
  } >go.mod
  install -m 0644 "$module/go.sum" go.sum
  # Beside its place and then renamed: what was cut half-way must not look complete.
  go build -trimpath -ldflags '-s -w' -o "$tools/kustomize-controller.new" "$controller" >&2
  mv "$tools/kustomize-controller.new" "$tools/kustomize-controller"
fi
echo "$tools"

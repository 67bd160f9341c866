#!/bin/sh
# Generates the typed constructs in templates/imports/ from crds/. The generator is large, so it is fetched for the
# occasion; what it writes imports types as values, which `verbatimModuleSyntax` refuses, so that one line is mended.
set -eu
cd "$(dirname "$0")/.."
npm exec --yes cdk8s-cli@2.207.60 -- import crds/applications.yaml --language typescript --output templates/imports
for file in templates/imports/*.ts; do
  sed -i.orig \
    -e "s/^import { ApiObject, ApiObjectMetadata, GroupVersionKind } from 'cdk8s';/import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';/" \
    -e "s/^import { Construct } from 'constructs';/import type { Construct } from 'constructs';/" "$file"
  rm "$file.orig"
done

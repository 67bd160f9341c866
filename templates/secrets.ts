/** The Secrets that an Application's entries refer to (contract 4.4), with placeholders for their values. */

import { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { placeholder, type TemplateInput } from "./contract.js";

export function secrets(scope: Construct, { application, settings }: TemplateInput): ApiObject[] {
  return application.secrets.map(
    ({ name, bundle, keys }, index) =>
      new ApiObject(scope, `secret-${index}`, {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name, namespace: settings.namespace, labels: { app: application.name, bundleId: bundle } },
        type: "Opaque",
        data: Object.fromEntries(keys.map(({ key }) => [key, placeholder(bundle, key)])),
      }),
  );
}

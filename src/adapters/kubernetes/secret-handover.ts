/** Takes Secrets of the cluster from the Sealed Secrets controller. */

import type { SendCall } from "./calls.js";
import { unlessGone } from "./errors.js";
import type { Place } from "./objects.js";

export interface SecretHandover {
  /** Takes its owners away, with whom it would be collected, and lets the controller write it no more. Not there is fine. */
  free(place: Place): Promise<void>;
}

/** Of a missing right to credential Secrets, which leaving mode cluster needs as well. */
const CREDENTIALS_MEND =
  "Apply deploy/rbac-cluster-secrets.yaml, and keep it until no Secret waits to be sealed for another mode.";

/** A call about a credential Secret, as a failure tells it. */
export const credentialCall = (verb: string, { namespace, name }: Place) => ({
  verb,
  resource: "secrets",
  object: `Secret ${namespace}/${name}`,
  mend: CREDENTIALS_MEND,
});

const MANAGED = "sealedsecrets.bitnami.com/managed";

export function createSecretHandover(send: SendCall): SecretHandover {
  const patch = async (place: Place, metadata: object) => {
    const { namespace, name } = place;
    await send(credentialCall("patch", place), async (configuration) => {
      const { CoreV1Api, PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
      return new CoreV1Api(configuration).patchNamespacedSecret(
        { namespace, name, body: { metadata } },
        setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
      );
    }).catch(unlessGone);
  };
  return {
    free: (place) => patch(place, { ownerReferences: null, annotations: { [MANAGED]: null } }),
  };
}

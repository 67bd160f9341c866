/** What the Go agent leaves of a runtime that it paired (contract 3.5, 6.2), and nothing of ours. */

import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatDocument } from "../../../src/adapters/yaml/index.js";
import { agent, freshToken } from "../../e2e/world.js";
import { writeForeign } from "../../state/secrets-behaviour.js";
import type { Runtime } from "../a-runtime.js";

interface Left {
  readonly spec: object;
  readonly status: {
    readonly connectionStatus: { readonly established: string; readonly certificateStatus: object };
  };
}

/** As the API server writes times. */
export const seconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");

/** Puts the Secrets and the CompassConnection in place; gives the latter. The token in there is spent. */
export async function leaveBehind({ world, place, namespace, connectorRequests }: Runtime): Promise<Left> {
  const { connectorURL, secureConnectorURL, directorURL, runtimeID, tenant, ca } = world.sandbox;
  const token = await freshToken(world.sandbox);
  const config = join(world.folder, "elsewhere.yaml");
  const document = {
    runtime: { id: runtimeID, tenant },
    compass: { connectorURL, ca: { file: ca } },
    state: { directory: join(world.folder, "elsewhere") },
    certificate: { keySize: 2048 },
  };
  await writeFile(config, formatDocument(document));
  const { code, stderr } = await agent(["--config", config, "pair", "--token-file", "-"], { input: token });
  if (code !== 0) throw new Error(stderr);

  const file = (name: string) => readFile(join(world.folder, "elsewhere", "identity", "current", name), "utf8");
  const crt = await file("certificate.pem");
  const { certificate, authority } = place.options;
  await writeForeign(place, certificate, { crt, key: await file("key.pem"), crtChain: await file("chain.pem") });
  await writeForeign(place, authority, { cacert: await file("ca.pem") });
  const configuration = { CONNECTOR_URL: connectorURL, RUNTIME_ID: runtimeID, TENANT: tenant, TOKEN: token };
  await writeForeign(place, { namespace, name: "compass-agent-configuration" }, configuration);

  const left = JSON.parse(await readFile(join(import.meta.dirname, "compassconnection.json"), "utf8"));
  const { validFromDate, validToDate } = new X509Certificate(crt);
  const notBefore = seconds(validFromDate);
  left.metadata = { name: "compass-connection" };
  left.spec.managementInfo = { connectorUrl: secureConnectorURL, directorUrl: directorURL };
  left.status.connectionStatus.established = notBefore;
  left.status.connectionStatus.certificateStatus = { acquired: notBefore, notBefore, notAfter: seconds(validToDate) };
  await place.setCompassConnection(left);
  await connectorRequests();
  return left;
}

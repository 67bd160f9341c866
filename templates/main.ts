/** For template writers: renders a recorded snapshot with these templates, no agent, cluster or Compass needed. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Chart } from "cdk8s";
import { packageRoot } from "../src/common/package-root.js";
import { parseSnapshot } from "../src/fetch/index.js";
import { buildEstate } from "../src/model/index.js";
import { template } from "./index.js";

const file = process.env.SNAPSHOT ?? join(packageRoot(), "templates", "example.json");
const estate = buildEstate(parseSnapshot(readFileSync(file, "utf8"), file), { fingerprint: () => null });
const settings = {
  namespace: "kyma-system",
  gatewayURL: "http://central-application-gateway.kyma-system.svc.cluster.local:8082",
  skipVerify: false,
};
for (const application of estate.applications) {
  const app = new App();
  template(new Chart(app, application.name), { application, settings });
  app.synth();
}
for (const { name, reason, message } of estate.setAside) console.error(`${name} is set aside (${reason}): ${message}`);

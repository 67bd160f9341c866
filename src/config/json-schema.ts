/** The JSON Schema of the configuration file, for editors and `config schema`. */

import { z } from "zod";
import { schema } from "./schema.js";

/** Names this format; nothing is served there. */
const ID = "https://runtime-agent.kyma-project.io/schemas/configuration-v1.json";

/** JSON Schema draft 2020-12 of what the file may hold. Rules that reach across keys are not in it. */
export function configSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io: "input" });
  return { $schema, $id: ID, title: "Runtime Agent configuration", ...rest };
}

/** What is told of a change between Sealed Secrets and Secrets that Flux applies, before it is made. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aSealingPair } from "../seal/sealing-pair.js";
import { aWorld, RECIPIENT } from "./world.js";

const GAP = /^with each SealedSecret that leaves Git .* by way of secrets\.mode cluster/;
const NOT_TAKEN = /^the Sealed Secrets controller takes no Secret over .* by way of secrets\.mode cluster/;
const SOPS = { RUNTIME_AGENT_SECRETS_MODE: "sops", RUNTIME_AGENT_SECRETS_SOPS_AGE: RECIPIENT };

describe("a change of the mode", () => {
  it.each([
    ["from SOPS to Sealed Secrets", false, NOT_TAKEN],
    ["from Sealed Secrets to SOPS", true, GAP],
  ])(
    "%s is told with what it does to the cluster, in the plan and by who makes it, and not after",
    async (_, back, said) => {
      const world = await aWorld({ sandbox: { applications: 4 } });
      await world.pair();
      const file = join(world.folder, "sealing.pem");
      await writeFile(file, (await aSealingPair()).certificate);
      const sealed = {
        RUNTIME_AGENT_SECRETS_MODE: "sealed-secrets",
        RUNTIME_AGENT_SECRETS_SEALED_SECRETS_CERTIFICATE_FILE: file,
      };
      const [from, to] = back ? [sealed, SOPS] : [SOPS, sealed];
      const notes = async (command: string, env: Record<string, string>) => {
        const { code, stdout, stderr } = await world.run([command, "-o", "json"], { env });
        if (stdout === "") throw new Error(`${code}: ${stderr}`);
        return JSON.parse(stdout).notes.filter((note: string) => /by way of/.test(note));
      };

      expect(await notes("sync", from)).toEqual([]);
      expect(await notes("plan", to)).toEqual([expect.stringMatching(said)]);
      expect(await notes("sync", to)).toEqual([expect.stringMatching(said)]);
      expect(await notes("sync", to)).toEqual([]);
    },
  );
});

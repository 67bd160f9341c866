/**
 * A data key wrapped for an age recipient: src/seal/age-file.ts against the library, turn by turn within one run, so that the ratio
 * holds on a busy machine. `node bench/age.ts` after `npm run build`; docs/decisions/0014-age-by-node-crypto.md has what came of it.
 */

import { randomBytes } from "node:crypto";
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { ageFile, readAgeKey } from "../dist/src/seal/age-file.js";

const [ROUNDS, EACH] = [30, 20];

const recipient = await identityToRecipient(await generateX25519Identity());
const key = readAgeKey(recipient);
if (key === null) throw new Error("it is no X25519 recipient");
const dataKey = randomBytes(32);

const byNode = async () => armor.encode(ageFile(dataKey, key));

async function byLibrary(): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(dataKey));
}

/** Of the processor, for one, in milliseconds. */
async function cost(wrap: () => Promise<string>): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < EACH; index++) await wrap();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / EACH;
}

const median = (all: readonly number[]) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;

const turns: { node: number; library: number }[] = [];
for (let round = 0; round < ROUNDS; round++) turns.push({ node: await cost(byNode), library: await cost(byLibrary) });
const [node, library] = [median(turns.map((turn) => turn.node)), median(turns.map((turn) => turn.library))];
const ratio = median(turns.map((turn) => turn.library / turn.node));
process.stdout.write(
  `a key wrapped: ${node.toFixed(2)} ms by node:crypto, ${library.toFixed(2)} ms by the library; ${ratio.toFixed(1)} to 1\n`,
);

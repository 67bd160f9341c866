/** `pair`: a one-time token for a certificate. */

import { text as readAll } from "node:stream/consumers";
import { Command } from "commander";
import { openClusterReport, reported } from "../cluster-report.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { Secret } from "../common/secret.js";
import { SecretMissing } from "../common/secret-missing.js";
import { readSecret } from "../config/index.js";
import { type Paired, tokenNeeded } from "../connect/index.js";
import { type Contacts, noContacts } from "../identity-client.js";
import { pairIdentity, usableIdentity } from "../pair-identity.js";
import { EXIT, paint, wrongClock } from "../report/index.js";
import { configuredToken, openState } from "../setup.js";
import { withState } from "../with-state.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface PairFlags {
  readonly tokenFile?: string;
  readonly connectorUrl?: string;
  readonly force?: boolean;
}

export function pairCommand(register: Register): void {
  const command = new Command("pair")
    .description("exchange a one-time token for a certificate and store the identity")
    .option("--token-file <file>", "file with the token, raw or rawEncoded; - is stdin (default: compass.token)")
    .option("--connector-url <url>", "the Connector (default: compass.connectorURL, or what a rawEncoded token names)")
    .option("--force", "pair although there is a valid certificate; it is used until the new one is complete")
    .addHelpText(
      "after",
      "\nExample:\n  runtime-agent pair --token-file token.txt --connector-url https://compass-gateway.example.com/connector/graphql",
    );
  register(command, pair);
}

async function pair(context: Context, { tokenFile, connectorUrl, force = false }: PairFlags): Promise<number> {
  const { env, clock, signal, log } = context;
  const config = await context.resolveToWrite(
    connectorUrl === undefined ? {} : { "compass.connectorURL": connectorUrl },
  );
  await openClusterReport({ ...context, config })?.refuseBesideGoAgent();
  const configured = async () => {
    const state = openState(config, env, signal);
    const pending = await state.pending();
    return configuredToken(config, env, signal).catch(async (thrown: unknown) => {
      // One that was cut short goes on without it.
      if (pending !== null) return null;
      if (thrown instanceof SecretMissing && (await usableIdentity(state, clock.now())) === null)
        throw tokenNeeded(thrown.message);
      throw thrown;
    });
  };
  const finishFirst = tokenFile === undefined;
  const token = tokenFile === undefined ? await configured() : await readToken(context, tokenFile);
  const onHost = (host: string) => context.tell(`Pairing with ${host}; a token is good for one pairing.`);
  const paired = await withState({ config, env, clock, signal, log, patience: 0 }, (state, end) =>
    reported({ config, env, clock, signal, log, state, end, work: "pairing" }, () =>
      tellingClock(context, (contacts) =>
        pairIdentity({ config, env, clock, signal, state, token, force, finishFirst, onHost, contacts }),
      ),
    ),
  );
  tellPaired(context, paired);
  return EXIT.done;
}

/** Does what asks Compass; a clock that differs from Compass's is told whatever came of it. */
export async function tellingClock<T>({ log }: Context, work: (contacts: Contacts) => Promise<T>): Promise<T> {
  const contacts = noContacts();
  try {
    return await work(contacts);
  } finally {
    const wrong = wrongClock(contacts.clockSkew);
    if (wrong !== null) log.warn(`the clock of this machine is ${wrong} Compass's: check it`);
  }
}

/** The answer of `pair` and `reconnect`. */
export function tellPaired(context: Context, { commonName, notBefore, notAfter, host, resumed }: Paired): void {
  const done = paint(context.text, ["green", "bold"], "Paired");
  context.answer(
    { kind: "Pairing", version: 1, clientID: commonName, host, notBefore, notAfter, resumed },
    `${done} with ${host}${resumed ? " (a pairing that was cut short was finished)" : ""}\n` +
      `  client ID    ${forTerminal(commonName, 100)}\n  certificate  valid until ${notAfter.toISOString()}\n`,
  );
}

/** The token in a file, or on stdin for `-`. Throws `Usage` when it cannot be read. */
export async function readToken({ stdin, env }: Context, file: string): Promise<Secret> {
  if (file === "-") return Secret.of((await readAll(stdin)).trim());
  return readSecret({ kind: "file", path: file }, { env, stage: "connect", purpose: "one-time token" }).catch(
    (cause) => {
      throw new Failure(`${file} has no token that could be read`, {
        code: "Usage",
        stage: "connect",
        hint: "Name a readable file with the token in it with --token-file, or - for stdin.",
        cause,
      });
    },
  );
}

/** `renew`, `revoke`, `reconnect`: the certificate's life by hand. */

import { Command } from "commander";
import { openClusterReport, reported } from "../cluster-report.js";
import { forTerminal } from "../common/quote.js";
import { reconnectIdentity } from "../reconnect-identity.js";
import { renewIdentity } from "../renew-identity.js";
import { EXIT, paint } from "../report/index.js";
import { revokeIdentity } from "../revoke-identity.js";
import { withState } from "../with-state.js";
import { confirm } from "./confirm.js";
import type { Context } from "./context.js";
import { readToken, tellingClock, tellPaired } from "./pair.js";
import type { Register } from "./run.js";

export function renewCommand(register: Register): void {
  const command = new Command("renew")
    .description("ask for a new certificate with the one in use, prove it, and use it from then on")
    .addHelpText("after", "\nExample:\n  runtime-agent renew");
  register(command, renew);
}

export function revokeCommand(register: Register): void {
  const command = new Command("revoke")
    .description("revoke the certificate in use; from then on a new one-time token is needed")
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  runtime-agent revoke --yes");
  register(command, revoke);
}

export function reconnectCommand(register: Register): void {
  const command = new Command("reconnect")
    .description("pair anew beside the identity in use, which is replaced when the new one works")
    .option(
      "--token-file <file>",
      "file with a one-time token; - is stdin (default: Director is asked for one while the certificate is valid and compass.connectorURL names the same Compass, else compass.token)",
    )
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  runtime-agent reconnect --token-file token.txt --yes");
  register(command, reconnect);
}

async function renew(context: Context): Promise<number> {
  const { config, failure } = await context.resolveToWriteWhatCanBe();
  if (failure !== null) context.log.warn(`renewing without it: ${failure.message}`, { code: failure.code });
  await openClusterReport({ ...context, config })?.refuseBesideGoAgent();
  const { commonName, notBefore, notAfter, host } = await withState({ ...context, config }, (state, end) =>
    reported({ ...context, config, state, end, work: "renewal" }, async () => {
      if (((await state.pending())?.tokenDigest ?? null) !== null)
        context.log.warn(
          "a pairing was cut short: a renewal that gets its certificate gives it up, and its token is used up",
        );
      return tellingClock(context, (contacts) => renewIdentity({ ...context, config, state, contacts }));
    }),
  );
  context.answer(
    { kind: "Renewal", version: 1, clientID: commonName, host, notBefore, notAfter },
    `${paint(context.text, ["green", "bold"], "Renewed")} by ${host}\n` +
      `  client ID    ${forTerminal(commonName, 100)}\n  certificate  valid until ${notAfter.toISOString()}\n`,
  );
  return EXIT.done;
}

async function revoke(context: Context, { yes = false }: { readonly yes?: boolean }): Promise<number> {
  const { config, failure } = await context.resolveWhatCanBe();
  if (failure !== null) context.log.warn(`revoking without it: ${failure.message}`, { code: failure.code });
  if (!yes)
    await confirm(context, "Revoke the certificate? This agent then needs a new one-time token. It cannot be undone.");
  const { clientID } = await withState({ ...context, config }, (state, end) =>
    reported({ ...context, config, state, end, work: "revocation" }, () =>
      tellingClock(context, (contacts) => revokeIdentity({ ...context, config, state, contacts })),
    ),
  );
  context.answer(
    { kind: "Revocation", version: 1, clientID, revoked: true },
    `${paint(context.text, ["green", "bold"], "Revoked")} the certificate of ${forTerminal(clientID, 100)}\n` +
      "  mend         pair again with a new one-time token: `runtime-agent pair --token-file FILE`\n",
  );
  return EXIT.done;
}

interface ReconnectFlags {
  readonly tokenFile?: string;
  readonly yes?: boolean;
}

async function reconnect(context: Context, { tokenFile, yes = false }: ReconnectFlags): Promise<number> {
  const config = await context.resolveToWrite();
  await openClusterReport({ ...context, config })?.refuseBesideGoAgent();
  const token = tokenFile === undefined ? null : await readToken(context, tokenFile);
  if (!yes) await confirm(context, "Pair anew? The identity in use is replaced when the new one works.");
  const onHost = (host: string) => context.tell(`Pairing with ${host}; a token is good for one pairing.`);
  const paired = await withState({ ...context, config }, (state, end) =>
    reported({ ...context, config, state, end, work: "pairing" }, () =>
      tellingClock(context, (contacts) => reconnectIdentity({ ...context, config, state, token, onHost, contacts })),
    ),
  );
  tellPaired(context, paired);
  return EXIT.done;
}

/** `status`: connection, certificate, last cycle. Asks nobody: it tells what the state holds. */

import { Command } from "commander";
import { forTerminal } from "../common/quote.js";
import { readCertificate } from "../connect/index.js";
import { EXIT, named, paint } from "../report/index.js";
import { openState } from "../setup.js";
import type { Approval, HeldSet, Suspension } from "../state/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

export function statusCommand(register: Register): void {
  const command = new Command("status")
    .description("connection, certificate and last cycle, as the state has them; exit code 3 when a token is needed")
    .addHelpText("after", "\nExample:\n  runtime-agent status -o json");
  register(command, status);
}

const why = ({ reason }: Suspension) => (reason === null ? "" : ` (${forTerminal(reason, 200)})`);

const approvedUntil = ({ hash }: HeldSet, approvals: readonly Approval[], now: Date) =>
  approvals.find((each) => each.hash === hash && new Date(each.expires) > now)?.expires ?? null;

const DAY = 24 * 60 * 60 * 1000;

async function status(context: Context): Promise<number> {
  const config = await context.resolve();
  const state = openState(config, context.env);
  const [identity, connection, pending, { lastCycle, hold, approvals, suspended, reverted }] = [
    await state.identity(),
    await state.connection(),
    await state.pending(),
    await state.memory(),
  ];
  const now = context.clock.now();
  const dates = identity === null ? null : readCertificate(identity.certificate);
  const valid = dates !== null && connection !== null && dates.notAfter > now;
  const daysLeft = dates === null ? null : Math.floor((dates.notAfter.getTime() - now.getTime()) / DAY);
  const data = {
    kind: "Status",
    version: 1,
    runtime: config.runtime.id,
    connection: { state: valid ? "Connected" : pending === null ? "TokenNeeded" : "PairingUnfinished", ...connection },
    certificate: dates && {
      notBefore: dates.notBefore,
      notAfter: dates.notAfter,
      daysLeft,
      expired: dates.notAfter <= now,
    },
    lastCycle,
    suspended,
    held: hold && {
      hash: hold.hash,
      since: hold.since,
      approvedUntil: approvedUntil(hold, approvals, now),
      units: hold.units,
    },
    reverted: Object.entries(reverted)
      .filter(([, { resumed }]) => !resumed)
      .map(([name, { since }]) => ({ name, since })),
  };
  const good = (text: string) => paint(context.text, "green", text);
  const bad = (text: string) => paint(context.text, "red", text);
  const rows: (readonly [string, string])[] = [
    ["runtime", config.runtime.id ?? "not configured (runtime.id)"],
    ["connection", valid ? good(`paired with ${new URL(connection.connectorURL).host}`) : bad("no usable certificate")],
    ...(connection === null ? [] : [["client ID", connection.clientID] as const]),
    ...(dates === null
      ? []
      : [["certificate", `until ${dates.notAfter.toISOString()} (${daysLeft} days left)`] as const]),
    [
      "last cycle",
      lastCycle === null ? "none yet" : `${lastCycle.finishedAt}: ${lastCycle.failure ?? lastCycle.result}`,
    ],
  ];
  if (lastCycle !== null && lastCycle.failure === null) {
    const { total, held, setAside, degraded } = lastCycle.applications;
    rows.push(["Applications", `${total}, of them ${held} held, ${setAside} set aside, ${degraded} remarks`]);
  }
  const { everything, applications } = suspended;
  if (everything !== null) rows.push(["suspended", `everything, since ${everything.since}${why(everything)}`]);
  for (const [name, each] of Object.entries(applications)) {
    rows.push(["suspended", `${forTerminal(name, 63)}, since ${each.since}${why(each)}`]);
  }
  for (const { name, since } of data.reverted) {
    const mend = `\`runtime-agent resume ${forTerminal(name, 63)}\` writes it again`;
    rows.push(["reverted", `${forTerminal(name, 63)}, put back in Git, seen ${since}; ${mend}`]);
  }
  if (data.held !== null) {
    const { hash, since, approvedUntil: until, units } = data.held;
    const approved = until === null ? `\`runtime-agent approve ${hash}\` lets them pass` : `approved until ${until}`;
    rows.push(["held", `${named([...new Set(units.map(({ name }) => name))])}, since ${since}; ${approved}`]);
  }
  if (!valid) {
    const unfinished =
      "a pairing was cut short: run `runtime-agent pair` to finish it; if that is refused, pair with a new token";
    rows.push([
      "mend",
      pending === null ? "run `runtime-agent pair --token-file FILE` with a new one-time token" : unfinished,
    ]);
  }
  context.answer(data, rows.map(([name, value]) => `${name.padEnd(13)}${value}\n`).join(""));
  return valid ? EXIT.done : EXIT.tokenNeeded;
}

/** `status`: connection, certificate, last cycle. Asks nobody: it tells what the state holds. */

import { Command } from "commander";
import { readCertificate } from "../connect/index.js";
import { EXIT, paint } from "../report/index.js";
import { openState } from "../setup.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

export function statusCommand(register: Register): void {
  const command = new Command("status")
    .description("connection, certificate and last cycle, as the state has them; exit code 3 when a token is needed")
    .addHelpText("after", "\nExample:\n  runtime-agent status -o json");
  register(command, status);
}

const DAY = 24 * 60 * 60 * 1000;

async function status(context: Context): Promise<number> {
  const config = await context.resolve();
  const state = openState(config);
  const [identity, connection, pending, { lastCycle }] = [
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

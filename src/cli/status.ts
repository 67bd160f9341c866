/** `status`: connection, certificate, last cycle, and what is wrong. Asks nobody: it tells what the state holds. */

import { Command } from "commander";
import { certificateRemarks, type Remark } from "../certificate-remarks.js";
import { forTerminal } from "../common/quote.js";
import type { Config } from "../config/index.js";
import {
  canFinish,
  endedBy,
  endedWords,
  hostIn,
  inspectIdentity,
  isAllowed,
  nextAttempt,
  unprovenRenewal,
  validFrom,
} from "../connect/index.js";
import { renewalOf } from "../maintain.js";
import { movedConnector } from "../reconnect-identity.js";
import { renewalDue } from "../renew-identity.js";
import { EXIT, named, paint, requestText, wrongClock } from "../report/index.js";
import { openState } from "../setup.js";
import type { AppliedMemory, Approval, HeldSet, Memory, State, Suspension } from "../state/index.js";
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

function appliedText({ at, since, obstacle }: AppliedMemory, good: Paint, bad: Paint): string {
  if (since === null) return `${good("all that is committed")}, seen ${at}`;
  return `${bad("not all that is committed")}, since ${since}, seen ${at}: ${forTerminal(obstacle ?? "")}`;
}

type Paint = (text: string) => string;

const DAY = 24 * 60 * 60 * 1000;

const NEW_TOKEN =
  "`runtime-agent pair --token-file FILE` with a new one-time token, or put one where compass.token reads it";

/** The identity as it is stored, and what is to be said of it. */
async function connectionOf(config: Config, state: State, { certificate: memory }: Memory, now: Date) {
  const [identity, connection, pending] = [await state.identity(), await state.connection(), await state.pending()];
  const inspected = identity === null ? null : inspectIdentity(identity);
  const dates = inspected?.usable?.dates ?? null;
  const isValid = dates !== null && connection !== null && dates.notAfter > now;
  const { rejected, renewal, unreached } = memory;
  const problems: Remark[] = [];
  const add = (problem: string, mend: string) => problems.push({ problem, mend });

  const isCut = pending !== null && canFinish(pending, now);
  const isUnproven = unprovenRenewal(pending, now) !== null;
  const from = pending === null ? null : validFrom(pending, now);
  if (from !== null) {
    add(
      `the new certificate is valid only from ${from.toISOString()}`,
      "the next sync after that uses it; if that is far away, set this machine's clock",
    );
  }
  if (!isValid && isCut) {
    add(
      "a pairing was cut short",
      "the next sync finishes it, or `runtime-agent pair` now; if that is refused, pair with a new token",
    );
  } else if (identity === null || connection === null) add("not paired with Compass", NEW_TOKEN);
  else if (dates === null) add(`the certificate cannot be used (${inspected?.flaw})`, NEW_TOKEN);
  else if (!isValid && isUnproven) {
    add(
      `the certificate expired on ${dates.notAfter.toISOString()}; a renewed one is stored, but not proven yet`,
      "the next sync proves and uses it, or `runtime-agent renew` now",
    );
  } else if (!isValid) add(`the certificate expired on ${dates.notAfter.toISOString()}`, NEW_TOKEN);
  if (isValid && rejected !== null) {
    add(
      `Compass does not accept the certificate since ${rejected.since}, ${rejected.times} times`,
      `nothing while Compass has an outage; else ${NEW_TOKEN.replace("pair", "reconnect")}`,
    );
  }
  if (isValid && inspected !== null && inspected.flaw !== null) {
    add(`a part of the stored certificate is damaged (${inspected.flaw})`, "the next sync renews it; or `renew` now");
  }
  const next = dates === null ? null : nextAttempt(memory, { notAfter: dates.notAfter, isIssued: isUnproven }, now);
  const isAskedFor =
    isValid &&
    identity !== null &&
    renewalOf(config, { identity, connection }, { pending, memory, requested: false }, now) !== null;
  if (isValid && renewal !== null) {
    const again = next === null || next <= now ? "with the next sync" : `at ${next.toISOString()}`;
    add(
      `renewing fails since ${renewal.since}, ${renewal.times} times (${renewal.failure})`,
      isAskedFor
        ? `it is tried again ${again}; \`runtime-agent renew\` tries now and says what is wrong`
        : "nothing: it is not due; `runtime-agent renew` tries again",
    );
  }
  if (isValid) problems.push(...certificateRemarks(config, { dates, connection }, memory, now));
  if (isValid && isCut && pending.tokenDigest !== null) {
    add(
      rejected === null ? "a pairing anew was cut short; the identity in use serves" : "a pairing anew was cut short",
      "the next sync finishes it, or `runtime-agent pair`",
    );
  }
  if (isValid && unreached !== null) {
    add(
      `Director is not reached since ${unreached.since}, ${unreached.times} times (${unreached.failure})`,
      "each sync tries again; after a day Compass is asked whether it has moved. `runtime-agent doctor` says what is wrong",
    );
  }
  const asked = [connection, isCut || isUnproven ? (pending?.urls ?? null) : null];
  if (asked.some((urls) => urls !== null && !isAllowed(urls, config.compass.hosts))) {
    add(
      "an address of Compass is not allowed: nothing is sent there",
      "if it is right, add its host to compass.hosts; else mend spec.managementInfo of the CompassConnection, or `runtime-agent reconnect --token-file FILE`",
    );
  }
  const ended = endedBy(pending, now);
  if (!isValid && ended !== null) add(endedWords(ended), `set this machine's clock; if it is right: ${NEW_TOKEN}`);
  const moved = connection === null ? null : movedConnector(config, connection);
  if (moved !== null) {
    add(moved, `if Compass moved: ${NEW_TOKEN.replace("pair", "reconnect")}`);
  }
  const wrong = wrongClock(memory.clockSkew);
  if (wrong !== null) add(`the clock of this machine is ${wrong} Compass's`, "set it, best by NTP");
  const due = dates === null ? null : renewalDue(config, dates, connection?.clientID ?? "");
  const certificate = dates && {
    notBefore: dates.notBefore,
    notAfter: dates.notAfter,
    daysLeft: Math.floor((dates.notAfter.getTime() - now.getTime()) / DAY),
    expired: dates.notAfter <= now,
    renewalDue: due,
    pending: pending !== null && pending.tokenDigest === null,
    renewedAt: connection?.renewedAt ?? null,
    nextAttempt: due !== null && due <= now && next !== null && next > now ? next : null,
  };
  const word =
    isValid && rejected === null
      ? ("Connected" as const)
      : !isValid && (isCut || isUnproven)
        ? ("PairingUnfinished" as const)
        : ("TokenNeeded" as const);
  return { word, connection, certificate, problems, isValid, rejected };
}

async function status(context: Context): Promise<number> {
  const { config, failure } = await context.resolveWhatCanBe();
  const state = openState(config, context.env, context.signal);
  const now = context.clock.now();
  const memory = await state.memory();
  const { lastCycle, hold, approvals, suspended, reverted, applied, proposal } = memory;
  const { word, connection, certificate, problems, isValid, rejected } = await connectionOf(config, state, memory, now);
  const wrong = [...(failure === null ? [] : [{ problem: failure.message, mend: failure.hint }]), ...problems];
  const data = {
    kind: "Status",
    version: 1,
    runtime: config.runtime.id,
    connection: { state: word, ...connection, lastContact: memory.certificate.lastContact, rejected },
    certificate,
    problems: wrong,
    lastCycle,
    applied: applied && { current: applied.since === null, ...applied },
    pullRequest: proposal?.request ?? null,
    blocked: proposal?.blocked !== null && proposal?.blocked !== undefined,
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
  const paired = connection === null ? "" : `paired with ${hostIn(connection.connectorURL)}`;
  const rows: (readonly [string, string])[] = [
    ["runtime", config.runtime.id ?? "not configured (runtime.id)"],
    [
      "connection",
      word === "Connected"
        ? good(paired)
        : bad(isValid ? `${paired}, which does not accept the certificate` : "no usable certificate"),
    ],
    ...(connection === null ? [] : [["client ID", forTerminal(connection.clientID, 100)] as const]),
  ];
  if (certificate !== null) {
    const { notAfter, daysLeft, expired, renewalDue: due, pending, renewedAt, nextAttempt: next } = certificate;
    const renewed = renewedAt === null ? "" : `, renewed ${renewedAt}`;
    rows.push([
      "certificate",
      `until ${notAfter.toISOString()} (${expired ? "expired" : `${daysLeft} days left`})${renewed}`,
    ]);
    const underWay = pending ? ", under way" : "";
    const waits = next === null ? "" : `, not before ${next.toISOString()}`;
    if (isValid) rows.push(["renewal", `due ${due?.toISOString()}${underWay}${waits}`]);
  }
  const { lastContact } = memory.certificate;
  if (connection !== null) rows.push(["last contact", lastContact ?? "none yet"]);
  rows.push([
    "last cycle",
    lastCycle === null ? "none yet" : `${lastCycle.finishedAt}: ${lastCycle.failure ?? lastCycle.result}`,
  ]);
  if (lastCycle !== null && lastCycle.failure === null) {
    const { total, held, setAside, degraded } = lastCycle.applications;
    rows.push(["Applications", `${total}, of them ${held} held, ${setAside} set aside, ${degraded} remarks`]);
  }
  if (applied !== null) rows.push(["applied", appliedText(applied, good, bad)]);
  if (data.pullRequest !== null) {
    const { number, url } = data.pullRequest;
    const words = requestText(data.pullRequest, data.blocked);
    rows.push(["pull request", `${number}, ${words}: ${forTerminal(url, 300)}`]);
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
  for (const { problem, mend } of wrong) rows.push(["wrong", bad(problem)], ["mend", mend]);
  context.answer(data, rows.map(([name, value]) => `${name.padEnd(13)}${value}\n`).join(""));
  return word === "Connected" ? EXIT.done : EXIT.tokenNeeded;
}

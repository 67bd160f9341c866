/** What is to be said of a certificate that serves, in the words of all who say it. Pure. */

import { type Config, formatDuration } from "./config/index.js";
import { isShortLived, type Usable } from "./connect/index.js";
import { renewalDue } from "./renew-identity.js";
import type { CertificateMemory } from "./state/index.js";

export interface Remark {
  readonly problem: string;
  readonly mend: string;
}

/** What each cycle says: neither passes by the work of the agent. */
export function lastingRemarks({ schedule }: Config, { dates }: Pick<Usable, "dates">, now: Date): Remark[] {
  const { notBefore, notAfter } = dates;
  const remarks: Remark[] = [];
  if (notBefore > now) {
    remarks.push({
      problem: `the certificate in use is valid only from ${notBefore.toISOString()} by the clock of this machine`,
      mend: "set this machine's clock; if it is right, Compass refuses the certificate until then",
    });
  }
  if (isShortLived(dates, schedule.every)) {
    const life = notAfter.getTime() - notBefore.getTime();
    remarks.push({
      problem: `the certificate lives for ${formatDuration(life)}, less than three intervals of schedule.every (${formatDuration(schedule.every)})`,
      mend: `set schedule.every to ${formatDuration(Math.floor(life / 3_000) * 1_000)} or less, and a CronJob's schedule likewise`,
    });
  }
  return remarks;
}

/** The same, and a renewal that nobody has tried although it is due for longer than an interval. */
export function certificateRemarks(
  config: Config,
  usable: Pick<Usable, "dates" | "connection">,
  memory: Pick<CertificateMemory, "renewal">,
  now: Date,
): Remark[] {
  const remarks = lastingRemarks(config, usable, now);
  const due = renewalDue(config, usable.dates, usable.connection.clientID);
  if (memory.renewal === null && due.getTime() + config.schedule.every < now.getTime()) {
    remarks.push({
      problem: `the renewal is overdue since ${due.toISOString()}: no sync has tried it`,
      mend: "`runtime-agent renew` renews now, or says what is wrong; see also that `run` or a CronJob is working",
    });
  }
  return remarks;
}

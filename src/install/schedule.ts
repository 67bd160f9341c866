/** From the time between two cycles to what a CronJob can be told. Pure. */

const MINUTE = 60_000;
const HOURS = [1, 2, 3, 4, 6, 8, 12, 24];
const MINUTES = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30];

export interface CronSchedule {
  /** In the notation of cron. */
  readonly cron: string;
  /** The time between two starts that this gives, in milliseconds. */
  readonly every: number;
}

/** The schedule that comes next to `every` and is not slower, at most once a minute: cron's steps must divide an hour or a day. */
export function cronSchedule(every: number): CronSchedule {
  const minutes = Math.max(1, every / MINUTE);
  if (minutes >= 60) {
    const hours = HOURS.findLast((each) => each * 60 <= minutes) ?? 1;
    const cron = hours === 24 ? "0 0 * * *" : hours === 1 ? "0 * * * *" : `0 */${hours} * * *`;
    return { cron, every: hours * 60 * MINUTE };
  }
  const step = MINUTES.findLast((each) => each <= minutes) ?? 1;
  return { cron: step === 1 ? "* * * * *" : `*/${step} * * * *`, every: step * MINUTE };
}

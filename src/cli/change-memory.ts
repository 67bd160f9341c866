/** A command's change of the memory, while no cycle has it in hand. */

import { retry } from "../common/retry.js";
import type { Memory, State } from "../state/index.js";
import type { Context } from "./context.js";

/** How long a command waits for a cycle to end, in milliseconds. */
const PATIENCE = 60_000;

/** Waits for the lock, reads, changes, writes. Throws `StateLocked` when a cycle takes too long. */
export async function changeMemory(
  { clock, signal, log }: Context,
  state: State,
  change: (memory: Memory) => Memory,
): Promise<void> {
  const deadline = new Date(clock.now().getTime() + PATIENCE);
  const unlock = await retry(() => state.lock(), {
    clock,
    signal,
    deadline,
    attempts: Number.POSITIVE_INFINITY,
    cap: 2_000,
    when: ({ code }) => code === "StateLocked",
    onRetry: (_, attempt) => {
      if (attempt === 1) log.info("waiting for the cycle that is running");
    },
  });
  try {
    await state.saveMemory(change(await state.memory()));
  } finally {
    await unlock();
  }
}

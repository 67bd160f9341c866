/** A command's change of the memory, while no cycle has it in hand. */

import type { Config } from "../config/index.js";
import type { Memory } from "../state/index.js";
import { withState } from "../with-state.js";
import type { Context } from "./context.js";

/** Waits for the lock, reads, changes, writes. Throws `StateLocked` when a cycle takes too long. */
export async function changeMemory(
  context: Context,
  config: Config,
  change: (memory: Memory) => Memory,
): Promise<void> {
  await withState({ ...context, config }, async (state) => state.saveMemory(change(await state.memory())));
}

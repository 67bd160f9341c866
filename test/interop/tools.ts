/** Where scripts/get-tools.sh puts the real programs. */

import { homedir } from "node:os";
import { join } from "node:path";

export const tools =
  process.env.RUNTIME_AGENT_TOOLS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "runtime-agent-tools");

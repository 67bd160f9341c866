/** Reads `git.url`: which repository is meant, how git is told, and how a message may name it. */

import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Failure } from "../../common/failure.js";
import { forTerminal } from "../../common/quote.js";

export interface Address {
  /** What git gets. A folder is given as `file://`, because git ignores depth and filter for plain paths. */
  readonly url: string;
  /** `https://host:port`, to which credentials are bound; null for a folder. */
  readonly origin: string | null;
  /** For messages: no user info, no query, one printable line. */
  readonly shown: string;
}

const invalid = (message: string, hint: string) =>
  new Failure(message, { code: "ConfigurationInvalid", stage: "config", hint });

/** `git@host:path` and the like: a colon before the first slash, as git itself decides. */
const SCP_LIKE = /^[^/]+:/;

/** The part that ssh is told: no option, nothing that a shell or another transport would read. */
const SCP_ADDRESS =
  /^(?:[A-Za-z0-9_][A-Za-z0-9._+-]*@)?(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?![:-])[^\0\s]/;

/** True for an address that ssh leads to. */
export const isSSH = ({ url, origin }: Address) => origin === null && !url.startsWith("file:");

/**
 * Throws a Failure `ConfigurationInvalid` for what is no usable address, and `BaseUnusable` for a protocol that the agent
 * does not speak. An address with a password is refused without repeating it.
 */
export function parseAddress(text: string): Address {
  if (text === "" || text.includes("\0")) {
    throw invalid("git.url is empty or not text", "Set git.url to a folder or an https address of a repository.");
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    if (SCP_ADDRESS.test(text)) return { url: text, origin: null, shown: forTerminal(text, 200) };
    if (SCP_LIKE.test(text)) throw unsupported(forTerminal(text.slice(0, text.indexOf(":")), 20));
    return folder(resolve(text));
  }
  const url = URL.parse(text);
  if (url === null) throw invalid("git.url is not a valid address", "Mend git.url.");
  if (url.protocol === "ssh:" && url.password === "") return secureShell(url);
  if (url.username !== "" || url.password !== "") {
    throw invalid("git.url holds a user name or a password", "Move them to git.auth, and leave git.url without them.");
  }
  if (url.search !== "" || url.hash !== "") {
    throw invalid("git.url has a query or a fragment", "Leave out what follows ? or # in git.url.");
  }
  if (url.protocol === "file:") {
    if (url.hostname !== "") throw invalid("git.url names a host in a file address", "Use file:///folder in git.url.");
    return folder(fileURLToPath(url));
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw unsupported(forTerminal(url.protocol.slice(0, -1), 20));
  }
  return { url: url.href, origin: url.origin, shown: forTerminal(url.href, 200) };
}

/** A user name is part of the address there: who comes is decided by the key. */
function secureShell(url: URL): Address {
  const user = /^(?:[A-Za-z0-9_][A-Za-z0-9._+-]*)?$/.test(url.username);
  const host = /^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])$/.test(url.hostname);
  if (user && host && url.search === "" && url.hash === "" && !url.pathname.startsWith("/-")) {
    return { url: url.href, origin: null, shown: forTerminal(url.href, 200) };
  }
  throw invalid("git.url is not a valid ssh address", "Write it as ssh://git@host/path or git@host:path.");
}

function folder(path: string): Address {
  return { url: pathToFileURL(path).href, origin: null, shown: forTerminal(path, 200) };
}

function unsupported(protocol: string): Failure {
  return new Failure(`git.url asks for ${protocol}, which the agent cannot use`, {
    code: "BaseUnusable",
    stage: "base",
    hint: "Use the repository's https or ssh address in git.url, or a folder.",
  });
}

/** The small notations of the configuration: durations, sizes, percentages, addresses, URLs. Pure, both ways. */

/** Either the value, or what is wrong with the text in plain words that do not repeat it. */
export type Parsed<T> = { readonly value: T } | { readonly wrong: string };

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

export const DURATION = /^(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
export const ISO_DURATION = /^P(?=\d|T\d)(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Longest duration taken, so that adding it to any date stays a date: a hundred years. */
const LONGEST = 36_525 * UNITS.d;

/** `2m`, `1h30m`, `10d`, `0s`, `250ms` or ISO 8601 (`PT2M`) in milliseconds. */
export function parseDuration(text: string): Parsed<number> {
  const parts = DURATION.exec(text) ?? ISO_DURATION.exec(text);
  if (parts === null) return { wrong: "is not a duration" };
  const units = Object.values(UNITS);
  const milliseconds = parts
    .slice(1)
    .reduce((sum, digits, index) => sum + Number(digits ?? 0) * (units[index] ?? 0), 0);
  return milliseconds > LONGEST ? { wrong: "is longer than a hundred years" } : { value: milliseconds };
}

/** The shortest notation that `parseDuration` reads back to the same number. */
export function formatDuration(milliseconds: number): string {
  let rest = milliseconds;
  let text = "";
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text || "0s";
}

const SIZES: Record<string, number> = {
  "": 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

/** `256MiB`, `10MB` or a plain number of bytes. */
export function parseSize(given: string | number): Parsed<number> {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s?([A-Za-z]*)$/.exec(String(given)) ?? [];
  const factor = Object.hasOwn(SIZES, unit) ? SIZES[unit] : undefined;
  if (digits === undefined || factor === undefined) return { wrong: "is not a size in bytes" };
  const bytes = Number(digits) * factor;
  return Number.isSafeInteger(bytes) && bytes > 0
    ? { value: bytes }
    : { wrong: "is not a whole, positive number of bytes" };
}

/** The shortest notation that `parseSize` reads back to the same number. */
export function formatSize(bytes: number): string {
  const unit = ["GiB", "GB", "MiB", "MB", "KiB", "kB"].find((name) => bytes % (SIZES[name] ?? 1) === 0);
  return unit === undefined ? String(bytes) : `${bytes / (SIZES[unit] ?? 1)}${unit}`;
}

/** `20%` or `0.2`, as a number from 0 to 1. */
export function parseShare(given: string | number): Parsed<number> {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(String(given)) ?? [];
  if (digits === undefined) return { wrong: "is not a share" };
  // By decimal places, so that 67% is 0.67 and not 0.6700000000000002.
  const share = percent === "%" ? Number(`${digits}e-2`) : Number(digits);
  return share <= 1 ? { value: share } : { wrong: "is more than the whole" };
}

export function formatShare(share: number): string {
  return `${Number((share * 100).toPrecision(12))}%`;
}

/** Where the page listens: `127.0.0.1:8091`, `[::1]:8091` or `localhost:8091`. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export function parseAddress(text: string): Parsed<Address> {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535) return { wrong: "is not a host and port" };
  return { value: { host, port } };
}

export function formatAddress({ host, port }: Address): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A Secret, or any other object, of a namespace. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** RFC 1123 label, as Kubernetes asks of a namespace. */
export function parseNamespace(text: string): Parsed<string> {
  return LABEL.test(text) ? { value: text } : { wrong: "is not a namespace" };
}

export function parseNamespacedName(text: string): Parsed<NamespacedName> {
  const [namespace = "", name = "", ...more] = text.split("/");
  const valid = LABEL.test(namespace) && SUBDOMAIN.test(name) && more.length === 0;
  return valid ? { value: { namespace, name } } : { wrong: "does not name a namespace and an object in it" };
}

/** Hosts that a request can only reach on this machine; there plain http is no risk. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(host);
}

/** An absolute http or https URL without credentials. `secure`: https, unless the host is loopback. */
export function parseURL(text: string, { secure }: { readonly secure: boolean }): Parsed<string> {
  const url = /\s|[^\u0021-\uffff]/.test(text) ? null : URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text)) return { wrong: "is not an http or https URL" };
  if (url.username !== "" || url.password !== "") return { wrong: "holds credentials, which a URL must not" };
  if (secure && url.protocol === "http:" && !isLoopback(url.hostname)) return { wrong: "is not https" };
  return { value: text };
}

/** How a Git repository is reached. */
export type GitLocation = "path" | "https" | "ssh";

/** Tells a file path from `https://…`, `ssh://…` and `user@host:path`; null when it is none of them. */
export function gitLocation(text: string): GitLocation | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the purpose
  if (text === "" || text.startsWith("-") || /[\u0000-\u001f\u007f]/.test(text)) return null;
  const [, scheme] = /^([^/]*):\/\//.exec(text) ?? [];
  if (scheme !== undefined) return LOCATIONS.get(scheme.toLowerCase()) ?? null;
  // "ext::…" would run a command; a colon before the first slash is ssh to Git.
  const [, host, rest] = /^([^/:]+):(.*)$/.exec(text) ?? [];
  if (host === undefined || rest === undefined) return "path";
  return rest === "" || rest.startsWith(":") || /\s/.test(host) ? null : "ssh";
}

const LOCATIONS = new Map<string, GitLocation>([
  ["file", "path"],
  ["http", "https"],
  ["https", "https"],
  ["ssh", "ssh"],
]);

/** A repository's address without a password in it. */
export function parseGitURL(text: string): Parsed<string> {
  const location = gitLocation(text);
  if (location === null) return { wrong: "is not the address of a Git repository" };
  if (location === "https") return parseURL(text, { secure: false });
  const url = location === "ssh" && text.includes("://") ? URL.parse(text) : undefined;
  if (url === null || url?.hostname === "" || (url && /\s/.test(text))) {
    return { wrong: "is not the address of a Git repository" };
  }
  return url?.password ? { wrong: "holds credentials, which a URL must not" } : { value: text };
}

/** A clean relative path within a repository; "" is its root. */
export function parseRepositoryPath(text: string): Parsed<string> {
  if (text === "" || text === ".") return { value: "" };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the purpose
  if (/[\u0000-\u001f\u007f-\u009f\\]/.test(text)) return { wrong: "holds a backslash or a control character" };
  if (text.startsWith("/")) return { wrong: "is absolute" };
  const parts = text.replace(/\/$/, "").split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".."))
    return { wrong: "has an empty part, . or .." };
  if (parts.some((part) => part.toLowerCase() === ".git")) return { wrong: "leads into .git" };
  return { value: parts.join("/") };
}

/** The rules of `git check-ref-format --branch`. */
export function parseBranch(text: string): Parsed<string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the purpose
  const forbidden = /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|^[-/]|[/.]$|^@$|^HEAD$/;
  const parts = text.split("/");
  const valid =
    text !== "" && !forbidden.test(text) && !parts.some((part) => part.startsWith(".") || part.endsWith(".lock"));
  return valid ? { value: text } : { wrong: "is not a branch name that Git takes" };
}

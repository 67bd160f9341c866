/** Who may sign, as in git's allowed signers file (ssh-keygen, ALLOWED SIGNERS), or public keys one a line. Pure. */

export interface AllowedSigner {
  /** The key as in `authorized_keys`. */
  readonly blob: Buffer;
  /** Both ends count as within; null for none. */
  readonly validAfter: Date | null;
  readonly validBefore: Date | null;
}

const TYPE = /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))$/;

const NAMESPACE = "git";

/** Lines that cannot be read are left out, as are those of authorities and of other namespaces than git's. */
export function readSigners(text: string): AllowedSigner[] {
  return text.split("\n").flatMap((line) => signerOf(line.trim()) ?? []);
}

/** `PRINCIPALS [OPTIONS] TYPE KEY [COMMENT]`, or `TYPE KEY [COMMENT]`. */
function signerOf(line: string): AllowedSigner | null {
  if (line === "" || line.startsWith("#")) return null;
  const words = wordsOf(line);
  const at = words.slice(0, 3).findIndex((word) => TYPE.test(word));
  const encoded = words[at + 1] ?? "";
  if (at < 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const options = at === 2 ? optionsOf(words[1] ?? "") : new Map<string, string | null>();
  if (options === null || options.has("cert-authority")) return null;
  const namespaces = options.get("namespaces");
  if (namespaces !== undefined && !matches(namespaces ?? "", NAMESPACE)) return null;
  const [validAfter, validBefore] = ["valid-after", "valid-before"].map((name) => {
    const given = options.get(name);
    return given === undefined ? null : timeOf(given ?? "");
  });
  if (validAfter === undefined || validBefore === undefined) return null;
  if (validAfter !== null && validBefore !== null && validAfter >= validBefore) return null;
  return { blob: Buffer.from(encoded, "base64"), validAfter, validBefore };
}

/** True when a signer counts at that time. */
export const isValidAt = ({ validAfter, validBefore }: AllowedSigner, at: Date): boolean =>
  (validAfter === null || at >= validAfter) && (validBefore === null || at <= validBefore);

/** Words parted by white space; what stands in double quotes is not. */
const wordsOf = (line: string): string[] => line.match(/(?:"(?:\\.|[^"\\])*"|[^\s"])+/g) ?? [];

/** By name in small letters, in which they may be written either way. Null when one is not known: the line may mean less. */
function optionsOf(word: string): ReadonlyMap<string, string | null> | null {
  const options = new Map<string, string | null>();
  for (const part of word.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? []) {
    const [, name = "", value] = /^([A-Za-z-]+)(?:="((?:\\.|[^"\\])*)")?$/.exec(part) ?? [];
    const known = name.toLowerCase();
    const needsValue = known !== "cert-authority";
    if (!OPTIONS.has(known) || options.has(known) || needsValue !== (value !== undefined)) return null;
    options.set(known, value?.replace(/\\(.)/g, "$1") ?? null);
  }
  return options;
}

const OPTIONS: ReadonlySet<string> = new Set(["cert-authority", "namespaces", "valid-after", "valid-before"]);

/** Whether one of the patterns, parted by commas, fits and none with `!` does. */
function matches(patterns: string, name: string): boolean {
  const each = patterns.split(",").map((pattern) => pattern.trim());
  const fits = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("*", ".*")
        .replaceAll("?", ".")}$`,
    ).test(name);
  if (each.some((pattern) => pattern.startsWith("!") && fits(pattern.slice(1)))) return false;
  return each.some((pattern) => !pattern.startsWith("!") && fits(pattern));
}

/** `YYYYMMDD[HHMM[SS]][Z]`, without Z in this machine's own time zone. Undefined when it is none. */
function timeOf(text: string): Date | undefined {
  const [, year, month, day, hour = "00", minute = "00", second = "00", zone = ""] =
    /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z?)$/i.exec(text) ?? [];
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone.toUpperCase()}`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

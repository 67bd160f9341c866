/** One HTTP client: undici's own fetch bound to its own dispatcher, with a deadline and a limit on every answer. */

import { getCACertificates } from "node:tls";
import { EnvHttpProxyAgent, fetch as undiciFetch } from "undici";
import { LONGEST_TIMER } from "../../common/clock.js";
import { Failure, type Stage } from "../../common/failure.js";
import { translateNetworkError } from "./errors.js";

export interface HTTPClientOptions {
  /** The stage in whose name failures are told. */
  readonly stage: Stage;
  /** Who is called, for messages: "the Connector". */
  readonly peer: string;
  /** PEM of authorities trusted in addition to the system's. @default none */
  readonly ca?: string | undefined;
  /** Our client certificate with its chain, and its key, both PEM. @default no client certificate */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined;
  /** Do not verify the server's certificate. @default false */
  readonly insecureSkipVerify?: boolean;
  /** @default no proxy */
  readonly proxy?: ProxyOptions | undefined;
  /** Deadline of one call, body included, in milliseconds. */
  readonly timeout: number;
  /** Limit of one answer in bytes, after decompression. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Header `x-request-id` of every call. @default what the caller of `fetch` gives */
  readonly requestID?: string | undefined;
  /** @default the system's time */
  readonly now?: () => Date;
}

export interface ProxyOptions {
  /** `http://host:port`; null for none. */
  readonly https: string | null;
  /** Hosts that are called directly, as in NO_PROXY. */
  readonly no: readonly string[];
}

/** What the agent uses of fetch; graphql-request is given the same function. */
export type HTTPFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

export interface HTTPClient {
  /**
   * Resolves with any HTTP answer, whatever its status, its body already read. Rejects with a `Failure` when there is
   * none: network, TLS, proxy, deadline, cut short, too large, or a redirection (which is never followed: it would
   * carry a token or a certificate to another host).
   */
  readonly fetch: HTTPFetch;
  /** Calls made so far. */
  readonly requests: number;
  /** How far the peer's clock is ahead of ours by the last answer's Date, in milliseconds; null before one told. */
  readonly clockSkew: number | null;
  /** Lets calls under way finish, then closes the connections. May be called again. */
  close(): Promise<void>;
}

/** Makes a client; connections are opened when they are needed. */
export function createHTTPClient(options: HTTPClientOptions): HTTPClient {
  const { stage, peer, ca, identity, insecureSkipVerify = false, proxy, timeout, maxBytes, signal } = options;
  const { requestID, now = () => new Date() } = options;
  const tls = {
    // Naming any replaces the usual ones, so they are named, too: Node's, NODE_EXTRA_CA_CERTS, and the system's.
    ...(ca === undefined ? {} : { ca: [...getCACertificates("default"), ...getCACertificates("system"), ca] }),
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
    rejectUnauthorized: !insecureSkipVerify,
  };
  // Empty strings, not undefined: the environment was read once, by the configuration.
  const dispatcher = new EnvHttpProxyAgent({
    connect: tls,
    requestTls: tls,
    httpProxy: "",
    httpsProxy: proxy?.https ?? "",
    noProxy: proxy?.no.join(",") ?? "",
  });
  let requests = 0;
  let clockSkew: number | null = null;
  let closing: Promise<void> | undefined;

  const call: HTTPFetch = async (url, init = {}) => {
    requests++;
    const target = new URL(url);
    const { host } = target;
    const deadline = AbortSignal.timeout(Math.min(timeout, LONGEST_TIMER));
    let begun = false;
    const asked = now();
    try {
      const answer = await undiciFetch(url, {
        method: init.method ?? "GET",
        headers: {
          ...Object.fromEntries(new Headers(init.headers)),
          ...(requestID === undefined ? {} : { "x-request-id": requestID }),
        },
        body: (init.body as string | undefined) ?? null,
        redirect: "manual",
        dispatcher,
        signal: AbortSignal.any([deadline, signal]),
      });
      begun = true;
      clockSkew = skewOf(answer.headers.get("date"), asked, now()) ?? clockSkew;
      if (answer.status >= 300 && answer.status < 400) {
        await answer.body?.cancel();
        throw new Failure(`${peer} at ${host} answered with a redirection (HTTP ${answer.status})`, {
          code: "Redirected",
          stage,
          hint: "Redirections are never followed; put the final address into the configuration.",
        });
      }
      const text = await readText(answer.body, maxBytes, () => {
        throw new Failure(`the answer of ${peer} at ${host} is larger than ${maxBytes} bytes`, {
          code: "AnswerTooLarge",
          stage,
          hint: "Raise compass.maxBytes.",
        });
      });
      return bodyRead(answer.status, answer.headers as unknown as Headers, text);
    } catch (thrown) {
      if (thrown instanceof Failure) throw thrown;
      const timedOut = deadline.aborted;
      throw translateNetworkError(thrown, { stage, peer, target, timeout, timedOut, begun, signal });
    }
  };

  return {
    fetch: call,
    get requests() {
      return requests;
    },
    get clockSkew() {
      return clockSkew;
    },
    close: () => {
      closing ??= dispatcher.close();
      return closing;
    },
  };
}

/**
 * The header tells a whole second in which the answer was made, between our question and its arrival: only what is
 * certain counts, so that a slow answer is no skew. Null where there is none (RFC 9110, 6.6.1).
 */
function skewOf(header: string | null, asked: Date, answered: Date): number | null {
  const told = Date.parse(header ?? "");
  if (Number.isNaN(told)) return null;
  if (told > answered.getTime()) return told - answered.getTime();
  return Math.min(0, told + 1000 - asked.getTime());
}

/** Decodes while reading, so that no second copy of the body is held. */
async function readText(
  body: AsyncIterable<Uint8Array> | null | undefined,
  maxBytes: number,
  tooLarge: () => never,
): Promise<string> {
  if (body === null || body === undefined) return "";
  const decoder = new TextDecoder("utf-8", { ignoreBOM: false });
  let bytes = 0;
  let text = "";
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The part of a Response that is left once its body was read: the one cast between undici's and the standard's types. */
function bodyRead(status: number, headers: Headers, text: string): Response {
  return { ok: status >= 200 && status < 300, status, headers, text: async () => text } as Response;
}

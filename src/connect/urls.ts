/** The addresses that Compass answers, before anything is sent there. */

import { isIP } from "node:net";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import type { Connection } from "../state/index.js";

export type URLs = Pick<Connection, "connectorURL" | "secureConnectorURL" | "directorURL">;

/**
 * Throws `UrlNotAllowed` unless the URL is https and its host is one of `hosts` (`*.example.com` for all below it).
 * With no `hosts` given, the domain above the Connector's host is allowed, or only that host where there is none.
 */
export function checkAnsweredURL(url: string, connectorURL: string, hosts: readonly string[]): void {
  const { hostname } = checkForm(url);
  const allowed = hosts.length > 0 ? hosts : defaultHosts(new URL(connectorURL).hostname);
  if (!allowed.some((pattern) => matches(hostname, pattern.toLowerCase()))) {
    // A host name is needed to decide about it; it is a URL's, so it cannot steer a terminal.
    throw notAllowed(`its host ${hostname} is not among ${allowed.join(", ")}`);
  }
}

function checkForm(url: string): URL {
  if (!URL.canParse(url)) throw notAllowed("it is no URL");
  const parsed = new URL(url);
  if (parsed.protocol !== "https:") throw notAllowed("it is not https");
  if (parsed.username !== "" || parsed.password !== "") throw notAllowed("it holds credentials");
  return parsed;
}

/**
 * The same for all addresses of a connection in use: those of the Go agent come from its CompassConnection. The Connector of
 * tokens is no answer, or was held against `hosts` before a token went there: it has to be https.
 */
export function checkConnection(connection: URLs, hosts: readonly string[]): void {
  const { connectorURL, secureConnectorURL, directorURL } = connection;
  checkForm(connectorURL);
  for (const url of [secureConnectorURL, directorURL]) checkAnsweredURL(url, connectorURL, hosts);
}

/** The same as an answer. */
export function isAllowed(connection: URLs, hosts: readonly string[]): boolean {
  try {
    checkConnection(connection, hosts);
    return true;
  } catch {
    return false;
  }
}

/** True for the same address, however it is spelled. */
export function isSameURL(one: string, other: string): boolean {
  const [left, right] = [URL.parse(one), URL.parse(other)];
  return one === other || (left !== null && left.href.replace(/\/+$/, "") === right?.href.replace(/\/+$/, ""));
}

/** The host of an address, to be shown; what is no address as it stands. */
export const hostIn = (url: string): string => URL.parse(url)?.host || forTerminal(url, 100);

const notAllowed = (reason: string) =>
  new Failure(`an address of Compass is not allowed: ${reason}`, {
    code: "UrlNotAllowed",
    stage: "connect",
    hint: "If the host is right, add it to compass.hosts. Of a runtime that the Go agent paired, mend spec.managementInfo of the CompassConnection. If this was a pairing, its token is spent: a new one is needed.",
  });

function defaultHosts(connector: string): string[] {
  const labels = connector.split(".");
  if (isIP(connector.replace(/^\[|\]$/g, "")) !== 0 || labels.length < 3) return [connector];
  const parent = labels.slice(1).join(".");
  return [parent, `*.${parent}`];
}

const matches = (host: string, pattern: string) =>
  pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;

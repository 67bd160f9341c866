import type { Config } from "./schema.js";

/** What may be as it is, but should be known: a token that travels in the open. */
export function configurationNotes({ git }: Config): string[] {
  if (git === null) return [];
  const { push } = git;
  const inTheOpen = (url: string, auth: unknown) => {
    const address = URL.parse(url);
    return auth !== null && address?.protocol === "http:" && !LOOPBACK.test(address.hostname);
  };
  const note = (setting: string, auth: string) =>
    `${setting} is http: the credentials of ${auth} can be read on the way; use https`;
  const pushAuth = push?.auth === null ? "git.auth" : "git.push.auth";
  return [
    ...(inTheOpen(git.url, git.auth) ? [note("git.url", "git.auth")] : []),
    ...(push !== null && inTheOpen(push.url, push.auth ?? git.auth) ? [note("git.push.url", pushAuth)] : []),
  ];
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

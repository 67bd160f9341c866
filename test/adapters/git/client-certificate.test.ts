import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { GitAuth } from "../../../src/adapters/git/index.js";
import { createAuthority } from "../../../src/adapters/x509/index.js";
import { Secret } from "../../../src/common/secret.js";
import { commitAs, createBareRepository, startGitServer } from "../../fakes/git-server.js";
import { anAuthority } from "../../fakes/tls-server.js";
import { anIdentity } from "../http/setup.js";
import { failureOf, useWorkshop } from "./setup.js";

const workshop = useWorkshop();

const certificate = (identity: { certificate: string; key: string }): GitAuth => ({
  kind: "certificate",
  certificate: identity.certificate,
  key: Secret.of(identity.key),
});

/** A Git server that speaks to nobody without a certificate of the tests' authority. */
async function aServer() {
  const authority = await anAuthority();
  await commitAs(await createBareRepository(workshop.directory, "fleet.git"), { files: { a: "1" } });
  const issued = await authority.issueServer({ hosts: ["127.0.0.1"], now: new Date() });
  const tls = { key: issued.key, cert: issued.certificate, ca: authority.certificate, requestCert: true };
  const server = await startGitServer({ directory: workshop.directory, tls });
  workshop.later(() => server.close());
  const ca = join(workshop.directory, "authority.pem");
  await writeFile(ca, authority.certificate);
  return { url: server.url("fleet.git"), ca };
}

/** The failure with the server's words. With TLS 1.3 a server that hangs up at once can lose them on the way, now and then. */
async function toldFailure<Told extends { readonly code?: string } | undefined>(
  attempt: () => Promise<Told>,
): Promise<Told> {
  let failure = await attempt();
  for (let left = 10; left > 0 && failure?.code === "NetworkUnreachable"; left--) failure = await attempt();
  return failure;
}

describe("a client certificate", () => {
  it("opens a repository, lies where nobody else can read it, and is gone afterwards", async () => {
    const { url, ca } = await aServer();
    const identity = await anIdentity("the-agent");

    const repository = await workshop.open(url, { ca, auth: certificate(identity) });
    const { tips } = await repository.remote();
    const files = await readdir(workshop.cache, { recursive: true, withFileTypes: true });
    const holding = [];
    for (const file of files.filter((entry) => entry.isFile())) {
      const path = join(file.parentPath, file.name);
      if ((await readFile(path, "latin1")).includes(identity.key.split("\n")[2] ?? "")) holding.push(path);
    }
    const modes = await Promise.all(holding.map(async (path) => (await stat(path)).mode & 0o777));
    await repository.close();

    expect([...tips.keys()]).toEqual(["main"]);
    expect(modes).toEqual([0o600]);
    expect(await readdir(workshop.cache)).toEqual([]);
  });

  it("is told when it is missing, of another authority, or does not fit its key", async () => {
    const { url, ca } = await aServer();
    const [one, two] = [await anIdentity("one"), await anIdentity("two")];
    const stranger = await createAuthority({ commonName: "Another authority", now: new Date() });
    const foreign = await stranger.issueServer({ hosts: ["agent"], now: new Date() });

    const failures = [];
    for (const auth of [
      { kind: "none" } as const,
      certificate({ certificate: one.certificate, key: two.key }),
      certificate(foreign),
    ]) {
      failures.push(await toldFailure(async () => failureOf((await workshop.open(url, { ca, auth })).remote())));
    }

    const [missing, unfitting, unknown] = failures;
    for (const failure of [missing, unfitting]) {
      expect(failure).toMatchObject({ code: "RepositoryAuthentication", retryable: false });
      expect(failure?.hint).toContain("git.auth.clientCertificate");
    }
    // Some TLS libraries leave out a certificate that the server would not take, and some servers hang up without a word.
    expect(["RepositoryAuthentication", "NetworkUnreachable"]).toContain(unknown?.code);
  });
});

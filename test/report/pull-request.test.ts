import { describe, expect, it } from "vitest";
import type { InventoryFile } from "../../src/base/index.js";
import { type Outcome, requestWords } from "../../src/report/index.js";
import { anOutcome, aPlan } from "./an-outcome.js";

const limits = { title: 255, body: 60_000 };
const SECRET = "applications/mp-erp/secrets/mp-erp-1.yaml";

const application = (target: string, description = "An ERP") =>
  [
    "apiVersion: applicationconnector.kyma-project.io/v1alpha1",
    "kind: Application",
    "metadata:",
    "  annotations:",
    `    runtime-agent.kyma-project.io/digest: ${target}`,
    "  name: mp-erp",
    "spec:",
    `  description: ${description}`,
    "  services:",
    "    - displayName: Orders",
    "      entries:",
    `        - targetUrl: ${target}`,
    "          type: API",
    "",
  ].join("\n");

const row = (path: string, keys: readonly string[]): [string, InventoryFile] => [
  path,
  {
    path,
    id: "1",
    blob: "b",
    sha256: "s",
    reference: {
      bundle: "x",
      type: "Basic",
      keys,
      authenticationURL: null,
      csrfTokenEndpointURL: null,
      hosts: [],
      values: null,
    },
  },
];

const plan = aPlan({
  created: ["mp-crm"],
  updated: ["mp-erp"],
  deleted: ["mp-old"],
  unchanged: ["mp-a", "mp-b"],
  destinationChanges: [
    { name: "mp-erp", id: "1", bundle: "x", from: ["old.example.com"], to: ["new.example.com"], isHeld: false },
  ],
  held: [
    { name: "mp-shop", id: "3", secret: null, reason: "MissingTooBriefly", until: new Date("2026-03-01T12:30:00Z") },
  ],
  setAside: [{ name: "mp-hr", id: "4", reason: "DuplicateName", message: "another one is called that, too" }],
  approval: {
    hold: {
      set: "s",
      nonce: "n",
      hash: "abc123",
      since: "2026-03-01T12:00:00Z",
      units: [{ name: "mp-shop", id: "3", secret: null }],
    },
    expires: null,
    isApproved: false,
  },
});

const changes = [
  {
    path: "applications/mp-erp/application.yaml",
    before: application("https://a.example.com"),
    after: application("https://b.example.com"),
  },
  { path: SECRET, before: "data:\n  password: old-sealed\n", after: "data:\n  password: newly-sealed\n" },
  { path: "applications/mp-crm/application.yaml", before: null, after: application("https://c.example.com") },
  { path: "applications/mp-old/application.yaml", before: application("https://d.example.com"), after: null },
];

const words = (outcome: Outcome, more: Partial<Parameters<typeof requestWords>[0]> = {}) =>
  requestWords({
    outcome,
    subject: "Add mp-crm, update mp-erp, delete mp-old",
    changes,
    rows: new Map([row(SECRET, ["password", "username"])]),
    runtime: "0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab",
    path: "clusters/prod",
    title: null,
    limits,
    ...more,
  });

const outcome = anOutcome(plan, { result: "planned", approval: plan.approval });

describe("the words of a pull request", () => {
  it("put deletions and new destinations first, then what changes, then what waits", () => {
    const { title, body } = words(outcome);

    expect(title).toBe("Add mp-crm, update mp-erp, delete mp-old (clusters/prod)");
    expect(body).toMatchInlineSnapshot(`
      "This adds 1 Application, updates 1 Application, **deletes 1 Application**. 2 unchanged. Runtime \`0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab\`, in \`clusters/prod\`.

      ### Deletions (1)

      What is merged here is removed from the cluster.

      - \`mp-old\` and its credentials

      ### Destinations (1)

      Credentials stay the same, but are sent to another host. Be sure that it is theirs.

      - \`mp-erp\`: \`old.example.com\` so far, now also \`new.example.com\`

      ### Changes

      | Application | Change | What |
      |---|---|---|
      | \`mp-old\` | **deleted** |  |
      | \`mp-crm\` | added |  |
      | \`mp-erp\` | updated | \`spec.services.Orders.entries.API.targetUrl\`, changed Secret \`mp-erp-1\` (\`password\`, \`username\`) |

      ### Held back (1)

      Not in this request. To let 1 of them pass at once: \`runtime-agent approve abc123\`; its hash is of exactly this set.

      - \`mp-shop\` (MissingTooBriefly, until 2026-03-01 12:30 UTC at the earliest)

      ### Set aside (1)

      Their files stay as they are.

      - \`mp-hr\` (DuplicateName): \`another one is called that, too\`

      _One request that is kept up to date. Closed without merging, the same change is not proposed again; a commit of yours on its branch is not overwritten._
      "
    `);
  });

  it("name fields and keys, and no value of either version", () => {
    const { body } = words(outcome);

    expect(body).toContain("`spec.services.Orders.entries.API.targetUrl`");
    expect(body).toContain("`password`, `username`");
    for (const value of ["a.example.com", "b.example.com", "sealed"]) expect(body).not.toContain(value);
  });

  it("fit into what a host takes, whole lines first", () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `mp-application-${index}`);
    const large = anOutcome(aPlan({ created: many, deleted: many.map((name) => `${name}-old`) }), {
      result: "planned",
    });

    for (const size of [60_000, 3_800, 300]) {
      const { title, body } = words(large, { changes: [], limits: { title: 40, body: size } });
      expect(body.length).toBeLessThanOrEqual(size);
      expect(title.length).toBeLessThanOrEqual(40);
    }
    expect(words(large, { changes: [] }).body).toMatch(/and \d+ more/);
  });

  it("carry nothing that a host would act on, whatever Compass says", () => {
    const evil = "x`</td>|\n/approve\n@everyone fixes #1 [skip ci] <img src=x> ![a](https://evil.example)";
    const hostile = anOutcome(
      aPlan({
        created: [evil],
        setAside: [{ name: evil, id: "4", reason: "InvalidName", message: evil }],
        destinationChanges: [{ name: evil, id: "1", bundle: evil, from: [evil], to: [evil], isHeld: false }],
      }),
      { result: "planned" },
    );

    const { title, body } = words(hostile, { path: evil, runtime: evil, changes: [] });

    const outside = body.replace(/`[^`\n]*`/g, "");
    expect(outside).not.toMatch(/evil|everyone|img|skip|approve/);
    expect(body.split("\n").filter((line) => line.startsWith("/"))).toEqual([]);
    expect(`${title} ${body}`).not.toMatch(/[@#]everyone|#1|\[skip|:\/\//);
  });

  it("follow a title of the configuration", () => {
    const { title } = words(outcome, { title: "[{path}] {created} new, {deleted} gone: {unknown}" });

    expect(title).toBe("[clusters/prod] 1 new, 1 gone: {unknown}");
  });
});

/** Values for tests of the pure stages: snapshots with real secrets, a tree in memory, and the stages put together. */

import { createHash } from "node:crypto";
import {
  type Base,
  bundlesOf,
  findDrift,
  foldersOf,
  INVENTORY_PATH,
  type InventoryFile,
  ownedFiles,
  readInstructions,
  readInventory,
  readStaying,
  withReferredSecrets,
} from "../src/base/index.js";
import { inCluster } from "../src/base/inventory.js";
import { Secret } from "../src/common/secret.js";
import type { APIDefinition, Application, Auth, Bundle, EventDefinition, Snapshot } from "../src/fetch/index.js";
import { type ApplicationModel, buildEstate, collisionsWith, type Estate } from "../src/model/index.js";
import {
  type DecisionInput,
  type DeletionRules,
  decide,
  deletedBefore,
  isHeldBack,
  learn,
  makePlan,
  memoryFor,
  type Plan,
  type PlanOptions,
  plannedDigest,
  publishedBefore,
  setOut,
  withUnseen,
} from "../src/plan/index.js";
import { planFiles } from "../src/plan-files.js";
import {
  loadRenderer,
  type Renderer,
  type RendererOptions,
  type Rendering,
  renderEstate,
  SOPS_CONFIG_PATH,
} from "../src/render/index.js";
import {
  createFingerprinter,
  createGuards,
  createSealer,
  type Fingerprinter,
  identityOf,
  type Sealing,
  type SealMode,
  sealCanary,
  sealEstate,
} from "../src/seal/index.js";
import type { Memory } from "../src/state/index.js";

export const RUNTIME = "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11";
export const NAMESPACE = "kyma-system";
export const GATEWAY = "http://central-application-gateway.kyma-system.svc.cluster.local:8082";
export const sealKey = Buffer.alloc(32, 7);
export const noon = new Date("2026-11-22T12:00:00.000Z");
export const minutes = (count: number) => count * 60_000;
export const later = (milliseconds: number) => new Date(noon.getTime() + milliseconds);

/** Ids that sort as their numbers do. */
export const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

export const anAPI = (changes: Partial<APIDefinition> = {}): APIDefinition => ({
  id: uuid(1001),
  name: "Orders API",
  targetURL: "https://shop.example.com/orders",
  ...changes,
});

export const anEvent = (changes: Partial<EventDefinition> = {}): EventDefinition => ({
  id: uuid(2001),
  name: "Order events",
  ...changes,
});

export const anAuth = (changes: Partial<Auth> = {}): Auth => ({
  credential: null,
  headers: null,
  queryParameters: null,
  csrfTokenEndpointURL: null,
  ...changes,
});

export const basic = (username = "user of basic", password = "password of basic") =>
  ({ kind: "Basic", username: Secret.of(username), password: Secret.of(password) }) as const;

export const oauth = (clientID = "client of oauth", clientSecret = "secret of oauth") =>
  ({
    kind: "OAuth",
    clientID: Secret.of(clientID),
    clientSecret: Secret.of(clientSecret),
    url: "https://auth.example.com/token",
  }) as const;

export const aBundle = (changes: Partial<Bundle> = {}): Bundle => ({
  id: uuid(101),
  name: "Orders",
  description: null,
  instanceAuthRequestInputSchema: null,
  defaultInstanceAuth: null,
  apiDefinitions: [anAPI()],
  eventDefinitions: [],
  ...changes,
});

export const anApplication = (changes: Partial<Application> = {}): Application => ({
  id: uuid(1),
  name: "mp-shop",
  description: null,
  auths: [uuid(5)],
  bundles: [],
  ...changes,
});

/** An Application with one bundle, whose password tells where it is from. */
export const anApplicationNamed = (name: string, number: number, password = `password of ${name}`): Application =>
  anApplication({
    id: uuid(number),
    name,
    bundles: [
      aBundle({
        id: uuid(100 + number),
        defaultInstanceAuth: anAuth({ credential: basic(`user of ${name}`, password) }),
      }),
    ],
  });

export const aSnapshot = (
  applications: readonly Application[],
  labels: Readonly<Record<string, unknown>> = { isNormalized: "true" },
): Snapshot => ({ runtime: { id: RUNTIME, name: "test", labels }, applications, unreadable: [] });

/** An estate whose fingerprints tell nothing. */
export const anEstate = (applications: readonly Application[], labels?: Readonly<Record<string, unknown>>): Estate =>
  buildEstate(aSnapshot(applications, labels), { fingerprint: () => "fingerprint" });

/** The model of one Application that has nothing against it. */
export function aModel(application: Application = anApplication()): ApplicationModel {
  const [model] = anEstate([application]).applications;
  if (model === undefined) throw new Error("the Application was set aside");
  return model;
}

export const rendererOptions: RendererOptions = {
  templates: null,
  settings: { namespace: NAMESPACE, gatewayURL: GATEWAY, skipVerify: false },
  allowedKinds: ["Application", "Secret", "ConfigMap"],
  version: "1.0.0",
};

export type Tree = Map<string, Buffer>;

export const blobID = (bytes: Uint8Array) =>
  createHash("sha1").update(`blob ${bytes.byteLength}\0`).update(bytes).digest("hex");

export function aBase(tree: ReadonlyMap<string, Buffer> = new Map(), key: Buffer = sealKey): Base {
  const bytes = tree.get(INVENTORY_PATH);
  const inventory: Base["inventory"] = bytes === undefined ? { state: "absent" } : readInventory(bytes, key);
  const listing = new Map([...tree].map(([path, bytes]) => [path, blobID(bytes)]));
  const elsewhere = inCluster(inventory, listing);
  return {
    branch: "main",
    path: "clusters/test",
    tip: "0".repeat(40),
    expected: "0".repeat(40),
    listing: new Map([...listing, ...elsewhere]),
    inCluster: new Set(elsewhere.keys()),
    obstacles: new Set(),
    inventory,
    read: async (path) => tree.get(path) ?? Promise.reject(new Error(`${path} is not listed`)),
    readAll: async (paths) =>
      new Map(paths.filter((path) => !elsewhere.has(path)).map((path) => [path, tree.get(path) ?? Buffer.alloc(0)])),
    blobID,
  };
}

/** Writes as Git does: a file takes the place of a folder with all that lies in it, and a folder that of a file. */
export function put(tree: Tree, path: string, bytes: Buffer): void {
  const isBelow = (one: string, other: string) => one.startsWith(`${other}/`);
  for (const other of [...tree.keys()]) if (isBelow(other, path) || isBelow(path, other)) tree.delete(other);
  tree.set(path, bytes);
}

/** The tree that a plan leads to. */
export function applied(tree: ReadonlyMap<string, Buffer>, { writes, deletes }: Plan): Tree {
  const next: Tree = new Map<string, Buffer>(tree);
  for (const path of deletes) next.delete(path);
  for (const [path, bytes] of writes) put(next, path, bytes);
  return next;
}

export const rules: DeletionRules = {
  mode: "sync",
  observations: 3,
  over: minutes(30),
  limit: 0.2,
  credentials: { observations: 1, over: 0 },
};

/** Nothing waits, everything may go. */
export const atOnce: DeletionRules = {
  mode: "sync",
  observations: 1,
  over: 0,
  limit: 1,
  credentials: { observations: 1, over: 0 },
};

/** What a new agent remembers. */
export const noMemory: Memory = {
  spentTokens: [],
  missing: {},
  hold: null,
  approvals: [],
  proposedApproval: null,
  suspended: { everything: null, applications: {} },
  published: { target: "", serial: 0, deletions: [], applications: {}, others: {} },
  seen: null,
  underway: null,
  reverted: {},
  labels: {},
  counters: [],
  lastCycle: null,
  applied: null,
  certificate: {
    renewal: null,
    lastIssuance: null,
    rejected: null,
    subject: null,
    triedTokens: {},
    refused: null,
    pairing: null,
    isPairingWanted: false,
    unreached: null,
    lastContact: null,
    clockSkew: null,
  },
  proposal: null,
  marked: [],
};

export const TARGET = "target";

export interface CycleChanges {
  readonly rules?: DeletionRules;
  /** A canary is written. @default none is */
  readonly canary?: boolean;
  /** Text of further files that belong to no Application and go by the recipients, by path. @default no rules of sops */
  readonly common?: ReadonlyMap<string, string | null>;
  readonly memory?: Memory;
  /** In place of what the memory has. */
  readonly missing?: Memory["missing"];
  /** What a second look at Director shows. @default the same as the first */
  readonly second?: Snapshot;
  readonly settings?: Partial<DecisionInput["settings"]>;
  readonly takeOver?: string;
  readonly tenant?: string | null;
  readonly nonce?: string;
  /** Links and submodules in the tree. */
  readonly obstacles?: ReadonlySet<string>;
  readonly now?: Date;
  readonly mode?: SealMode;
  /** What stands on the agent's own branch. @default nothing */
  readonly before?: NonNullable<Parameters<typeof sealEstate>[0]["before"]>;
  readonly key?: Buffer;
  readonly renderer?: Renderer;
  readonly runtimeID?: string;
}

export interface CycleResult {
  readonly estate: Estate;
  readonly rendering: Rendering;
  readonly sealing: Sealing;
  readonly plan: Plan;
  readonly tree: Tree;
  /** What the agent remembers after it. */
  readonly memory: Memory;
  /** What it remembers of a cycle that was cut after its push. */
  readonly unseen: Memory;
  /** True when Director was looked at twice. */
  readonly lookedAgain: boolean;
  readonly fingerprints: Fingerprinter;
}

let shipped: Promise<Renderer> | null = null;

/** The renderer of the templates shipped; made once, since it never changes. */
export const shippedRenderer = (): Promise<Renderer> => {
  shipped ??= loadRenderer(rendererOptions);
  return shipped;
};

export const rowsByID = (files: readonly InventoryFile[]) =>
  Map.groupBy(
    files.filter(({ id }) => id !== null),
    ({ id }) => id ?? "",
  );

/** Stages base to plan over a tree in memory, put together as in src/plan-cycle.ts; plain unless told otherwise. */
export async function cycle(
  tree: ReadonlyMap<string, Buffer>,
  snapshot: Snapshot,
  changes: CycleChanges = {},
): Promise<CycleResult> {
  const { mode = { mode: "plain" }, key = sealKey, now = noon, runtimeID = RUNTIME, tenant = null } = changes;
  const remembered = changes.memory ?? noMemory;
  const before = memoryFor(TARGET, { ...remembered, missing: changes.missing ?? remembered.missing });
  const { signal } = new AbortController();
  const given = { ...aBase(tree, key), obstacles: changes.obstacles ?? new Set<string>() };
  const base = mode.mode === "cluster" ? await withReferredSecrets(given) : given;
  const memory = withUnseen(before, base);
  const { takeOver = null } = changes;
  const owned = await ownedFiles(base, {
    runtimeID,
    tenant,
    sealKey: key,
    takeOver,
    now,
    deleted: deletedBefore(memory),
    published: publishedBefore(memory),
    secretsNamespace: NAMESPACE,
  });
  const drift = await findDrift(base, owned.files);
  const instructions = await readInstructions(base);
  const folders = foldersOf(base, owned);
  const owners = new Map([...folders].map(([name, { id }]) => [name, id]));
  const bundles = bundlesOf(folders);
  const committed = rowsByID(owned.files);
  const sealer = mode.mode === "cluster" ? null : createSealer(mode);
  const fingerprints = createFingerprinter({ sealKey: key, namespace: NAMESPACE, ...identityOf(mode, now) });
  const renderer = changes.renderer ?? (await shippedRenderer());
  const guards = await createGuards(snapshot, renderer.constants, signal);
  const estateOf = (each: Snapshot) => buildEstate(each, { fingerprint: fingerprints.value, owners, bundles });
  const settings = {
    deletion: changes.rules ?? rules,
    drift: "overwrite",
    reverted: "hold",
    destinationChange: "report",
    ...changes.settings,
  } as const;
  const input = { base, owned, folders, drift, instructions, runtimeID, settings, memory, now };
  const decisionOn = (second: Snapshot | null) =>
    decide({
      ...input,
      estate: estateOf(snapshot),
      second: second === null ? null : estateOf(second),
      nonce: changes.nonce ?? "nonce",
    });
  const first = decisionOn(null);
  const decision = first.needsSecondLook ? decisionOn(changes.second ?? snapshot) : first;
  const { estate } = decision;
  const staying = await readStaying(base, folders, estate.applications);
  const everyone = new Set(estate.applications.map(({ id }) => id));
  const { rendering, sealing, plan } = await planFiles({
    render: (again) =>
      renderEstate({
        renderer,
        estate,
        base,
        committed,
        fingerprint: fingerprints.secret,
        again: mode.mode === "cluster" ? everyone : again,
        signal,
      }),
    seal: (rendered, reseal) =>
      sealEstate({
        sealer,
        namespace: NAMESPACE,
        readable: mode.mode === "plain",
        snapshot,
        rendered: rendered.applications,
        base,
        committed,
        fingerprints,
        reseal,
        now,
        guards,
        before: changes.before,
        signal,
      }),
    plan: async (rendered, sealed, batch) => {
      const options: PlanOptions = {
        base,
        owned,
        folders,
        drift,
        decision,
        runtimeID,
        tenant,
        sealKey: key,
        applications: sealed.applications,
        setAside: [...estate.setAside, ...rendered.setAside, ...sealed.setAside],
        degraded: [...estate.degraded, ...collisionsWith(estate.applications, staying)],
        sealedFor: fingerprints,
        waiting: sealed.waiting,
        batch,
        common: changes.common ?? new Map([[SOPS_CONFIG_PATH, null]]),
        readable: mode.mode === "plain",
        mode: settings.deletion.mode,
        remembered: memory.published,
        namespace: NAMESPACE,
        now,
      };
      const wanted = { ...options, canary: "unsealed" as const };
      const canary =
        changes.canary === true && (sealer !== null || isHeldBack(options))
          ? await sealCanary({
              digest: plannedDigest(wanted),
              namespace: NAMESPACE,
              sealer,
              fingerprints,
              base,
              owned: owned.files,
              mayReseal: sealed.waiting.length === 0,
              isHeldBack: isHeldBack(options),
              now,
            })
          : null;
      return makePlan(canary === null ? options : { ...options, canary });
    },
  });
  return {
    estate,
    rendering,
    sealing,
    plan,
    tree: applied(tree, plan),
    memory: learn(before, plan, { target: TARGET, isPublished: true, now }),
    unseen: setOut(before, plan, { target: TARGET, commit: "pushed" }),
    lookedAgain: first.needsSecondLook,
    fingerprints,
  };
}

export const textOf = (tree: ReadonlyMap<string, Buffer>, path: string): string => {
  const bytes = tree.get(path);
  if (bytes === undefined) throw new Error(`${path} is not in the tree`);
  return bytes.toString("utf8");
};

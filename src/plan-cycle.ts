import type { Admit } from "./admission.js";
import {
  type Base,
  bundlesOf,
  findDrift,
  foldersOf,
  ownedFiles,
  readInstructions,
  readStaying,
  withReferredSecrets,
} from "./base/index.js";
import { betweenModes } from "./between-modes.js";
import type { Running } from "./cycle-options.js";
import type { Snapshot } from "./fetch/index.js";
import { buildEstate, collisionsWith } from "./model/index.js";
import { progressOf } from "./open-director.js";
import {
  decide,
  deletedBefore,
  isHeldBack,
  makePlan,
  type Plan,
  plannedDigest,
  publishedBefore,
  suspendedNames,
  suspensionNote,
  suspensionOf,
  withUnseen,
} from "./plan/index.js";
import { planFiles } from "./plan-files.js";
import type { Proposing } from "./proposing.js";
import { type Renderer, renderEstate, SOPS_CONFIG_PATH } from "./render/index.js";
import { type FileChange, planNotes } from "./report/index.js";
import { createFingerprinter, createSealer, type Guards, identityOf, sealCanary, sealEstate } from "./seal/index.js";
import type { Sealing } from "./sealing.js";
import type { CycleSettings } from "./setup.js";
import type { Memory } from "./state/index.js";

/** What Compass was seen to list. What a second look lacks as well may go; one is enough for a cycle. */
export interface Looks {
  readonly first: Snapshot;
  second: Snapshot | null;
  readonly again: () => Promise<Snapshot>;
}

export interface Planning extends Running {
  readonly base: Base;
  readonly looks: Looks;
  readonly memory: Memory;
  readonly sealKey: Buffer;
  readonly renderer: Renderer;
  /** Over the values of the first look. */
  readonly guards: Guards;
  readonly settings: CycleSettings;
  readonly sealing: Sealing;
  readonly nonce: string;
  readonly admit: Admit;
  readonly proposing: Proposing | null;
}

export interface Planned {
  readonly plan: Plan;
  readonly isSuspended: boolean;
  readonly notes: readonly string[];
}

/** Stages model, render, seal and plan. Reasons to set an Application aside add up on the way. */
export async function planOn(planning: Planning): Promise<Planned> {
  const { config, clock, signal, log, watch, looks, sealKey, renderer, settings, nonce, asked, admit } = planning;
  const { first } = looks;
  const progress = progressOf(log);
  const { namespace } = config.applications;
  const { runtimeID } = settings;
  const { mode: seal, notes: sealingNotes } = planning.sealing;
  const { tenant } = config.runtime;
  const now = clock.now();
  const base =
    seal.mode === "cluster" ? await watch.time("base", () => withReferredSecrets(planning.base)) : planning.base;
  const memory = withUnseen(planning.memory, base);
  const [owned, drift, instructions] = await watch.time("base", async () => {
    const { takeOver = null } = planning;
    const owned = await ownedFiles(base, {
      runtimeID,
      tenant,
      sealKey,
      now,
      takeOver,
      deleted: deletedBefore(memory),
      published: publishedBefore(memory),
      secretsNamespace: namespace,
    });
    return [owned, await findDrift(base, owned.files), await readInstructions(base)] as const;
  });
  const folders = foldersOf(base, owned);
  const owners = new Map([...folders].map(([name, { id }]) => [name, id]));
  const committed = Map.groupBy(
    owned.files.filter(({ id }) => id !== null),
    ({ id }) => id ?? "",
  );

  const sealer = seal.mode === "cluster" ? null : createSealer(seal);
  const readable = seal.mode === "plain";
  const fingerprints = createFingerprinter({ sealKey, namespace, ...identityOf(seal, now) });
  const bundles = bundlesOf(folders);
  const modelOf = (snapshot: Snapshot) => buildEstate(snapshot, { fingerprint: fingerprints.value, owners, bundles });

  const listed = await watch.time("model", async () => modelOf(first));
  const annotated = asked.approval === null ? [] : [asked.approval];
  const given = {
    base,
    owned,
    folders,
    drift,
    instructions: { ...instructions, approvals: [...instructions.approvals, ...annotated] },
    runtimeID,
    settings: config,
    memory,
    nonce,
    now,
  };
  const decideBy = (second: Snapshot | null) =>
    watch.time("plan", async () =>
      decide({ ...given, estate: listed, second: second === null ? null : modelOf(second) }),
    );
  let decision = await decideBy(looks.second);
  if (decision.needsSecondLook) {
    log.info("looking again", { deletions: decision.due.length });
    looks.second = await looks.again();
    decision = await decideBy(looks.second);
  }
  const { estate } = decision;
  const staying = await watch.time("base", () => readStaying(base, folders, estate.applications));
  // What stands in no file is applied each time.
  const everyone = new Set(estate.applications.map(({ id }) => id));
  const { plan } = await planFiles({
    render: (again) =>
      watch.time("render", () =>
        renderEstate({
          renderer,
          estate,
          base,
          committed,
          fingerprint: fingerprints.secret,
          again: seal.mode === "cluster" ? everyone : again,
          signal,
          onProgress: progress("render"),
        }),
      ),
    seal: (rendering, reseal) =>
      watch.time("seal", () =>
        sealEstate({
          sealer,
          namespace,
          readable,
          snapshot: first,
          rendered: rendering.applications,
          base,
          committed,
          fingerprints,
          reseal,
          now,
          guards: planning.guards,
          before: planning.proposing?.sealed,
          signal,
          onProgress: progress("seal"),
        }),
      ),
    plan: async (rendering, sealing, batch) => {
      const admitted = await watch.time("plan", () =>
        admit({
          snapshot: first,
          base,
          rendered: rendering.applications,
          sealed: sealing.applications,
          onProgress: progress("plan"),
        }),
      );
      const options = {
        base,
        owned,
        folders,
        drift,
        decision,
        runtimeID,
        tenant,
        sealKey,
        applications: admitted.applications,
        setAside: [...estate.setAside, ...rendering.setAside, ...sealing.setAside, ...admitted.setAside],
        degraded: [...estate.degraded, ...collisionsWith(estate.applications, staying)],
        common: new Map([[SOPS_CONFIG_PATH, planning.sealing.files.get(SOPS_CONFIG_PATH) ?? null]]),
        readable,
        sealedFor: fingerprints,
        waiting: sealing.waiting,
        batch,
        mode: config.deletion.mode,
        remembered: memory.published,
        namespace,
        now,
      };
      // Where Secrets stand in no file, a canary would show nothing of the way to the cluster.
      const canary =
        config.applications.canary && (sealer !== null || isHeldBack(options))
          ? await watch.time("seal", () =>
              sealCanary({
                digest: plannedDigest({ ...options, canary: "unsealed" }),
                namespace,
                sealer,
                fingerprints,
                base,
                owned: owned.files,
                mayReseal: sealing.waiting.length === 0,
                before: planning.proposing?.sealed,
                isHeldBack: isHeldBack(options),
                now,
              }),
            )
          : null;
      return watch.time("plan", async () => makePlan(canary === null ? options : { ...options, canary }));
    },
  });
  const suspension = suspensionOf(config.suspend, memory, instructions, asked.isSuspended);
  const notes = [
    ...sealingNotes,
    ...(owned.note === null ? [] : [owned.note]),
    ...betweenModes(owned.files, plan, config.secrets.mode, fingerprints.sealing),
    ...(suspension === null ? [] : [suspensionNote(suspension)]),
    ...planNotes(plan, {
      snapshot: first,
      approvals: instructions.approvals,
      annotated: asked.approval,
      suspended: suspendedNames(memory, instructions),
    }),
  ];
  return { plan, isSuspended: suspension !== null, notes };
}

export async function changesOf({ writes, deletes }: Plan, base: Base): Promise<FileChange[]> {
  const before = await base.readAll([...writes.keys(), ...deletes]);
  const text = (bytes: Buffer | undefined) => bytes?.toString("utf8") ?? null;
  return [
    ...[...writes].map(([path, bytes]) => ({ path, before: text(before.get(path)), after: text(bytes) })),
    ...deletes.map((path) => ({ path, before: text(before.get(path)), after: null })),
  ];
}

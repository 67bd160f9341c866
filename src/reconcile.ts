/** From a look at Compass to what stands in Git: the stages, begun anew where somebody else moved the branch. */

import { randomBytes } from "node:crypto";
import type { Repository } from "./adapters/git/index.js";
import { createTokenKeeper } from "./adapters/github-app/index.js";
import { openAdmission } from "./admission.js";
import { type Base, folderBase, openBase } from "./base/index.js";
import { leftByRequest, openClusterSecrets } from "./cluster-secrets.js";
import { retry } from "./common/retry.js";
import { PLAIN_WARNING } from "./config/index.js";
import type { Reached, Running } from "./cycle-options.js";
import type { SetAside } from "./model/index.js";
import { openDirector, recordedDirector } from "./open-director.js";
import { begunAnew, deletedBefore, memoryFor, setOut, usedApprovalOf, withAbsent, withLanded } from "./plan/index.js";
import { planBrought } from "./plan-brought.js";
import { changesOf, type Looks } from "./plan-cycle.js";
import { leaveRequest, openProposing, type Proposing } from "./proposing.js";
import { publishCommit } from "./publish/index.js";
import { publishAttempts } from "./publish-attempts.js";
import { publishesByRequest } from "./publishes-by-request.js";
import { rememberBefore } from "./remember.js";
import { loadRenderer } from "./render/index.js";
import {
  buildOutcome,
  commitMessage,
  createTell,
  decideLabels,
  requestWords,
  withControllersWords,
} from "./report/index.js";
import { tellLabels } from "./runtime-labels.js";
import { placeOf, sameTarget } from "./same-target.js";
import { createControllersGate, createGuards } from "./seal/index.js";
import { openSealing } from "./sealing.js";
import { freeSecrets } from "./secret-handover.js";
import { cycleSettings, settingMissing, targetDigest, targetRepository } from "./setup.js";
import type { Memory } from "./state/index.js";
import { wasTakenBack } from "./taken-back.js";

export async function reconcile(running: Running): Promise<Reached> {
  const { config, signal, log, clock, state, watch, used, planOnly = false, version } = running;
  const settings = cycleSettings(config, running.snapshot?.runtime.id ?? null);
  const target = targetDigest(config);
  const isBegunAnew = running.takeOver === settings.runtimeID;
  const found = await state.memory();
  const isMoved = found.published.target !== target;
  let remembered = memoryFor(target, found);

  const recorded = running.snapshot ?? null;
  const compass = recorded === null ? await openDirector(running) : recordedDirector(recorded);
  const first = await compass.look();
  log.info("fetched", { applications: first.applications.length });
  // A recording cannot be looked at twice.
  const looks: Looks = { first, second: recorded, again: compass.look };
  // A plan writes nothing, not even a key: without one, everything counts as new.
  const sealKey = (await state.sealKey(!planOnly)) ?? randomBytes(32);

  const { namespace, gatewayURL, skipVerify, templates, allowedKinds } = config.applications;
  const renderer = await watch.time("render", () =>
    loadRenderer({
      templates,
      allowedKinds,
      version,
      settings: { namespace, skipVerify, gatewayURL: gatewayURL.replace(/\/+$/, "") },
    }),
  );
  const guards = await watch.time("seal", () => createGuards(first, renderer.constants, signal));
  used.tell = withControllersWords(createTell(first, guards), createControllersGate(first));
  const sealing = await watch.time("seal", () => openSealing(config, { env: running.env, clock, signal }));
  used.sealing = sealing;
  const nonce = randomBytes(16).toString("hex");
  const admit = openAdmission(running);
  const clusterSecrets = openClusterSecrets({ ...running, runtimeID: settings.runtimeID });
  const refused = new Map<string, SetAside>();
  const common = { ...running, looks, sealKey, renderer, guards, settings, sealing, nonce, admit };

  const onBase = async (base: Base, repository: Repository | null, proposing: Proposing | null): Promise<Reached> => {
    const wasLanded = repository === null ? null : await wasTakenBack(remembered, { base, repository, proposing });
    const asFound = (known: Memory) => {
      // Nothing is there, or not even the branch: then what it is made from is as old as it is.
      if (isBegunAnew && (base.inventory.state === "absent" || base.expected === null)) return begunAnew(known);
      // A later attempt of this cycle may have set out with another commit meanwhile.
      const isSame = known.underway?.commit === remembered.underway?.commit;
      if (wasLanded === null || base.expected === null || !isSame) return known;
      return wasLanded ? withLanded(known) : withAbsent(known, base.expected);
    };
    const memory = asFound(remembered);
    if (wasLanded !== null && !planOnly) await rememberBefore(running, asFound);
    const planning = { ...common, proposing, base, memory };
    const mayWrite = !planOnly && repository !== null && settings.git !== null;
    const { plan, isSuspended, notes } = await planBrought(planning, mayWrite ? clusterSecrets : null, refused);
    running.notes.splice(0, Infinity, ...running.lasting, ...notes);
    const changes = planOnly || running.withChanges ? await changesOf(plan, base) : [];
    const isNewHold = plan.hold?.set !== memory.hold?.set;
    const labels = decideLabels(config.runtime, first.runtime.labels, memory.labels);
    const setLabel = planOnly || isSuspended ? null : compass.setLabel;
    const reached = {
      plan,
      changes,
      isSuspended,
      isNewHold,
      target,
      seen: placeOf(base),
      proposed: null,
      isOnTarget: !isSuspended,
      usedApproval: usedApprovalOf(memory, plan, !isSuspended),
      deleted: new Set([...deletedBefore(memory).keys(), ...plan.deleted]),
      unappliedSince: memory.applied?.since ?? null,
      tellLabels: () => tellLabels(labels, setLabel),
    };
    if (planOnly || isSuspended || repository === null || settings.git === null) return { ...reached, commit: null };
    const planned = buildOutcome({
      result: "planned",
      runtime: settings.runtimeID,
      plan,
      commit: null,
      approval: plan.approval,
      suspended: false,
      requests: { director: 0, connector: 0, git: 0 },
      durations: new Map(),
      notes: [],
      failure: null,
      tell: used.tell,
    });
    const message = commitMessage(planned, {
      runtime: settings.runtimeID,
      digest: plan.digest,
      version,
      overwritten: plan.overwritten,
      warning: config.secrets.mode === "plain" ? `Warning: ${PLAIN_WARNING}.` : null,
      ...settings.git.commit,
    });
    await watch.time("publish", () => freeSecrets(plan, { env: running.env, clock, signal }));
    const { writes, deletes } = plan;
    const { author, path } = settings.git;
    const beforePush = (commit: string | null) =>
      rememberBefore(running, (known) => setOut(asFound(known), plan, { target, commit }));
    if (proposing !== null) {
      const [subject = ""] = message.split("\n");
      // What a person had put back by now: the request may be merged before the next cycle, whether or not it is pushed again.
      if (writes.size + deletes.length > 0) await watch.time("publish", () => beforePush(null));
      const proposed = await watch.time("publish", () =>
        proposing.publish(plan, {
          message,
          beforePush,
          words: async (limits) =>
            requestWords({
              outcome: planned,
              subject,
              changes: await changesOf(plan, base),
              rows: plan.rows,
              runtime: settings.runtimeID,
              path,
              title: config.pullRequest.title,
              limits,
            }),
        }),
      );
      running.notes.push(...proposed.notes, ...leftByRequest(plan));
      log.info(proposed.result, { commit: proposed.commit?.id, request: proposed.pullRequest?.number });
      // What only the agent's own bookkeeping lacks is not there either: the memory must not run ahead of Git.
      const isOnTarget = writes.size === 0 && deletes.length === 0;
      const usedApproval = usedApprovalOf(memory, plan, isOnTarget);
      return { ...reached, commit: proposed.commit, proposed, isOnTarget, usedApproval };
    }
    const publication = await watch.time("publish", () =>
      publishCommit({ repository, base, writes, deletes, message, author, date: clock.now(), signal, beforePush }),
    );
    running.notes.push(...(await leaveRequest(state)));
    const commit = publication.kind === "commit" ? { id: publication.id, branch: publication.branch } : null;
    log.info(commit === null ? "nothing to commit" : "published", { commit: commit?.id });
    const cleared = await watch.time("publish", () => clusterSecrets.clear(plan, memory));
    running.notes.push(...cleared.notes);
    const missing = { ...plan.decision.missing, ...cleared.missing };
    return { ...reached, plan: { ...plan, decision: { ...plan.decision, missing } }, commit };
  };

  if (running.baseFolder !== undefined) return onBase(await folderBase(running.baseFolder, sealKey), null, null);
  const { git } = settings;
  if (git === null) throw settingMissing("git.url", "the repository to write to");
  const { tokens = createTokenKeeper() } = running;
  // After a rejected push back to the base and no further: what Director said still holds.
  return retry(
    async () => {
      const repository = await targetRepository(config, git, {
        env: running.env,
        signal,
        cache: state.cache,
        tokens,
        keeps: !planOnly,
      });
      let isWell = false;
      let proposing: Proposing | null = null;
      try {
        const { branch, path } = git;
        const proposes = publishesByRequest(config);
        // A request needs a branch to be merged into, and the agent may well not make one.
        const createFrom = proposes ? null : git.createFrom;
        // Who takes over what was the agent's own begins anew.
        const wasPublished = remembered.published.serial > 0 && !isBegunAnew;
        const base = await watch.time("base", () =>
          openBase({ repository, branch, path, sealKey, createFrom, wasPublished }),
        );
        if (isMoved) {
          const known = await state.memory();
          const same = await sameTarget(known, target, { base, repository });
          if (same !== known) {
            remembered = same;
            if (!planOnly) await state.saveMemory(same);
          }
        }
        if (proposes && !planOnly) {
          const { runtimeID } = settings;
          const given = {
            config,
            git,
            runtimeID,
            repository,
            base,
            state,
            sealKey,
            tokens,
            env: running.env,
            clock,
            signal,
          };
          proposing = await watch.time("base", () => openProposing(given));
        }
        const reached = await onBase(base, repository, proposing);
        isWell = true;
        return reached;
      } finally {
        await proposing?.end();
        used.git += repository.requests;
        await repository.close(isWell);
      }
    },
    {
      clock,
      signal,
      ...publishAttempts,
      onRetry: (failure, attempt) => {
        if (failure.code === "PushRejected") used.pushRetries += 1;
        log.warn("back to the base", { code: failure.code, attempt });
      },
    },
  );
}

/** From a look at Compass to what stands in Git: the stages, begun anew where somebody else moved the branch. */

import { randomBytes } from "node:crypto";
import type { Repository } from "./adapters/git/index.js";
import { createTokenKeeper } from "./adapters/github-app/index.js";
import { openAdmission } from "./admission.js";
import { type Base, folderBase, openBase } from "./base/index.js";
import { applyClusterSecrets } from "./cluster-secrets.js";
import { retry } from "./common/retry.js";
import type { Reached, Running } from "./cycle-options.js";
import { publishesByRequest } from "./git-host.js";
import { openDirector, recordedDirector } from "./open-director.js";
import { memoryFor } from "./plan/index.js";
import { changesOf, type Looks, planOn } from "./plan-cycle.js";
import { openProposing, type Proposing } from "./proposing.js";
import { publishCommit } from "./publish/index.js";
import { loadRenderer } from "./render/index.js";
import { buildOutcome, commitMessage, decideLabels, requestWords } from "./report/index.js";
import { tellLabels } from "./runtime-labels.js";
import { openSealing } from "./sealing.js";
import { cycleSettings, settingMissing, targetDigest, targetRepository } from "./setup.js";

/** Attempts to commit onto a branch that others move, each from a fresh base. */
const PUBLISH_ATTEMPTS = 10;

/** Attempts at a Git host that does not answer: the next cycle comes soon, and each may take its whole deadline. */
const HOST_ATTEMPTS = 3;

export async function reconcile(running: Running): Promise<Reached> {
  const { config, signal, log, clock, state, watch, used, planOnly = false, version } = running;
  const settings = cycleSettings(config, running.snapshot?.runtime.id ?? null);
  const target = targetDigest(config);
  const memory = memoryFor(target, await state.memory());

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
  const sealing = await watch.time("seal", () => openSealing(config, { env: running.env, clock, signal }));
  used.sealing = sealing;
  const nonce = randomBytes(16).toString("hex");
  const admit = openAdmission(running);

  const onBase = async (base: Base, repository: Repository | null, proposing: Proposing | null): Promise<Reached> => {
    const planning = { ...running, proposing, base, looks, memory, sealKey, renderer, settings, sealing, nonce, admit };
    const { plan, isSuspended, notes } = await planOn(planning);
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
      proposed: null,
      isOnTarget: !isSuspended,
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
    });
    const message = commitMessage(planned, {
      runtime: settings.runtimeID,
      digest: plan.digest,
      version,
      ...settings.git.commit,
    });
    const applied = await watch.time("publish", () =>
      applyClusterSecrets(plan.cluster, { env: running.env, clock, signal }),
    );
    running.notes.push(...applied);
    const { writes, deletes } = plan;
    const { author, path } = settings.git;
    if (proposing !== null) {
      const [subject = ""] = message.split("\n");
      const proposed = await watch.time("publish", () =>
        proposing.publish(plan, message, async (limits) =>
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
        ),
      );
      running.notes.push(...proposed.notes);
      log.info(proposed.result, { commit: proposed.commit?.id, request: proposed.pullRequest?.number });
      // What only the agent's own bookkeeping lacks is not there either: the memory must not run ahead of Git.
      const isOnTarget = writes.size === 0 && deletes.length === 0;
      return { ...reached, commit: proposed.commit, proposed, isOnTarget };
    }
    const publication = await watch.time("publish", () =>
      publishCommit({ repository, base, writes, deletes, message, author, date: clock.now(), signal }),
    );
    const commit = publication.kind === "commit" ? { id: publication.id, branch: publication.branch } : null;
    log.info(commit === null ? "nothing to commit" : "published", { commit: commit?.id });
    return { ...reached, commit };
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
        const base = await watch.time("base", () =>
          openBase({ repository, branch: git.branch, path: git.path, sealKey }),
        );
        if (publishesByRequest(config) && !planOnly) {
          const { runtimeID } = settings;
          const given = { config, git, runtimeID, repository, base, state, sealKey, env: running.env, clock, signal };
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
      attempts: PUBLISH_ATTEMPTS,
      when: ({ code, retryable, stage }, attempt) =>
        retryable &&
        stage !== "fetch" &&
        stage !== "plan" &&
        code !== "RateLimited" &&
        (code === "PushRejected" || attempt < HOST_ATTEMPTS),
      onRetry: (failure, attempt) => {
        if (failure.code === "PushRejected") used.pushRetries += 1;
        log.warn("back to the base", { code: failure.code, attempt });
      },
    },
  );
}

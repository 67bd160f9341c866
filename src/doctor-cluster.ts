/** What `doctor` looks at where others apply what the agent commits: their wiring, their rights, and the agent's beside them. */

import {
  type Cluster,
  type ClusterOptions,
  isForbidden,
  openCluster,
  type Right,
  type Wiring,
} from "./adapters/kubernetes/index.js";
import { appliedBy, isObserved } from "./applied-report.js";
import { asFailure } from "./common/failure.js";
import { forTerminal } from "./common/quote.js";
import type { Config } from "./config/index.js";
import { isSameRepository, withoutUser } from "./git-address.js";
import { CANARY_NAME, REVISION_NAME } from "./render/index.js";
import { type Finding, failed, ok, skipped, warning } from "./verdict.js";

interface Options extends Omit<ClusterOptions, "stage"> {
  readonly config: Config;
}

/** What is wrong, and the mend. */
type Problem = readonly [problem: string, mend: string];

/** Of one call with all its attempts, in milliseconds. */
const ASKING = 9_000;

const open = ({ env, signal, clock }: Options, asUser?: string): Cluster =>
  openCluster({
    env,
    stage: "report",
    timeout: ASKING,
    ...(signal && { signal }),
    ...(clock && { clock }),
    ...(asUser && { asUser }),
  });

/** A sync works with all of these, so that none is a failure. */
const warnings = (problems: readonly Problem[], well: string): Finding =>
  problems.length === 0
    ? ok(well)
    : warning(
        problems.map(([problem]) => problem).join("; "),
        [...new Set(problems.map(([, mend]) => mend))].join("; "),
      );

const NOBODY = "gitops.kind is none: who applies is not known";

/** Who applies: whether it is there, fits the configuration, says that it is well, and may be asked to look at Git now. */
export async function examineGitOps(options: Options): Promise<Finding> {
  const { config } = options;
  const by = appliedBy(config);
  if (by === null) return skipped(NOBODY);
  const cluster = open(options);
  const place = `${by.namespace}/${by.name}`;
  const manifests = `what \`runtime-agent install --gitops ${by.kind}\` writes`;
  const rights = `apply deploy/rbac-${by.kind}.yaml, with these names`;
  const answer = await told(
    async () => ({ wiring: await cluster.wiring(by.kind, by), states: await cluster.gitops[by.kind](by) }),
    rights,
  );
  if ("problem" in answer) return warning(answer.problem, answer.hint);
  const { wiring, states } = answer.found;
  if (wiring === null) {
    const what = by.kind === "flux" ? "Kustomization" : "Argo CD Application";
    return warning(
      `there is no ${what} ${place}: nothing applies what is committed`,
      `apply ${manifests}, or correct gitops.namespace and gitops.name`,
    );
  }
  const problems: Problem[] = [];
  const own = config.git?.path;
  if (own !== undefined && !wiring.paths.some((path) => isAbove(path, own))) {
    const applies = wiring.paths.map((path) => forTerminal(path, 200)).join(", ") || "no folder";
    problems.push([
      `${wiring.kind} ${place} applies ${applies}, and git.path is ${own}`,
      `let its path be git.path; ${manifests} does`,
    ]);
  }
  problems.push(...sourceProblems(config, wiring, place));
  if (config.secrets.mode === "sops" && !wiring.decrypts) {
    problems.push(
      by.kind === "flux"
        ? [
            `${wiring.kind} ${place} does not decrypt, and secrets.mode is sops`,
            "set its spec.decryption.provider to sops",
          ]
        : [
            "secrets.mode is sops, which Argo CD does not decrypt without a plugin, and its Application names none",
            "set secrets.mode to sealed-secrets, or give the Application a plugin that decrypts",
          ],
    );
  }
  for (const { kind, namespace, name, isReady, reason, message } of states) {
    if (isReady !== false) continue;
    // Who applies, or a webhook on the way, may repeat a value, and without an answer of Compass's nobody can tell.
    const told = kind === wiring.kind ? [reason] : [reason, message];
    const words = told.filter((each) => each !== "").map((each) => forTerminal(each.trim(), 300));
    problems.push([
      `${kind} ${namespace}/${name} says ${words.join(": ")}`,
      `mend what it names; \`kubectl -n ${namespace} get ${kind === "Argo CD Application" ? "application.argoproj.io" : kind.toLowerCase()} ${name} -o yaml\` has all of it`,
    ]);
  }
  const denied = await deniedOf(cluster, wiring.asking);
  if (denied.length > 0) {
    problems.push([
      `the agent may not ask to look at Git now (${denied.join(", ")}), so it looks by its own schedule`,
      rights,
    ]);
  }
  return warnings(problems, `${wiring.kind} ${place} applies it, and may be asked to look at Git now`);
}

/** What it reads the agent's folder from, where that is another repository or branch. */
function sourceProblems({ git }: Config, { kind, paths, sources, reads }: Wiring, place: string): Problem[] {
  if (reads !== null && !reads.isThere) {
    const named = `${kind} ${place} reads ${forTerminal(reads.name, 200)}`;
    return [
      reads.isGit
        ? [`${named}, which is not there: nothing is applied`, "make it, or correct the sourceRef of the Kustomization"]
        : [
            `${named}, no GitRepository: whether it holds what is committed was not looked at`,
            "let it read a GitRepository of git.url and git.branch, or see to it that it follows that",
          ],
    ];
  }
  if (git === null) return [];
  const read = sources.filter((_, index) => isAbove(paths[index] ?? "", git.path));
  const wrongs = read.map(({ url, revision }): Problem[] => [
    ...(url !== null && isSameRepository(url, git.url) === false
      ? ([
          [`${kind} ${place} reads ${forTerminal(withoutUser(url), 200)}, and git.url is ${git.url}`, OTHER_SOURCE],
        ] as const)
      : []),
    ...(revision !== null && revision !== git.branch
      ? ([
          [`${kind} ${place} reads ${forTerminal(revision, 200)}, and git.branch is ${git.branch}`, OTHER_SOURCE],
        ] as const)
      : []),
  ]);
  // One that reads what is committed is enough.
  return wrongs.some((each) => each.length === 0) ? [] : (wrongs[0] ?? []);
}

const OTHER_SOURCE = "let it read the repository and the branch of git.url and git.branch, or correct these";

/** The account that Flux applies as: whether it may apply what the agent commits. */
export async function examineApplier(options: Options): Promise<Finding> {
  const { config } = options;
  const by = appliedBy(config);
  if (by === null) return skipped(NOBODY);
  if (by.kind === "argocd") return skipped("Argo CD applies as itself, within what its AppProject allows");
  const wired = await told(() => open(options).wiring("flux", by), "");
  if ("problem" in wired) return skipped("the check gitops says why it cannot be told");
  const wiring = wired.found;
  if (wiring === null) return skipped(`there is no Kustomization ${by.namespace}/${by.name}`);
  if (wiring.account === null) return ok("Flux applies as its own account, which may do all by default");
  const user = userOf(wiring.account);
  const answer = await told(() => deniedOf(open(options, user), applying(config)), "");
  if ("problem" in answer) {
    return skipped(
      `${answer.problem}; \`kubectl auth can-i patch applications.applicationconnector.kyma-project.io --as=${user}\` tells it to who may`,
    );
  }
  return answer.found.length === 0
    ? ok(`${user} may apply what is committed`)
    : warning(
        `${user} may not ${answer.found.join(", ")}: Flux cannot apply what is committed`,
        "apply the ClusterRole and the Role of flux.yaml that `runtime-agent install --gitops flux` writes, with their bindings",
      );
}

/** What the agent reads to tell what is applied. */
export async function examineApplied(options: Options): Promise<Finding> {
  const { config } = options;
  if (!isObserved(config)) return skipped("the cluster is not asked what is applied (gitops.observe)");
  const { namespace, canary } = config.applications;
  const cluster = open(options);
  const problems: Problem[] = [];
  const look = async <T>(work: () => Promise<T>, mend: string): Promise<T | null> => {
    const answer = await told(work, mend);
    if ("found" in answer) return answer.found;
    problems.push([answer.problem, answer.hint]);
    return null;
  };
  const revision = await look(
    async () => (await cluster.applied.configMap({ namespace, name: REVISION_NAME })) ?? "none",
    "apply deploy/rbac.yaml, with this namespace",
  );
  const applications = await look(
    async () => (await cluster.applied.applications()) ?? "none",
    "apply deploy/rbac.yaml",
  );
  if (applications === "none") problems.push(["the cluster knows no Applications of Kyma", "apply deploy/crds.yaml"]);
  if (canary) {
    await look(() => cluster.secrets.get({ namespace, name: CANARY_NAME }), "apply deploy/rbac-canary.yaml");
  }
  if (config.secrets.mode === "sealed-secrets") {
    const sealed = await look(
      async () => (await cluster.applied.sealedSecrets(namespace)) ?? "none",
      "apply deploy/rbac-sealed-secrets.yaml",
    );
    if (sealed === "none") problems.push(["the cluster knows no SealedSecrets", "install Sealed Secrets"]);
  }
  const nothing = revision === "none" ? "; nothing is applied yet" : "";
  return warnings(problems, `what is applied can be told${nothing}`);
}

/** `applications.admission: dry-run`: whether the account that tries may try. Without that a cycle fails. */
export async function examineAdmission(options: Options): Promise<Finding> {
  const { admission, admissionAs } = options.config.applications;
  if (admission === "off") return skipped("applications.admission is off");
  const user = admissionAs === null ? null : userOf(admissionAs);
  const answer = await told(
    () => deniedOf(open(options, user ?? undefined), trying(options.config)),
    "give the agent's account the verb impersonate on that service account, or set applications.admission: off",
  );
  if ("problem" in answer) return failed(answer.problem, answer.hint);
  const who = user ?? "the agent";
  if (answer.found.length === 0) {
    const further = await deniedOf(open(options, user ?? undefined), tryingFurther(options.config));
    return further.length === 0
      ? ok(`${who} may try what would be written`)
      : warning(
          `${who} may not ${further.join(", ")}: an Application of which the template writes one is set aside`,
          `give ${user === null ? "the agent's account" : "that service account"} these rights, if the templates write such objects`,
        );
  }
  return failed(
    `${who} may not ${answer.found.join(", ")}, which a dry run needs`,
    user === null
      ? "apply deploy/admission.yaml, or set applications.admission: off"
      : "give that service account these rights, or set applications.admission: off",
  );
}

/** What was found, or why nobody can tell. */
type Told<T> = { readonly found: T } | { readonly problem: string; readonly hint: string };

/** `mend` is for a right that is missing. Only being stopped is thrown on. */
async function told<T>(work: () => Promise<T>, mend: string): Promise<Told<T>> {
  try {
    return { found: await work() };
  } catch (thrown) {
    const { code, message, hint } = asFailure(thrown, "report");
    if (code === "Aborted") throw thrown;
    return { problem: `${message} (${code})`, hint: isForbidden(thrown) ? mend : hint };
  }
}

const userOf = ({ namespace, name }: { namespace: string; name: string }) =>
  `system:serviceaccount:${namespace}:${name}`;

const APPLICATIONS = { group: "applicationconnector.kyma-project.io", resource: "applications", namespace: null };

/** What Flux needs for it: to look, to write, and to delete what went from Git. */
function applying({ applications, secrets }: Config): Right[] {
  const { namespace } = applications;
  const kinds = [
    APPLICATIONS,
    { group: "", resource: "configmaps", namespace },
    ...(secrets.mode === "sops" || secrets.mode === "plain" ? [{ group: "", resource: "secrets", namespace }] : []),
    ...(secrets.mode === "sealed-secrets" ? [{ group: "bitnami.com", resource: "sealedsecrets", namespace }] : []),
  ];
  return kinds.flatMap((kind) => ["get", "create", "patch", "delete"].map((verb) => ({ ...kind, verb })));
}

/** The API server wants for a dry run what it wants for the real thing. */
function trying({ applications: { namespace } }: Config): Right[] {
  const kinds = [APPLICATIONS, { group: "", resource: "secrets", namespace }];
  return kinds.flatMap((kind) => ["create", "patch"].map((verb) => ({ ...kind, verb })));
}

/** What templates of one's own may write beside: of other kinds nobody here knows the resource. */
function tryingFurther({ applications: { namespace, templates, allowedKinds } }: Config): Right[] {
  if (templates === null || !allowedKinds.includes("ConfigMap")) return [];
  return ["create", "patch"].map((verb) => ({ group: "", resource: "configmaps", namespace, verb }));
}

/** Those that are not allowed, as a sentence names them. */
async function deniedOf(cluster: Cluster, rights: readonly Right[]): Promise<string[]> {
  const denied: string[] = [];
  for (const right of rights) {
    if (await cluster.mayI(right)) continue;
    const where = right.namespace === null ? "" : ` in ${right.namespace}`;
    denied.push(`${right.verb} ${right.resource}${where}`);
  }
  return denied;
}

/** Whether a folder is the agent's or one above it, however it is written: `./clusters/`, `clusters`. */
function isAbove(path: string, own: string): boolean {
  const parts = (text: string) => text.split("/").filter((part) => part !== "" && part !== ".");
  const [above, below] = [parts(path), parts(own)];
  return above.every((part, index) => part === below[index]);
}

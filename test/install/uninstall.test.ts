/** What `uninstall` names, against all that `install` can write. */

import { describe, expect, it } from "vitest";
import { type InstallOptions, removalSteps, uninstallManifests } from "../../src/install/index.js";
import { manifestsOf, settingsOf, usual } from "./an-installation.js";

const MODES = {
  sops: usual().match(/secrets: (.*)/)?.[1] ?? "",
  "sealed-secrets": "{mode: sealed-secrets, sealedSecrets: {certificate: {file: sealing.pem}}}",
  cluster: "{mode: cluster}",
  plain: "{mode: plain, acknowledgePlain: true}",
};

const APPLICATIONS = [
  "{namespace: apps}",
  "{namespace: apps, canary: true, admission: dry-run}",
  "{namespace: apps, admission: dry-run, admissionAs: flux-system/applier}",
];

const GITOPS = ["none", "flux", "argocd"] as const;

/** Every installation that the options allow. */
const all = GITOPS.flatMap((gitops) =>
  Object.entries(MODES).flatMap(([mode, secrets]) =>
    APPLICATIONS.flatMap((applications) =>
      (["cronjob", "deployment"] as const).flatMap((as) =>
        [true, false].flatMap((takeOver) =>
          gitops === "argocd" && mode === "sops"
            ? []
            : [{ gitops, text: usual({ secrets, applications }), options: { gitops, as, takeOver } }],
        ),
      ),
    ),
  ),
);

const idOf = ({ kind, metadata }: { kind: string; metadata: { name: string; namespace?: string } }) =>
  [kind, metadata.namespace ?? "", metadata.name].join(" ");

const named = async (text: string, options: Partial<InstallOptions>, purge: boolean) =>
  (await uninstallManifests(await settingsOf(text, options), purge)).map(idOf);

describe("uninstall", () => {
  it.each(GITOPS)(
    "names all that install can write with %s, but namespaces; without --purge no definitions and no Secrets",
    async (gitops) => {
      const missing = new Map<string, string[]>();
      for (const { text, options } of all.filter((each) => each.gitops === gitops)) {
        const written = (await manifestsOf(text, options)).filter(({ kind }) => kind !== "Namespace");
        const kept = written.filter(({ kind }) => kind === "Secret" || kind === "CustomResourceDefinition").map(idOf);
        // By other options of the same configuration, since what it was then is not known.
        const [some, purged] = [await named(text, { gitops }, false), await named(text, { gitops }, true)];
        const left = written
          .map(idOf)
          .filter((id) => !purged.includes(id) || (!some.includes(id) && !kept.includes(id)));
        if (left.length > 0) missing.set(JSON.stringify(options), left);
        expect(some.filter((id) => kept.includes(id))).toEqual([]);
      }

      expect(missing).toEqual(new Map());
    },
  );

  it("names what a setting needed that is off by now, and what came off Git for the agent alone", async () => {
    const some = await named(usual(), {}, false);

    expect(some).toEqual(
      expect.arrayContaining([
        "ValidatingAdmissionPolicy  runtime-agent-admission",
        "ValidatingAdmissionPolicyBinding  runtime-agent-admission",
        "Role kyma-system runtime-agent-secrets",
        "ConfigMap kyma-system runtime-agent-revision",
        "Secret kyma-system runtime-agent-canary",
        "NetworkPolicy kyma-system runtime-agent",
      ]),
    );
    expect(await named(usual(), {}, true)).toEqual(expect.arrayContaining(some));
  });

  it.each([
    ["flux", "runtime-agent"],
    ["flux", "flux-system"],
    ["argocd", "default"],
  ])("names no wiring that only the configuration speaks of: %s, %s", async (kind, name) => {
    const gitops = `{kind: ${kind}, name: ${name}, namespace: platform}`;
    const settings = await settingsOf(usual({ gitops, secrets: MODES.plain }), { gitops: null });

    for (const purge of [false, true]) {
      const manifests = await uninstallManifests(settings, purge);
      const groups = manifests.map(({ apiVersion }) => apiVersion.split("/")[0]);
      expect(groups.filter((group) => /toolkit|argoproj/.test(group ?? ""))).toEqual([]);
      // The right to look is the agent's own.
      expect(manifests.map(idOf)).toContain(`Role platform runtime-agent-${kind}`);
      expect(removalSteps(settings, { purge, command: "runtime-agent uninstall" }).join("\n")).toContain(
        "are named only with --gitops flux",
      );
    }
  });

  it("names the path that is configured, before anything is deleted that would come back by it", async () => {
    const steps = removalSteps(await settingsOf(usual()), { purge: true, command: "runtime-agent uninstall" });

    const [removed, deleted] = ["git rm -r clusters/prod/runtime-agent", "kubectl delete"].map((part) =>
      steps.findIndex((step) => step.includes(part)),
    );
    expect([removed, deleted]).toEqual([2, 3]);
  });
});

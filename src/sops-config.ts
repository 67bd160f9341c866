/** The creation rules of sops, for people who add or edit files with it by hand. */

import { formatYaml } from "./adapters/yaml/index.js";
import type { Config } from "./config/index.js";

/** What the agent seals with, as sops wants to be told of it, in an order of its own: another one in the configuration is no change. */
export function sopsConfigText({ age, vault }: Config["secrets"]["sops"]): string {
  const transit = vault && `${vault.address.replace(/\/+$/, "")}/v1/${vault.engine}/keys/${vault.keyName}`;
  return formatYaml({
    creation_rules: [
      {
        path_regex: "secrets/[^/]+\\.yaml$",
        encrypted_regex: "^(data|stringData)$",
        mac_only_encrypted: true,
        ...(age.length === 0 ? {} : { age: age.toSorted().join(",") }),
        ...(transit === null ? {} : { hc_vault_transit_uri: transit }),
      },
    ],
  });
}

/** A landscape for the sandbox that looks like a real one: the same for the same seed, whatever its size. */

import { createHash } from "node:crypto";
import { nameForRuntime } from "./application-names.js";
import { type Access, type CatalogueBundle, type Product, products, regions, stages } from "./catalogue.js";
import type { SnapshotDocument } from "./snapshot-file.js";

type ApplicationDocument = SnapshotDocument["applications"][number];
type BundleDocument = NonNullable<ApplicationDocument["bundles"]>[number];
type AuthDocument = BundleDocument["defaultInstanceAuth"];

/** Kubernetes takes no longer name (contract 4.2). */
const LONGEST = 63;

/** Without those that read alike. */
const ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789!#%+-=?_";

/** Draws by what the value is for, not by turn: one Application more changes no other. */
class Source {
  readonly #scope: string;

  constructor(scope: string) {
    this.#scope = scope;
  }

  within(name: string | number): Source {
    return new Source(`${this.#scope}/${name}`);
  }

  bytes(name: string): Buffer {
    return createHash("sha512").update(`${this.#scope}/${name}`).digest();
  }

  uuid(name: string): string {
    const bytes = this.bytes(name).subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  password(name: string, length: number): string {
    return [...this.bytes(name).subarray(0, length)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
  }
}

interface Site {
  readonly origin: string;
  readonly authentication: string;
}

function credentialFor(access: Access, source: Source, site: Site) {
  if (access.startsWith("oauth")) {
    return {
      __typename: "OAuthCredentialData",
      clientId: `sb-${source.uuid("client")}`,
      clientSecret: source.password("client-secret", 44),
      url: `${site.authentication}/oauth/token`,
    };
  }
  if (access.startsWith("basic")) {
    return {
      __typename: "BasicCredentialData",
      username: `KYMA_${source
        .password("user", 6)
        .toUpperCase()
        .replaceAll(/[^A-Z0-9]/g, "X")}`,
      password: source.password("password", 24),
    };
  }
  return null;
}

function authFor(access: Access, source: Source, site: Site): AuthDocument {
  if (access === "none") return null;
  const headers = access.includes("headers");
  return {
    credential: credentialFor(access, source, site),
    additionalHeaders: headers ? { "X-Api-Key": [source.password("api-key", 32)], "X-Tenant": ["100", "200"] } : null,
    additionalQueryParams: headers ? { "sap-client": ["100"], "sap-language": ["EN"] } : null,
    requestAuth: access.includes("csrf") ? { csrf: { tokenEndpointURL: `${site.origin}/csrf/token` } } : null,
  };
}

function bundleFor(spec: CatalogueBundle, source: Source, site: Site): BundleDocument {
  return {
    id: source.uuid("id"),
    name: spec.name,
    description: spec.description,
    instanceAuthRequestInputSchema: spec.access === "oauth-csrf" ? '{"type":"object","properties":{}}' : null,
    defaultInstanceAuth: authFor(spec.access, source, site),
    apiDefinitions: spec.apis.map(([name, path]) => ({
      id: source.uuid(`api/${name}`),
      name,
      description: `${name} of ${spec.name}`,
      targetURL: `${site.origin}${path}`,
    })),
    eventDefinitions: spec.events.map((name) => ({ id: source.uuid(`event/${name}`), name, description: null })),
  };
}

/** The product's name alone at first, then with a region, then with a stage too. */
function nameOf(product: Product, round: number): string {
  if (round === 0) return product.name;
  const [region = "", stage = ""] = [
    regions[(round - 1) % regions.length],
    stages[Math.floor((round - 1) / regions.length) % stages.length],
  ];
  return [product.name, region, stage].filter((word) => word !== "").join(" ");
}

/** Unique and valid once Director has rewritten it; the number at its end is only a last resort. */
function uniqueName(product: Product, index: number, systemNumber: string | null, taken: Set<string>): string {
  const name = nameOf(product, Math.floor(index / products.length));
  const final = (candidate: string) => nameForRuntime({ name: candidate, systemNumber }, "true");
  const chosen = [name, `${product.name} ${index}`, `${product.host} ${index}`].find(
    (candidate) => !taken.has(final(candidate)) && final(candidate).length <= LONGEST,
  );
  if (chosen === undefined) throw new RangeError(`no name is left for Application ${index}`);
  taken.add(final(chosen));
  return chosen;
}

function applicationFor(index: number, seed: Source, taken: Set<string>): ApplicationDocument {
  const product = products[index % products.length] as Product;
  const source = seed.within(index);
  const systemNumber = product.numbered ? String(3_000_000 + index).padStart(10, "0") : null;
  const label = `${product.host}-${index}`;
  const site = {
    origin: `https://${label}.example.com`,
    authentication: `https://${label}.authentication.example.com`,
  };
  return {
    id: source.uuid("id"),
    name: uniqueName(product, index, systemNumber, taken),
    providerName: product.provider,
    description: product.description,
    systemNumber,
    labels: { scenarios: ["DEFAULT"] },
    auths: [{ id: source.uuid("auth") }],
    bundles: product.bundles.map((spec) => bundleFor(spec, source.within(spec.name), site)),
  };
}

/** Makes the snapshot of `applications` Applications (at most some 10,000) with raw names, in the order of the catalogue. */
export function generateLandscape(options: { readonly applications: number; readonly seed: number }): SnapshotDocument {
  const source = new Source(`landscape/${options.seed}`);
  const taken = new Set<string>();
  return {
    kind: "DirectorSnapshot",
    version: 1,
    runtime: {
      id: source.uuid("runtime"),
      name: "sandbox",
      labels: { isNormalized: "true", runtimeType: "KYMA", scenarios: ["DEFAULT"] },
    },
    applications: Array.from({ length: options.applications }, (_, index) => applicationFor(index, source, taken)),
  };
}

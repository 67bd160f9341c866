/** A runtime whose agent keeps its state in a real cluster, run as users run it. */

import { aWorld, freshToken, type Run, type World, type WorldOptions } from "../e2e/world.js";
import { dataOf, type KubernetesPlace } from "../state/secrets-behaviour.js";
import { aPlace, settingsOf } from "./a-place.js";
import { type Access, call } from "./api-server.js";

const CONNECTION = "/apis/compass.kyma-project.io/v1alpha1/compassconnections/compass-connection";

/** A CompassConnection as the API server has it. */
export interface ConnectionObject {
  readonly metadata: {
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: {
    readonly connectionState: string;
    readonly connectionStatus: { readonly error?: string; readonly [field: string]: unknown };
    readonly synchronizationStatus?: { readonly error?: string; readonly [field: string]: unknown };
  };
}

export interface EventObject {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly involvedObject: { readonly uid?: string; readonly kind: string; readonly name: string };
}

export interface Runtime {
  readonly place: KubernetesPlace;
  readonly world: World;
  readonly namespace: string;
  /** Runs the agent as the admin, or with other variables. */
  run(args: readonly string[], options?: { env?: Readonly<Record<string, string>>; input?: string }): Promise<Run>;
  pair(): Promise<Run>;
  /** Throws what it said when it did not end well. */
  sync(): Promise<Outcome>;
  /** Null when there is none. */
  connection(): Promise<ConnectionObject | null>;
  /** As a person does it with kubectl, whatever the agent does at the time. */
  patch(change: object): Promise<void>;
  removeConnection(): Promise<void>;
  /** Of the CompassConnection that stands now, oldest first. */
  events(): Promise<EventObject[]>;
  /** Root fields that the sandbox's Connector was asked for since the last look. */
  connectorRequests(): Promise<string[]>;
  certificate(): Promise<Record<string, string> | null>;
}

interface Outcome {
  readonly result: string;
  readonly notes: readonly string[];
  readonly approval: { readonly hash: string } | null;
  readonly suspended: boolean;
  readonly applications: { readonly held: readonly unknown[]; readonly deleted: readonly string[] };
}

export interface RuntimeOptions extends WorldOptions {
  /** Configured by the Secret `runtime-agent-configuration`, which nobody has made. @default by the file */
  readonly isBySecret?: boolean;
  /** The agent's, and Istio's. @default new ones */
  readonly namespaces?: readonly [own: string, istio: string];
}

/** Without a CompassConnection yet. */
export async function aRuntime(server: Access, options: RuntimeOptions = {}): Promise<Runtime> {
  const { settings = {}, isBySecret = false, namespaces } = options;
  const place = await aPlace(server, namespaces);
  const { certificate, namespace, env } = place.options;
  const secret = `${namespace}/runtime-agent-configuration`;
  const world = await aWorld({
    ...options,
    sandbox: { applications: 4, ...options.sandbox },
    settings: {
      ...settingsOf(place),
      ...(isBySecret ? { runtime: { configuration: { secret } }, compass: {} } : {}),
      ...settings,
    },
  });
  const ca = isBySecret ? { RUNTIME_AGENT_COMPASS_CA_FILE: world.sandbox.ca } : {};
  const variables = { ...(env as Record<string, string>), ...ca, TMPDIR: world.folder };
  let seen = 0;
  const runtime: Runtime = {
    place,
    world,
    namespace,
    run: (args, { env: others = {}, input = "" } = {}) => world.run(args, { env: { ...variables, ...others }, input }),
    pair: async () => runtime.run(["pair", "--token-file", "-"], { input: await freshToken(world.sandbox) }),
    sync: async () => {
      const { code, stdout, stderr } = await runtime.run(["sync", "-o", "json"]);
      if (code !== 0) throw new Error(`sync ended with ${code}: ${stderr}`);
      return JSON.parse(stdout) as Outcome;
    },
    connection: async () => {
      const { status, body } = await call(server, "GET", CONNECTION);
      return status === 404 ? null : (body as ConnectionObject);
    },
    patch: async (change) => {
      const type = "application/merge-patch+json";
      const { status } = await call(server, "PATCH", CONNECTION, { body: change, type });
      if (status !== 200) throw new Error(`PATCH ${CONNECTION}: HTTP ${status}`);
    },
    removeConnection: () => place.setCompassConnection(null),
    events: async () => {
      const uid = (await runtime.connection())?.metadata.uid;
      const { body } = await call(server, "GET", "/api/v1/namespaces/default/events");
      const events = (body as { items: EventObject[] }).items.filter(
        ({ involvedObject }) => involvedObject.uid === uid,
      );
      return events.sort((one, other) => one.firstTimestamp.localeCompare(other.firstTimestamp));
    },
    connectorRequests: async () => {
      const answer = await fetch(`${world.sandbox.control}/requests`);
      const entries = (await answer.json()) as { operation: string; endpoint: string }[];
      const fresh = entries.slice(seen).filter(({ endpoint }) => endpoint.includes("connector"));
      seen = entries.length;
      return fresh.map(({ operation }) => operation).filter((operation) => !operation.startsWith("("));
    },
    certificate: () => dataOf(place, certificate),
  };
  return runtime;
}

/** The agent as a pod: a CronJob that runs one cycle each time, or a Deployment that runs them on its own schedule. */

import type { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { AGENT, add, CREDENTIALS_FOLDER, CREDENTIALS_SECRET, LABELS } from "./manifest.js";

export interface WorkloadProps {
  readonly namespace: string;
  readonly image: string;
  /** Changes whenever the configuration does, so that a Deployment is seen to have it. @default no annotation */
  readonly configurationDigest?: string;
}

export interface CronJobProps extends WorkloadProps {
  /** In the notation of cron. */
  readonly schedule: string;
}

export interface DeploymentProps extends WorkloadProps {
  /** Of /healthz and /readyz. @default no probes */
  readonly healthPort?: number;
  /** Of /metrics. @default not served */
  readonly metricsPort?: number;
}

/** The image has an entry in its passwd for this user. */
const USER = 65532;

/** Longer than the slowest cycle of 5,000 Applications, shorter than anybody would wait for a stuck one. */
const DEADLINE_SECONDS = 900;

/** Runtimes that were installed together would all ask Compass at the full minute. */
const JITTER = "30s";

/** The agent promises to end within 20 s. */
const GRACE_SECONDS = 30;

/** What the optional NetworkPolicies of the Go agent's module select (contract 8), and what keeps Istio's sidecar out. */
const POD_LABELS = { ...LABELS, app: "compass-runtime-agent", "sidecar.istio.io/inject": "false" };

// Older releases of Istio read the annotation, newer ones the label. With a sidecar a Job would never end.
const POD_ANNOTATIONS = { "sidecar.istio.io/inject": "false" };

/** One cycle at a time, each its own pod; a failed one is not repeated, since the next comes soon. */
export function cronJob(scope: Construct, { schedule, ...props }: CronJobProps): ApiObject {
  return add(scope, {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: AGENT, namespace: props.namespace },
    spec: {
      schedule,
      concurrencyPolicy: "Forbid",
      // A controller that was away for long starts one cycle then, not none for ever.
      startingDeadlineSeconds: 300,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        metadata: { labels: LABELS },
        spec: {
          backoffLimit: 0,
          activeDeadlineSeconds: DEADLINE_SECONDS,
          template: {
            metadata: { labels: POD_LABELS, annotations: POD_ANNOTATIONS },
            spec: podSpec(props, {
              args: ["sync", "--jitter", JITTER, "--log-format", "json"],
              restartPolicy: "Never",
            }),
          },
        },
      },
    },
  });
}

/** One pod: a second one would only wait for the Lease. */
export function deployment(
  scope: Construct,
  { healthPort, metricsPort, configurationDigest, ...props }: DeploymentProps,
): ApiObject {
  const port = (name: string, containerPort: number | undefined) =>
    containerPort === undefined ? [] : [{ name, containerPort, protocol: "TCP" }];
  const shared = healthPort !== undefined && healthPort === metricsPort;
  const ports = [...port("health", healthPort), ...(shared ? [] : port("metrics", metricsPort))];
  const probe = (path: string, more: object) => ({ httpGet: { path, port: "health" }, timeoutSeconds: 5, ...more });
  const probes =
    healthPort === undefined
      ? {}
      : {
          livenessProbe: probe("/healthz", { initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 6 }),
          readinessProbe: probe("/readyz", { initialDelaySeconds: 5, periodSeconds: 10, failureThreshold: 2 }),
        };
  const scraped =
    metricsPort === undefined
      ? {}
      : {
          "prometheus.io/scrape": "true",
          "prometheus.io/port": String(metricsPort),
          "prometheus.io/path": "/metrics",
        };
  const digest =
    configurationDigest === undefined ? {} : { "runtime-agent.kyma-project.io/configuration": configurationDigest };
  return add(scope, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: AGENT, namespace: props.namespace },
    spec: {
      replicas: 1,
      // Two at once would be safe, but for a while each would be refused the Lease that the other has.
      strategy: { type: "Recreate" },
      revisionHistoryLimit: 3,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: POD_LABELS, annotations: { ...POD_ANNOTATIONS, ...scraped, ...digest } },
        spec: podSpec(props, {
          args: ["run", "--log-format", "json"],
          restartPolicy: "Always",
          container: { ...(ports.length === 0 ? {} : { ports }), ...probes },
        }),
      },
    },
  });
}

interface PodOptions {
  readonly args: readonly string[];
  readonly restartPolicy: "Always" | "Never";
  /** Further fields of the container. @default none */
  readonly container?: object;
}

function podSpec({ image }: WorkloadProps, { args, restartPolicy, container = {} }: PodOptions) {
  return {
    serviceAccountName: AGENT,
    automountServiceAccountToken: true,
    // A Service named runtime-agent would make variables with the prefix of the agent's own.
    enableServiceLinks: false,
    restartPolicy,
    terminationGracePeriodSeconds: GRACE_SECONDS,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        name: AGENT,
        image,
        args,
        env: [
          { name: "RUNTIME_AGENT_CONFIG", value: "/etc/runtime-agent/agent.yaml" },
          // git and the cache of the repository write here and nowhere else.
          { name: "HOME", value: "/tmp" },
          { name: "TMPDIR", value: "/tmp" },
        ],
        securityContext: {
          allowPrivilegeEscalation: false,
          privileged: false,
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          capabilities: { drop: ["ALL"] },
        },
        resources: { requests: { cpu: "20m", memory: "128Mi" }, limits: { memory: "1Gi" } },
        volumeMounts: [
          { name: "configuration", mountPath: "/etc/runtime-agent", readOnly: true },
          { name: "credentials", mountPath: CREDENTIALS_FOLDER, readOnly: true },
          { name: "tmp", mountPath: "/tmp" },
        ],
        ...container,
      },
    ],
    volumes: [
      { name: "configuration", configMap: { name: AGENT } },
      { name: "credentials", secret: { secretName: CREDENTIALS_SECRET, defaultMode: 0o440 } },
      { name: "tmp", emptyDir: { sizeLimit: "2Gi" } },
    ],
  };
}

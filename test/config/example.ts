/** The full example of the reference, with real values. */

export const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

export const FULL_EXAMPLE = `version: 1
runtime:
  id: 0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab
  tenant: 3e64ebae-38b5-46a0-b1ed-9ccee153a0ae
  consoleURL: https://console.example.com
  eventsURL: https://gateway.example.com
compass:
  connectorURL: https://compass-gateway.example.com/connector/graphql
  token: {file: /run/token}
  ca: {file: /etc/ssl/compass-ca.pem}
  hosts: []
  insecureSkipVerify: false
  timeout: 2m
  pageSize: 200
  maxBytes: 256MiB
proxy: {https: null, no: []}
state:
  directory: ./state
git:
  url: https://git.example.com/platform/clusters.git
  branch: main
  path: clusters/prod/runtime-agent
  allowRoot: false
  publish: direct
  author: {name: Runtime Agent, email: runtime-agent@example.com}
  auth:
    token: {file: /run/git-token}
  push: {url: "git@git.example.com:agents/clusters.git", auth: {ssh: {key: {file: /run/key}, knownHosts: {file: /run/known_hosts}}}}
  ca: {file: /etc/ssl/git-ca.pem}
  signing: {format: ssh, key: {file: /run/signing-key}}
  commit: {subject: "Applications of {runtime}", trailers: {Change-Owner: platform}}
pullRequest:
  host: github
  api: https://git.example.com/api/v1
  branch: runtime-agent/{runtime}
  title: "Applications of {runtime}"
  labels: []
  reviewers: []
  draft: false
  autoMerge: false
secrets:
  mode: sops
  sops: {age: [${RECIPIENT}]}
  sealedSecrets: {certificate: {file: /etc/sealing.pem}, scope: strict}
  acknowledgePlain: false
applications:
  namespace: kyma-system
  skipVerify: false
  gatewayURL: http://central-application-gateway.kyma-system.svc.cluster.local:8082
  templates: ./templates
  allowedKinds: [Application, Secret, ConfigMap]
  admission: off
deletion:
  mode: sync
  observations: 3
  over: 30m
  limit: 20%
  credentials: {observations: 2, over: 0s}
drift: overwrite
reverted: hold
destinationChange: report
suspend: false
certificate: {keySize: 4096, renewAt: 0.67}
schedule: {every: 3m, jitter: 10%}
server: {health: 8090, metrics: 9090, page: "127.0.0.1:8091"}
metrics: {textfile: null, push: null}
`;

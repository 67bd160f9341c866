# The agent with git and ssh, as a user without rights. Build it at the root of a checkout: docker build -t runtime-agent .
# (or buildah build). Nothing of it has to be writable but /tmp.

FROM node:24-trixie-slim AS build
WORKDIR /build
# The lock file first: a change of the sources downloads nothing again.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts && npm rebuild node esbuild
COPY . .
RUN npm run build && npm run bundle && cp node_modules/node/bin/node /usr/local/bin/agent-node

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git libstdc++6 openssh-client \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/*.log \
 && groupadd --gid 65532 agent \
 && useradd --uid 65532 --gid 65532 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin agent
# The Node.js that the lock file pins and every test ran with.
COPY --from=build /usr/local/bin/agent-node /usr/local/bin/node
COPY --from=build /build/bundle /app
# By number, so that a cluster can tell that it is not root.
USER 65532:65532
ENV HOME=/tmp NODE_ENV=production
WORKDIR /tmp
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["run", "--log-format", "json"]
LABEL org.opencontainers.image.title="runtime-agent" \
      org.opencontainers.image.description="Keeps a Kyma runtime in step with Compass through Git" \
      org.opencontainers.image.licenses="Apache-2.0"

# One image for every part of Conclave; the command says which: node dist/cli/main.js start api|worker|mapper|detectors

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
COPY deploy/trim-modules.mjs deploy/
RUN node deploy/trim-modules.mjs node_modules

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY --from=openpolicyagent/opa:1.22.0-static /opa /usr/local/bin/opa
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY config config
COPY policies policies
COPY taxonomy taxonomy
COPY temporal temporal
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json && node dist/cli/main.js build

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    NODE_OPTIONS=--enable-source-maps \
    ORCHESTRATION_DATA_DIR=/var/lib/conclave
WORKDIR /app
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/conclave
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/config config
COPY --from=build /app/policies policies
COPY --from=build /app/taxonomy taxonomy
COPY --from=build /app/temporal temporal
COPY package.json ./
COPY deploy/healthcheck.mjs deploy/
USER 10001:10001
EXPOSE 8000 8001 8010
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 CMD ["node", "deploy/healthcheck.mjs", "8000"]
# Node as process 1 gets SIGTERM and drains; it starts no children here, so nothing is left to reap.
CMD ["node", "--max-semi-space-size=32", "--heap-growing-percent=80", "--require=./dist/cli/untraced-workflows.js", "dist/cli/main.js", "start", "api"]

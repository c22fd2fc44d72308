# The server in a container: docs/operations.md, "A container".

ARG NODE=24.21.0-trixie-slim

FROM node:${NODE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY src src
COPY scripts scripts
RUN node scripts/build.ts && rm dist/*.map

FROM node:${NODE}
RUN apt-get update \
  && apt-get install --yes --no-install-recommends git \
  && rm -rf /var/lib/apt/lists/*
COPY package.json LICENSE /opt/fleet-metadata/
COPY --from=build /build/dist/*.js /build/dist/page.html /build/dist/LICENCES.txt /opt/fleet-metadata/dist/
RUN ln -s /opt/fleet-metadata/dist/main.js /usr/local/bin/fleet-metadata

USER node
WORKDIR /workspace
# Outside of its container nobody reaches the loopback address. This one wants a token.
ENV FLEET_METADATA_LISTEN=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["fleet-metadata", "health"]
ENTRYPOINT ["fleet-metadata"]

// Every path that a server serves, for tests that try them all.

/** One or more of each plain route. */
const PLAIN_PATHS = [
  "/metadata",
  "/metadata/git_branch",
  "/metadata/events",
  "/health",
  "/metrics",
  "/openapi.json",
  "/schema.json",
  "/",
];

/** Every method of every service. */
export const RPC_PATHS = [
  "/fleet.metadata.v1.MetadataService/GetMetadata",
  "/fleet.metadata.v1.MetadataService/WatchMetadata",
  "/fleet.metadata.v1.MetadataService/ListKeys",
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/Watch",
  "/grpc.health.v1.Health/List",
  "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

export const SERVED_PATHS = [...PLAIN_PATHS, ...RPC_PATHS];

// The whole program but for its process.

export { processEnvironment } from "../config.ts";
export { run } from "./program.ts";

// Keeps this process small. Imports nothing: hooks of agents load this file too, and an import of node:v8 costs 2 ms.

/** Node's own modules that a server needs and that are large. */
const LARGE_MODULES = ["http", "http2"];

/**
 * V8's optimizing compilers are parts of Node's own file that a process holds once it has used them: 6 MB for the second one and
 * 2 MB for the first. Both are used ten times later than by V8's own rules: under load, where they save a third of the CPU of a
 * read, not in a server that is read a few times a minute.
 */
const COMPILERS = [
  "--invocation-count-for-turbofan=30000",
  "--invocation-count-for-maglev=4000",
  "--invocation-count-for-maglev-osr=1000",
];

/** When the start is over, in milliseconds. */
const STARTED_MS = 10_000;

/**
 * How many collections V8's memory reducer may do. It collects when a process has come to rest, and wakes every 8 s to see whether
 * it has: of a server that allocates next to nothing it never finds out, and so never stops. While it may do none, it does not wake
 * before the memory has grown by a few MB. Once the start is over it has V8's own two, so that memory is given back after a burst.
 */
const REDUCER_COLLECTIONS = { whileStarting: 0, later: 2 };

/** To be called before the program is loaded, because the heap grows while modules load. */
export function keepHeapSmall(): void {
  // Once a flag is set, V8 refuses the compiled code that Node carries for modules of its own: 15 ms of CPU at each start.
  for (const name of LARGE_MODULES) {
    process.getBuiltinModule(`node:${name}`);
  }
  // V8 doubles its space for new objects whenever many survive, up to 100 MB after a burst of reads, and gives none of it
  // back while the process is idle. Left at its first size, 1 MB, collections are more frequent and each one shorter.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  setFlagsFromString("--semi-space-growth-factor=1");
  for (const flag of COMPILERS) {
    setFlagsFromString(flag);
  }
  // V8 lets the space for older objects grow to four times what was alive in it before it collects there, and what the process
  // once took it hardly ever gives back. Half as much again keeps a busy server at two thirds of that memory.
  setFlagsFromString("--heap-growing-percent=50");
  const reduceBy = (collections: number): void => {
    setFlagsFromString(`--memory-reducer-gc-count=${collections}`);
  };
  reduceBy(REDUCER_COLLECTIONS.whileStarting);
  setTimeout(() => {
    reduceBy(REDUCER_COLLECTIONS.later);
    // What the start has left behind is 3 MB, and so close to where V8 collects for the first time that every server would do that
    // sometime in its first quiet minutes, for twice the CPU.
    setFlagsFromString("--expose-gc");
    const collect: NodeJS.GCFunction | undefined = process
      .getBuiltinModule("node:vm")
      .runInNewContext("globalThis.gc");
    setFlagsFromString("--no-expose-gc");
    void collect?.({ type: "major", flavor: "last-resort", execution: "async" });
  }, STARTED_MS).unref();
}

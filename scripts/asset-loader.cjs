// Stands before the program in the executable: there, `require` knows the built-in modules only. The program's other files are assets,
// each compiled when it is needed.
"use strict";
{
  const builtIn = require;
  const { getAsset } = builtIn("node:sea");
  const { compileFunction } = builtIn("node:vm");
  const modules = new Map();
  // biome-ignore lint/suspicious/noGlobalAssign: a parameter of the function that a script is made into
  require = (name) => {
    if (!name.startsWith("./")) {
      return builtIn(name);
    }
    let module = modules.get(name);
    if (module === undefined) {
      module = { exports: {} };
      modules.set(name, module);
      const filename = name.slice(2);
      const run = compileFunction(getAsset(filename, "utf8"), ["require", "module", "exports"], { filename });
      run(require, module, module.exports);
    }
    return module.exports;
  };
}

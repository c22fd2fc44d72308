// Where the current branch is fetched from and pushed to, as far as configuration and refs tell. Pure.

import type { Checkout } from "../checkout.ts";
import { type Config, values } from "./config.ts";
import type { ComparedRefs } from "./refs.ts";
import { followedRef, trackingRef } from "./refspec.ts";
import { fetchAddress, listRemotes, pushAddress, remoteNames } from "./remote.ts";

/** What of a {@link Checkout} follows from configuration and refs. */
export type Tracking = Pick<
  Checkout,
  "remotes" | "branchConfig" | "remotePushDefault" | "pushDefault" | "push" | "counterparts"
>;

/** Full names of the refs that {@link readTracking} may need, and of the upstream. */
export function expectedRefs(config: Config, branch: string | undefined): string[] {
  if (branch === undefined) return [];
  const { remote, merge } = branchValues(config, branch);
  const upstream =
    remote === undefined || merge === undefined || remote === "."
      ? merge
      : trackingRef(config, remote, merge);
  return [...(upstream === undefined ? [] : [upstream]), ...counterpartRefs(config, branch).values()];
}

/** @param branch - Short name, absent when there is none. */
export function readTracking(config: Config, branch: string | undefined, refs: ComparedRefs): Tracking {
  const names = remoteNames(config);
  const last = (key: string) => values(config, key).at(-1);
  const named = branch === undefined ? {} : branchValues(config, branch);
  const remotePushDefault = last("remote.pushdefault");
  const pushDefault = last("push.default");
  const pushRemote = named.pushRemote ?? remotePushDefault ?? named.remote;
  const push = pushOf(config, pushRemote === undefined ? names : [pushRemote], refs);
  const counterparts = branch === undefined ? [] : [...counterpartRefs(config, branch)].flatMap(found(refs));
  const isUrl = (remote: string) => remote !== "." && !names.includes(remote);
  const { remote, merge } = named;
  return {
    remotes: listRemotes(config, names),
    branchConfig: {
      ...(remote !== undefined && { remote: isUrl(remote) ? fetchAddress(config, remote) : remote }),
      ...(merge !== undefined && { merge }),
      ...(named.pushRemote !== undefined && {
        pushRemote: isUrl(named.pushRemote) ? pushAddress(config, named.pushRemote) : named.pushRemote,
      }),
    },
    ...(remotePushDefault !== undefined && {
      remotePushDefault: isUrl(remotePushDefault)
        ? pushAddress(config, remotePushDefault)
        : remotePushDefault,
    }),
    ...(pushDefault !== undefined && { pushDefault }),
    ...(push !== undefined && { push }),
    ...(counterparts.length > 0 && { counterparts }),
  };
}

function branchValues(config: Config, branch: string): Checkout["branchConfig"] {
  const last = (name: string) => values(config, `branch.${branch}.${name}`).at(-1);
  const [remote, merge, pushRemote] = [last("remote"), last("merge"), last("pushremote")];
  return {
    ...(remote !== undefined && { remote }),
    ...(merge !== undefined && { merge }),
    ...(pushRemote !== undefined && { pushRemote }),
  };
}

/** By the name of each remote, the ref that follows its branch of this name. */
function counterpartRefs(config: Config, branch: string): Map<string, string> {
  const refs = new Map<string, string>();
  for (const name of remoteNames(config)) {
    const ref = trackingRef(config, name, `refs/heads/${branch}`);
    if (ref !== undefined) refs.set(name, ref);
  }
  return refs;
}

function found({ oids }: ComparedRefs) {
  return ([remote, ref]: readonly [string, string]) => {
    const oid = oids.get(ref);
    return oid === undefined ? [] : [{ remote, oid }];
  };
}

/** git names the tracking ref only; what it is called in the remote, the refspecs say. */
function pushOf(
  config: Config,
  remotes: readonly string[],
  { push, oids }: ComparedRefs,
): Checkout["push"] | undefined {
  if (push === undefined) return undefined;
  for (const remote of remotes) {
    const ref = followedRef(config, remote, push);
    const oid = oids.get(push);
    if (ref?.startsWith("refs/heads/")) return { remote, ref, ...(oid !== undefined && { oid }) };
  }
  return undefined;
}

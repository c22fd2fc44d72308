// Finds HTTP/1.1 peers that vanished without a FIN while something sent to them is under way. HTTP/1.1 has no pings, and while
// something is not acknowledged the kernel does not probe either: it sends again for a quarter of an hour. Its own table of
// connections (Linux, https://docs.kernel.org/networking/proc_net_tcp.html) tells of that from the first second on.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { type Socket, SocketAddress } from "node:net";
import { endianness } from "node:os";
import { attempt } from "../attempt.ts";

/** How often in a row a connection must be found sending again before it is given up. */
const STRIKES = 3;

/** The account that the kernel keeps. Both throw as node:fs does. */
export interface TcpAccount {
  /** What it has counted, in a hundredth of a millisecond. */
  counters(): string;
  /** Its tables of connections, which take it 5 ms each on a large machine, however few connections there are. */
  tables(): Promise<string>[];
}

const systemAccount: TcpAccount = {
  counters: () => readFileSync("/proc/net/netstat", "latin1"),
  tables: () => ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "latin1")),
};

/** A row of the kernel's table: a connection on which something was sent again and nothing of it is acknowledged yet. */
export interface Resending {
  /** Local and remote address and port, as {@link connectionOf} has them. */
  readonly connection: string;
  /** How many times since the peer last acknowledged something. 1 or more. */
  readonly times: number;
}

/** What gives up connections whose peer has vanished. */
export interface VanishedCheck {
  /** To be called when something is or may be sent on one of the connections: while all is acknowledged, none is looked at. */
  sent(): void;
  stop(): void;
}

/**
 * Looks at these connections some time after something was sent on one of them, and again while something is not acknowledged, and
 * gives up those whose peer has vanished. Where there is no such table it does nothing.
 */
export function giveUpVanished(
  sockets: ReadonlyMap<Socket, unknown>,
  intervalMs: number,
  account: TcpAccount = systemAccount,
): VanishedCheck {
  let suspects = new Map<Socket, { readonly strikes: number; readonly times: number }>();
  /** As counted at the last look, or when the first one was due. */
  let counted: { readonly timeouts: number | undefined } | undefined;

  /** Whether the kernel has waited in vain for no acknowledgement on the whole machine since then. */
  const isQuiet = (): boolean => {
    const before = counted?.timeouts;
    counted = { timeouts: countTimeouts(account) };
    return counted.timeouts !== undefined && counted.timeouts === before;
  };

  const look = async (): Promise<void> => {
    if (sockets.size === 0) {
      suspects.clear();
      return;
    }
    if (isQuiet() && suspects.size === 0) {
      return;
    }
    const times = new Map((await readTables(account)).map((row) => [row.connection, row.times]));
    const before = suspects;
    suspects = new Map();
    for (const socket of sockets.keys()) {
      const now = times.get(connectionOf(socket));
      if (now === undefined) {
        continue;
      }
      const last = before.get(socket);
      // A lower count means that something was acknowledged meanwhile.
      const strikes = last !== undefined && now >= last.times ? last.strikes + 1 : 1;
      if (strikes >= STRIKES) {
        socket.destroy();
      } else {
        suspects.set(socket, { strikes, times: now });
      }
    }
  };

  let timer: NodeJS.Timeout | undefined;
  /** Whether something was sent since the time until the next look began. */
  let isSentSince = false;
  let isStopped = false;
  const wait = (): void => {
    timer = setTimeout(() => void lookAgain(), intervalMs);
  };
  const lookAgain = async (): Promise<void> => {
    const isTooNew = isSentSince;
    isSentSince = false;
    await look();
    timer = undefined;
    if (!isStopped && (isTooNew || isSentSince || suspects.size > 0)) {
      wait();
    }
  };
  return {
    sent: () => {
      if (timer !== undefined) {
        isSentSince = true;
      } else if (!isStopped) {
        counted ??= { timeouts: countTimeouts(account) };
        wait();
      }
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

async function readTables(account: TcpAccount): Promise<Resending[]> {
  // Missing: another system, or one without IPv6.
  const texts = await Promise.all(account.tables().map((table) => table.catch(() => "")));
  return texts.flatMap(parseTcpTable);
}

function countTimeouts(account: TcpAccount): number | undefined {
  return attempt(() => parseTimeouts(account.counters()));
}

/**
 * Reads from the kernel's counters how often an acknowledgement did not come in time (TCPTimeouts): a line of names, then one of
 * numbers. Undefined where that is not counted.
 */
export function parseTimeouts(text: string): number | undefined {
  const [names = [], numbers = []] = text
    .split("\n")
    .filter((line) => line.startsWith("TcpExt: "))
    .map((line) => line.split(" "));
  const number = numbers[names.indexOf("TCPTimeouts")] ?? "";
  return /^\d+$/.test(number) ? Number(number) : undefined;
}

/** Reads the kernel's table. Rows that are none are left out. */
export function parseTcpTable(text: string): Resending[] {
  return text.split("\n").flatMap((line) => {
    const [, local, remote, queued, resent] =
      /^ *\d+: (\S+) (\S+) [0-9A-F]{2} ([0-9A-F]{8}):\S+ \S+ ([0-9A-F]{8}) /.exec(line) ?? [];
    const times = Number.parseInt(resent ?? "0", 16);
    if (local === undefined || remote === undefined || times === 0 || /^0*$/.test(queued ?? "")) {
      return [];
    }
    return [{ connection: `${endOf(local)} ${endOf(remote)}`, times }];
  });
}

function connectionOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress}|${localPort} ${remoteAddress}|${remotePort}`;
}

/** "0100007F:1F90" is "127.0.0.1|8000": words of four bytes in the machine's own order. */
function endOf(text: string): string {
  const [hex = "", port = ""] = text.split(":");
  const bytes = Buffer.from(hex, "hex");
  if (endianness() === "LE" && bytes.length % 4 === 0) {
    bytes.swap32();
  }
  const address =
    bytes.length === 16
      ? new SocketAddress({
          family: "ipv6",
          address: bytes.toString("hex").replaceAll(/(.{4})(?!$)/g, "$1:"),
        }).address
      : bytes.join(".");
  return `${address}|${Number.parseInt(port, 16)}`;
}

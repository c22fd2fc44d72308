// The terminal that the program was started in, if there is one. Touches /dev/tty.

import { closeSync, constants, openSync } from "node:fs";
import { isatty } from "node:tty";

/** What SIGHUP means depends on this: that the terminal is closed, or that somebody wants something to be read again. */
export interface Terminal {
  /** Whether it is there no more. False when there never was one. */
  readonly isClosed: boolean;
}

/** The terminal of this process as it starts. One that none of the three standard streams is connected to, as under nohup, is none. */
export function ownTerminal(): Terminal {
  const hasOne = [0, 1, 2].some((stream) => isatty(stream)) && canBeOpened();
  return {
    get isClosed() {
      return hasOne && !canBeOpened();
    },
  };
}

/** The system takes a terminal away from all its processes before it tells them of its end. */
function canBeOpened(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY));
    return true;
  } catch {
    return false;
  }
}

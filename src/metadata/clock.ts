// Time as a parameter, for the rooms that do not touch collectors.

export { type Clock, systemClock, systemTimers, type Timers } from "../collectors/clock.ts";

// Time as a parameter, for the rooms that do not touch collectors.

export { type Clock, systemClock } from "../collectors/clock.ts";

/** Playback time: which step belongs to a moment. Time-based, so a slow frame never makes the film slower. */
import { type Range, type Span, spanOf } from "./timeline.ts";

export interface Playing {
  numSteps: number;
  /** 1 forwards, -1 backwards. */
  direction: number;
  fps: number;
  loop: boolean;
  /** `[start, stop)`: playback that is inside stays inside. */
  selectedRange?: Range;
}

/** The first and last step that playback from `step` moves between. */
export function stretch(
  { numSteps, selectedRange: [start = 0, stop = 0] = [] }: Playing,
  step: number,
): Span {
  const inside = step >= start && step < Math.min(stop, numSteps);
  return spanOf(inside ? [start, stop] : [], numSteps);
}

export class Clock {
  #origin = 0;
  #from = 0;
  #last = Number.NaN;
  #setting = "";

  /**
   * The step to show at `now` (milliseconds), given that `step` is shown. `ended` says that playback ran into an
   * end. A step, speed or direction set by someone else starts the count anew from there.
   */
  advance(now: number, step: number, playing: Playing): { step: number; ended: boolean } {
    const { first, last } = stretch(playing, step);
    const setting = `${playing.direction} ${playing.fps} ${first} ${last} ${playing.loop}`;
    if (step !== this.#last || setting !== this.#setting) {
      this.#origin = now;
      this.#from = step;
      this.#last = step;
      this.#setting = setting;
    }
    // A hair of slack: display times are rounded, and 1000/fps rarely is a whole number of them.
    const moved = Math.floor(((now - this.#origin) * playing.fps) / 1000 + 1e-6);
    const target = this.#from + moved * (playing.direction < 0 ? -1 : 1);
    const count = last - first + 1;
    const ended = !playing.loop && (target < first || target > last);
    const around = first + ((((target - first) % count) + count) % count);
    const shown = ended ? (target < first ? first : last) : around;
    this.#last = shown;
    return { step: shown, ended };
  }

  /** Time stands still (the next frame is not there yet): the count starts anew when it moves on. */
  hold(): void {
    this.#last = Number.NaN;
  }
}

/** Playback time: which step belongs to a moment. Time-based, so a slow frame never makes the film slower. */

export interface Playing {
  numSteps: number;
  /** 1 forwards, -1 backwards. */
  direction: number;
  fps: number;
  loop: boolean;
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
    const setting = `${playing.direction} ${playing.fps} ${playing.numSteps} ${playing.loop}`;
    if (step !== this.#last || setting !== this.#setting) {
      this.#origin = now;
      this.#from = step;
      this.#last = step;
      this.#setting = setting;
    }
    // A hair of slack: display times are rounded, and 1000/fps rarely is a whole number of them.
    const moved = Math.floor(((now - this.#origin) * playing.fps) / 1000 + 1e-6);
    const target = this.#from + moved * (playing.direction < 0 ? -1 : 1);
    const count = Math.max(1, playing.numSteps);
    const ended = !playing.loop && (target < 0 || target >= count);
    const shown = ended ? (target < 0 ? 0 : count - 1) : ((target % count) + count) % count;
    this.#last = shown;
    return { step: shown, ended };
  }

  /** Time stands still (the next frame is not there yet): the count starts anew when it moves on. */
  hold(): void {
    this.#last = Number.NaN;
  }
}

/** What can be done with rows of panels: choose what each explains, add, remove, move; and which one is looked at. */
import { movedRow, withOutput, withoutRow, withRow } from "../core/rows.ts";
import { clamp } from "../core/study.ts";
import { outputsOf } from "./scene.ts";
import type { Session } from "./session.ts";

export class Rows {
  #session: Session;
  #focused = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  get outputs(): string[] {
    return outputsOf(this.#session.model);
  }

  /** The row whose numbers the legend shows. */
  get focused(): number {
    return clamp(this.#focused, 0, this.outputs.length - 1);
  }

  focus(index: number): void {
    if (index === this.focused) return;
    this.#focused = index;
    this.#session.invalidate();
  }

  /** Explains `output` in row `index`; what is not computed yet is computed if an agent is there. */
  choose(index: number, output: string): void {
    this.#set(withOutput(this.outputs, index, output));
    this.focus(index);
    this.#session.computeMissing();
  }

  add(): void {
    this.#set(withRow(this.outputs));
    this.focus(this.outputs.length - 1);
  }

  remove(index: number): void {
    const focused = this.focused;
    this.#set(withoutRow(this.outputs, index));
    this.#focused = index < focused ? focused - 1 : focused;
    this.#session.invalidate();
  }

  move(index: number, direction: number): void {
    const target = index + direction;
    if (target < 0 || target >= this.outputs.length) return;
    this.#set(movedRow(this.outputs, index, direction));
    if (this.focused === index) this.focus(target);
    else if (this.focused === target) this.focus(index);
  }

  #set([first = "value", ...more]: string[]): void {
    const session = this.#session;
    session.set("output", first);
    if (this.outputs.slice(1).join("\n") !== more.join("\n")) session.set("more_outputs", more);
  }
}

/**
 * A first message that asks for nothing. JupyterLab hands a model's first one to the kernel's main thread, where it
 * waits until the running cell has ended, and later ones to a thread beside it: let the one that waits be this.
 */
export function sayHello(model: { send(content: { kind: string }): void }): void {
  try {
    model.send({ kind: "rlv-hello" });
  } catch {
    // No kernel, nobody to greet: requests will say so.
  }
}

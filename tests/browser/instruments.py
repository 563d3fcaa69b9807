"""Counts what a view keeps alive on a page: listeners, timers, animation frames, observers, object URLs."""

# Runs before any script of the page. Listeners on elements that have left the page die with them and do not count;
# neither do those on an AbortSignal, which belongs to whoever ends the view.
INSTRUMENTS = """() => {
    const listeners = new Set(), timers = new Map(), frames = new Map(), observers = new Map(), urls = new Map();
    const where = () => new Error().stack.split("\\n").slice(3, 6).map((line) => line.trim()).join(" < ");
    const { addEventListener, removeEventListener } = EventTarget.prototype;
    const same = (one, target, type, callback, capture) => one.target === target && one.type === type
        && one.callback === callback && one.capture === capture;
    const capturing = (options) => typeof options === "object" ? Boolean(options?.capture) : Boolean(options);
    const drop = (...wanted) => { for (const one of listeners) if (same(one, ...wanted)) listeners.delete(one); };
    EventTarget.prototype.addEventListener = function (type, callback, options) {
        const target = this ?? window, { signal, once } = typeof options === "object" ? options ?? {} : {};
        if (callback && !signal?.aborted && !(target instanceof AbortSignal)) {
            const key = [target, type, callback, capturing(options)];
            drop(...key);
            listeners.add({ target, type, callback, capture: key[3], where: where() });
            if (signal) addEventListener.call(signal, "abort", () => drop(...key), { once: true });
            if (once) addEventListener.call(target, type, () => drop(...key), { once: true, capture: key[3] });
        }
        return addEventListener.call(target, type, callback, options);
    };
    EventTarget.prototype.removeEventListener = function (type, callback, options) {
        const target = this ?? window;
        drop(target, type, callback, capturing(options));
        return removeEventListener.call(target, type, callback, options);
    };
    const once = (name, ended, pending, repeats) => {
        const start = window[name], stop = window[ended];
        window[name] = (callback, ...rest) => {
            const id = start.call(window, (...given) => {
                if (!repeats) pending.delete(id);
                return callback(...given);
            }, ...rest);
            pending.set(id, where());
            return id;
        };
        window[ended] = (id) => { pending.delete(id); return stop.call(window, id); };
    };
    once("setTimeout", "clearTimeout", timers, false);
    once("setInterval", "clearInterval", timers, true);
    once("requestAnimationFrame", "cancelAnimationFrame", frames, false);
    for (const name of ["ResizeObserver", "MutationObserver", "IntersectionObserver"]) {
        window[name] = class extends window[name] {
            observe(target, ...rest) { observers.set(this, where()); return super.observe(target, ...rest); }
            disconnect() { observers.delete(this); return super.disconnect(); }
        };
    }
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (what) => { const url = createObjectURL(what); urls.set(url, where()); return url; };
    URL.revokeObjectURL = (url) => { urls.delete(url); return revokeObjectURL(url); };
    const here = ({ target }) => !(target instanceof Node) || target === document || target.isConnected;
    window.kept = () => [
        ...[...listeners].filter(here).map(({ target, type, where }) =>
            `listener ${type} on ${target.constructor.name}: ${where}`),
        ...[...timers.values()].map((where) => `timer: ${where}`),
        ...[...frames.values()].map((where) => `frame: ${where}`),
        ...[...observers.values()].map((where) => `observer: ${where}`),
        ...[...urls.values()].map((where) => `object URL: ${where}`),
    ];
}"""


def instrument(page):
    """Count from the page's next opening on."""
    page.add_init_script(f"({INSTRUMENTS})()")


def kept(page):
    """Return a line for each thing that is alive, with where it was made."""
    return page.evaluate("() => kept()")

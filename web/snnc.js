// The runtime of snnc in browsers and Node: classes over the functions of snnc.wasm. The types are in snnc.d.ts.

/** A network in memory of the module. */
export class Network {
  #runtime;
  #handle;

  /** Made by `Runtime.load`. */
  constructor(runtime, handle, info) {
    this.#runtime = runtime;
    this.#handle = handle;
    this.info = info;
  }

  run(pixels, options) {
    const { height, width, channels, timesteps, index } = this.#settings(options);
    const count = pixels.length / (height * width * channels);
    if (!Number.isInteger(count)) {
      throw new RangeError(`${pixels.length} bytes are not a whole number of images of ${height}x${width} with ${channels} channels`);
    }
    const said = this.#runtime.with(pixels, (at, { snnc_run }) =>
      snnc_run(this.#handle, at, count, height, width, channels, timesteps, index));
    const logits = floats(said, 0, this.info.classes * count);
    return Array.from({ length: count }, (_, image) =>
      answer(logits.subarray(image * this.info.classes, (image + 1) * this.info.classes)));
  }

  trace(pixels, options) {
    const { height, width, channels, timesteps, index } = this.#settings(options);
    if (pixels.length !== height * width * channels) {
      throw new RangeError(`${pixels.length} bytes are not one image of ${height}x${width} with ${channels} channels`);
    }
    const said = this.#runtime.with(pixels, (at, { snnc_trace }) =>
      snnc_trace(this.#handle, at, height, width, channels, timesteps, index));
    let place = 4 * this.info.classes;
    const spikes = this.info.populations.map((population) => {
      const steps = population.digits ?? timesteps;
      const data = new Int8Array(said.buffer, place, steps * population.size);
      place += data.length;
      return { population, steps, data };
    });
    return { ...answer(floats(said, 0, this.info.classes)), spikes };
  }

  free() {
    this.#runtime.exports.snnc_unload(this.#handle);
    this.#handle = 0;
  }

  #settings({ height, width, channels = 1, timesteps = this.info.timesteps, firstImageIndex = 0 }) {
    if (this.#handle === 0) {
      throw new Error("the network was freed");
    }
    for (const [name, value] of Object.entries({ height, width, channels, timesteps })) {
      if (!Number.isInteger(value) || value < 1 || value > 0xffffff) {
        throw new RangeError(`${name} is ${value}, not a whole number from 1`);
      }
    }
    return { height, width, channels, timesteps, index: BigInt(firstImageIndex) };
  }
}

/** The runtime. */
export class Runtime {
  constructor(exports) {
    this.exports = exports;
  }

  load(file) {
    let handle = 0;
    const said = this.with(file instanceof Uint8Array ? file : new Uint8Array(file), (at, { snnc_load }, length) =>
      (handle = snnc_load(at, length)));
    return new Network(this, handle, JSON.parse(new TextDecoder().decode(said)));
  }

  /** Calls a function with bytes in the module's memory; what it says, or an error with its words. */
  with(bytes, call) {
    const { snnc_alloc, snnc_free, snnc_result, snnc_result_len } = this.exports;
    const at = snnc_alloc(bytes.length);
    // Memory may have moved: it is looked up after every call.
    const memory = () => new Uint8Array(this.exports.memory.buffer);
    try {
      memory().set(bytes, at);
      const isGood = call(at, this.exports, bytes.length);
      const said = memory().slice(snnc_result(), snnc_result() + snnc_result_len());
      if (!isGood) {
        throw new Error(new TextDecoder().decode(said));
      }
      return said;
    } finally {
      snnc_free(at, bytes.length);
    }
  }
}

function floats(bytes, at, length) {
  const view = new DataView(bytes.buffer, at, 4 * length);
  return Float32Array.from({ length }, (_, k) => view.getFloat32(4 * k, true));
}

function answer(logits) {
  return { class: logits.reduce((best, v, k) => (v > logits[best] ? k : best), 0), logits };
}

export async function start(source = new URL("./snnc.wasm", import.meta.url)) {
  let module = source;
  if (typeof module === "string" || module instanceof URL) {
    module = await fetched(new URL(module, import.meta.url));
  } else if (module instanceof Promise || (typeof Response !== "undefined" && module instanceof Response)) {
    module = await (await module).arrayBuffer();
  }
  const made = await WebAssembly.instantiate(module, {});
  return new Runtime((made.instance ?? made).exports);
}

/** The bytes at a place; Node does not fetch files. */
async function fetched(url) {
  if (url.protocol === "file:" && typeof process !== "undefined" && process.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    return readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url}: ${response.status} ${response.statusText}`);
  }
  return response.arrayBuffer();
}

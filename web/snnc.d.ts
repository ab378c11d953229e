/** What makes spikes: neurons, a max pooling over spikes, or an input of spikes. */
export interface Population {
  /** The node of the file. */
  name: string;
  kind: "neurons" | "max-pool" | "input";
  /** Entries for one image. */
  size: number;
  /** Digits of its window in the radix code; `null` in the rate code. */
  digits: number | null;
  /** First and last time step of its window, counted from 1; in the rate code those of a run of the network's own number of steps. */
  first: number;
  last: number;
}

/** A network in words and numbers. */
export interface Info {
  code: "radix" | "rate";
  coding: "digits" | "direct" | "poisson";
  layout: "nchw" | "nhwc" | "flat";
  /** Shape of the input; the first dimension is 1. */
  shape: number[];
  classes: number;
  /** The number of time steps that the network was made for. */
  timesteps: number;
  /** Most time steps of a run; the radix code takes no other number than `timesteps`. */
  maxTimesteps: number;
  /** Time steps until the answer is complete. */
  latency: number;
  /** Time steps from one image to the next. */
  interval: number;
  populations: Population[];
}

/** How images lie in memory, and how they are run. */
export interface RunOptions {
  height: number;
  width: number;
  /** Channels of a pixel, which stand side by side; 1 unless given. */
  channels?: number;
  /** Time steps; those of the network unless given. */
  timesteps?: number;
  /** Index of the first image, of which Poisson coding draws its random numbers; 0 unless given. */
  firstImageIndex?: number | bigint;
}

/** What the network made of one image. */
export interface Answer {
  /** The place of the largest read-out, the first of several. */
  class: number;
  /** The read-outs. */
  logits: Float32Array;
}

/** The spikes of a population. */
export interface Spikes {
  population: Population;
  /** Time steps, or digits of its window. */
  steps: number;
  /** `[steps, entries]`: 0, 1, or -1 for a spike that is taken back. */
  data: Int8Array;
}

/** An answer with every spike on the way. */
export interface Trace extends Answer {
  spikes: Spikes[];
}

/** A network in memory of the module. */
export class Network {
  readonly info: Info;
  /** Runs images of 8 bits a channel, one behind the other: one answer each. Throws an `Error` where they do not fit. */
  run(pixels: Uint8Array | Uint8ClampedArray, options: RunOptions): Answer[];
  /** Runs one image and keeps every spike. Throws as `run`. */
  trace(pixels: Uint8Array | Uint8ClampedArray, options: RunOptions): Trace;
  /** Gives its memory back; it cannot run any more. */
  free(): void;
}

/** The runtime. */
export class Runtime {
  /** Reads a `.snn` file; throws an `Error` that says why where it is refused. */
  load(file: Uint8Array | ArrayBuffer): Network;
}

/** Starts the module `snnc.wasm`: its bytes, the module, or where it is; by default it lies beside this file. */
export function start(source?: BufferSource | WebAssembly.Module | Response | Promise<Response> | URL | string): Promise<Runtime>;

/** Types of the part of `cli-progress` that we use. */

/** Values that a format's `{name}` places show. */
export type Payload = Record<string, unknown>;

/** What a bar looks like and where it goes. */
export interface BarOptions {
  /** Such as `{bar} {percentage}% {value}/{total}`; places for the payload's fields too. */
  format?: string | ((options: BarOptions, params: FormatParams, payload: Payload) => string);
  /** Redraws per second. */
  fps?: number;
  /** Where to draw; standard error by default. */
  stream?: unknown;
  barsize?: number;
  barCompleteChar?: string;
  barIncompleteChar?: string;
  hideCursor?: boolean | null;
  clearOnComplete?: boolean;
  stopOnComplete?: boolean;
  linewrap?: boolean | null;
  etaBuffer?: number;
  noTTYOutput?: boolean;
  forceRedraw?: boolean;
  emptyOnZero?: boolean;
  autopadding?: boolean;
  gracefulExit?: boolean;
}

/** What a format function is told; times in milliseconds since 1970, eta in seconds. */
export interface FormatParams {
  progress: number;
  eta: number;
  startTime: number;
  stopTime: number | null;
  total: number;
  value: number;
  maxWidth: number;
}

/** Characters and format of a look. */
export interface Preset {
  barCompleteChar: string;
  barIncompleteChar: string;
  format: string;
}

/** A bar. */
export interface Bar {
  start(total: number, startValue: number, payload?: Payload): void;
  update(value: number, payload?: Payload): void;
  update(payload: Payload): void;
  increment(step?: number, payload?: Payload): void;
  setTotal(total: number): void;
  getTotal(): number;
  getProgress(): number;
  stop(): void;
}

/** Several bars. */
export interface MultiBarHandle {
  readonly isActive: boolean;
  create(total: number, startValue: number, payload?: Payload, options?: BarOptions): Bar;
  remove(bar: Bar): boolean;
  /** Writes a line above the bars; end it with a line feed. */
  log(text: string): void;
  update(): void;
  stop(): void;
}

declare const cliProgress: {
  SingleBar: new (options?: BarOptions, preset?: Preset) => Bar;
  MultiBar: new (options?: BarOptions, preset?: Preset) => MultiBarHandle;
  Presets: Record<"legacy" | "shades_classic" | "shades_grey" | "rect", Preset>;
};
export default cliProgress;

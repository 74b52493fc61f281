/**
 * OpenTelemetry through the runtime's own support. It is there only in executables that were compiled with
 * `deno task compile --otel`; where and how often it sends, the usual variables OTEL_... say when they are started. The
 * sandbox doesn't come into it: the runtime itself reads them and sends.
 */

import type { Metric, Sample } from "../registry/metrics.ts";

/** The part of OpenTelemetry's API that is used. */
interface Meter {
  createObservableGauge(name: string, about: About): Observable;
  createObservableCounter(name: string, about: About): Observable;
}
interface About {
  description: string;
  unit: string;
}
interface Observable {
  addCallback(callback: (result: Result) => void): void;
}
interface Result {
  observe(value: number, attributes: Readonly<Record<string, string>>): void;
}
interface Tracer {
  startSpan(name: string, options: { kind: number; attributes: Record<string, string> }): Span;
}
interface Span {
  setStatus(status: { code: number }): void;
  end(): void;
}
/** What the runtime provides. */
export interface Telemetry {
  meterProvider: { getMeter(name: string, version: string): Meter };
  tracerProvider: { getTracer(name: string, version: string): Tracer };
}

const NAME = "labswarm";
/** OpenTelemetry's numbers: a span of a server, a span that ended badly. */
const KIND_SERVER = 1;
const STATUS_ERROR = 2;

/** Telemetry of this process. */
export interface Exporter {
  /**
   * Has metrics read and sent from now on.
   *
   * @param read is called each time that they are sent; the names don't change.
   */
  metrics(read: () => Metric[]): void;
  /** Does some work as a span of its own. */
  span(kind: string, work: () => Promise<void> | void): Promise<void> | void;
}

/**
 * Telemetry, where it was compiled in.
 *
 * @param telemetry the runtime's, unless a test has its own.
 */
export function telemetryOf(
  version: string,
  telemetry: unknown = (Deno as unknown as { telemetry: unknown }).telemetry,
): Exporter | undefined {
  const { meterProvider, tracerProvider } = telemetry as Telemetry;
  let meter: Meter;
  try {
    meter = meterProvider.getMeter(NAME, version);
  } catch {
    // The runtime's way to say that it isn't compiled in.
    return undefined;
  }
  const tracer = tracerProvider.getTracer(NAME, version);
  return {
    metrics: (read) => register(meter, read),
    span: (kind, work) => spanned(tracer, kind, work),
  };
}

function register(meter: Meter, read: () => Metric[]): void {
  for (const { name, type, unit, help } of read()) {
    // The runtime tells of the process itself.
    if (name.startsWith("process_") || unit === "info") continue;
    const about = { description: help, unit: unit === "bytes" ? "By" : unit === "seconds" ? "s" : "1" };
    const dotted = name.replace("_", ".");
    const instrument = type === "counter"
      ? meter.createObservableCounter(dotted, about)
      : meter.createObservableGauge(dotted, about);
    instrument.addCallback((result) => {
      for (const [labels, value] of samplesOf(read(), name)) result.observe(value, labels);
    });
  }
}

function samplesOf(metrics: readonly Metric[], name: string): readonly Sample[] {
  return metrics.find((metric) => metric.name === name)?.samples ?? [];
}

function spanned(tracer: Tracer, kind: string, work: () => Promise<void> | void): Promise<void> | void {
  const span = tracer.startSpan(kind, { kind: KIND_SERVER, attributes: { "rpc.method": kind } });
  const failed = (thrown: unknown): never => {
    span.setStatus({ code: STATUS_ERROR });
    span.end();
    throw thrown;
  };
  try {
    const done = work();
    if (done instanceof Promise) return done.then(() => span.end(), failed);
  } catch (thrown) {
    return failed(thrown);
  }
  span.end();
}

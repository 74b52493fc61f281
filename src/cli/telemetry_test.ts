import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Metric } from "../registry/metrics.ts";
import { telemetryOf } from "./telemetry.ts";

/** Keeps what it is told, in place of the runtime's. */
class FakeTelemetry {
  instruments: string[] = [];
  callbacks: ((result: { observe(value: number, labels: unknown): void }) => void)[] = [];
  spans: string[] = [];
  #make = (type: string) => (name: string, { unit }: { unit: string }) => {
    this.instruments.push(`${type} ${name} ${unit}`);
    return { addCallback: (callback: typeof this.callbacks[number]) => void this.callbacks.push(callback) };
  };
  meterProvider = {
    getMeter: () => ({
      createObservableGauge: this.#make("gauge"),
      createObservableCounter: this.#make("counter"),
    }),
  };
  tracerProvider = {
    getTracer: () => ({
      startSpan: (name: string) => {
        let fault = "";
        return { setStatus: () => fault = " failed", end: () => void this.spans.push(name + fault) };
      },
    }),
  };
}

Deno.test("without telemetry compiled in there is none", () => {
  assertEquals(telemetryOf("1"), undefined);
});

Deno.test("metrics are read anew each time that they are sent", () => {
  const fake = new FakeTelemetry();
  let peers = 1;
  const read = (): Metric[] => [
    { name: "labswarm_peers", type: "gauge", help: "Peers.", samples: [[{ state: "active" }, peers]] },
    { name: "labswarm_store_size", type: "gauge", unit: "bytes", help: "Size.", samples: [] },
    { name: "labswarm_message_errors", type: "counter", help: "Errors.", samples: [[{}, 3]] },
    { name: "labswarm_build", type: "gauge", unit: "info", help: "Version.", samples: [[{}, 1]] },
    { name: "process_start_time", type: "gauge", unit: "seconds", help: "Start.", samples: [[{}, 1]] },
  ];
  telemetryOf("1", fake)!.metrics(read);
  assertEquals(fake.instruments, [
    "gauge labswarm.peers 1",
    "gauge labswarm.store_size By",
    "counter labswarm.message_errors 1",
  ]);
  const seen: unknown[] = [];
  peers = 2;
  for (const callback of fake.callbacks) {
    callback({ observe: (value, labels) => void seen.push([value, labels]) });
  }
  assertEquals(seen, [[2, { state: "active" }], [3, {}]]);
});

Deno.test("each message is a span; one that failed says so", async () => {
  const fake = new FakeTelemetry();
  const { span } = telemetryOf("1", fake)!;
  span("KeepAlive", () => {});
  await span("Register", () => Promise.resolve());
  assertThrows(() =>
    span("Leave", () => {
      throw new Error("no");
    })
  );
  await assertRejects(async () => await span("PQuery", () => Promise.reject(new Error("no"))));
  assertEquals(fake.spans, ["KeepAlive", "Register", "Leave failed", "PQuery failed"]);
});

/**
 * Door to NATS with JetStream and its key-value buckets. Only for servers that share a registry: import it when one does. What
 * it is connected by is ours (`src/registry/nats/transport.ts`).
 */

export {
  headers,
  INFO,
  NatsConnectionImpl,
  setTransportFactory,
} from "npm:@nats-io/nats-core@3.4.0/internal";
export type {
  ConnectionOptions,
  Msg,
  NatsConnection,
  Server as NatsServer,
  Subscription,
  Transport,
} from "npm:@nats-io/nats-core@3.4.0/internal";
export { JetStreamApiError, jetstreamManager } from "npm:@nats-io/jetstream@3.4.0";
export type { ConsumerConfig, JetStreamClient, JetStreamManager } from "npm:@nats-io/jetstream@3.4.0";
export { Kvm } from "npm:@nats-io/kv@3.4.0";

/** Door to NATS with JetStream and its key-value buckets. Only for servers that share a registry: import it when one does. */

export { connect, headers, nanos, wsconnect } from "npm:@nats-io/transport-node@3.4.0";
export type { ConnectionOptions, Msg, NatsConnection, Subscription } from "npm:@nats-io/transport-node@3.4.0";
export { JetStreamApiError, jetstreamManager } from "npm:@nats-io/jetstream@3.4.0";
export type { ConsumerConfig, JetStreamClient, JetStreamManager } from "npm:@nats-io/jetstream@3.4.0";
export { Kvm } from "npm:@nats-io/kv@3.4.0";

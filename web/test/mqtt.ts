import { once } from "node:events";
import { connect, type Socket } from "node:net";

// As much of MQTT 5 as a device needs: it connects with a last will, publishes and listens.

export interface Message {
  topic: string;
  payload: string;
  retained: boolean;
}

const connack = 0x20;
const publish = 0x30;
const puback = 0x40;
const suback = 0x90;

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

const packet = (kind: number, ...parts: (Buffer | number[])[]): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length: number[] = [];
  for (let rest = body.length; rest > 0 || !length.length; rest >>= 7)
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  return Buffer.concat([Buffer.from([kind, ...length]), body]);
};

/** A number of MQTT at a place, and where it ends; nothing where not all of it is there. */
const numberAt = (bytes: Buffer, at: number): [value: number, end: number] | null => {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return null;
    value += (byte & 127) << (7 * i);
    if (byte < 128) return [value, at + i + 1];
  }
  throw new Error("a number of MQTT is too long");
};

/** A device's connection to a broker. Everything that it says is acknowledged before it goes on, at least once. */
export class Mqtt {
  readonly heard: Message[] = [];
  #rest = Buffer.alloc(0);
  #answers: { kind: number; resolve(body: Buffer): void; reject(error: Error): void }[] = [];
  #last = 0;

  private constructor(readonly socket: Socket) {
    socket.on("data", (bytes) => this.#take(bytes));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the broker closed the connection")));
  }

  static async connect(url: string, id: string, will?: { topic: string; payload: string }): Promise<Mqtt> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    const mqtt = new Mqtt(socket);
    // Clean start; the will at least once, retained. 60 s to be heard of, and no properties.
    const flags = 0x02 | (will ? 0x04 | 0x08 | 0x20 : 0);
    const last = will ? [[0], text(will.topic), text(will.payload)] : [];
    await mqtt.#ask(connack, packet(0x10, text("MQTT"), [5, flags, 0, 60, 0], text(id), ...last));
    return mqtt;
  }

  async subscribe(topic: string) {
    await this.#ask(suback, packet(0x82, this.#number(), [0], text(topic), [1]));
  }

  async publish(topic: string, payload: string, retain: boolean) {
    const kind = publish | 0x02 | (retain ? 1 : 0);
    await this.#ask(puback, packet(kind, text(topic), this.#number(), [0], Buffer.from(payload)));
  }

  /** What was heard on a topic. */
  on = (topic: string) => this.heard.filter((message) => message.topic === topic);

  /** Ends as a device does that loses its power: without a word. */
  cut() {
    this.socket.removeAllListeners("close");
    this.socket.resetAndDestroy();
  }

  #number = () => [++this.#last >> 8, this.#last & 255];

  #ask(kind: number, bytes: Buffer): Promise<void> {
    const answer = new Promise<Buffer>((resolve, reject) => this.#answers.push({ kind, resolve, reject }));
    this.socket.write(bytes);
    return answer.then((body) => {
      // The reason stands behind two bytes of a CONNACK or a number, and in a SUBACK at the end.
      const reason = kind === connack ? body[1] : kind === suback ? body.at(-1) : (body[2] ?? 0);
      if (reason === undefined || reason >= 0x80) throw new Error(`the broker refused it: 0x${reason?.toString(16)}`);
    });
  }

  #fail(error: Error) {
    for (const { reject } of this.#answers.splice(0)) reject(error);
  }

  #take(bytes: Buffer) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const [length, start] = (this.#rest.length && numberAt(this.#rest, 1)) || [0, 0];
      if (!start || this.#rest.length < start + length) return;
      const kind = this.#rest[0]!;
      const body = this.#rest.subarray(start, start + length);
      this.#rest = this.#rest.subarray(start + length);
      if ((kind & 0xf0) === publish) this.#hear(kind, body);
      else if (this.#answers[0]?.kind === kind) this.#answers.shift()!.resolve(body);
    }
  }

  #hear(kind: number, body: Buffer) {
    let at = 2 + body.readUInt16BE(0);
    const topic = body.toString("utf8", 2, at);
    if (kind & 0x06) {
      this.socket.write(packet(puback, body.subarray(at, at + 2)));
      at += 2;
    }
    const [properties, end] = numberAt(body, at)!;
    this.heard.push({ topic, payload: body.toString("utf8", end + properties), retained: (kind & 1) === 1 });
  }
}

/** Reads server-sent events out of text as it arrives, and knows which it has seen. Pure. */
export interface ServerEvent {
  id: string;
  type: string;
  data: string;
}

/** Takes the stream's text in any pieces, gives whole events in their order. */
export class EventReader {
  #rest = "";
  #type = "";
  #data: string[] = [];
  /** The id of the last whole event, by which a stream goes on. */
  lastId = "";
  #id: string | undefined;
  /** The pause that the server asked for, in milliseconds. */
  retryMs: number | undefined;

  /** Take a piece of text, return the events that are now whole. */
  push(text: string): ServerEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#take(line));
  }

  #take(line: string): ServerEvent[] {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return [];
  }

  #end(): ServerEvent[] {
    if (this.#id !== undefined) this.lastId = this.#id;
    const data = this.#data;
    const type = this.#type || "message";
    this.#data = [];
    this.#type = "";
    this.#id = undefined;
    return data.length ? [{ id: this.lastId, type, data: data.join("\n") }] : [];
  }
}

export interface LiveEvent {
  topic: string;
  id?: string | number;
  html?: string;
  data?: unknown;
}

/** Drops what was seen before, as a stream that goes on may repeat its last events; remembers the latest few of each topic. */
export class Seen {
  readonly #ids = new Map<string, Set<string>>();
  constructor(private readonly most = 64) {}

  /** Whether the event is new; an event without an id always is. */
  accept({ topic, id }: LiveEvent): boolean {
    if (id === undefined || id === "") return true;
    let seen = this.#ids.get(topic);
    if (!seen) this.#ids.set(topic, (seen = new Set()));
    const key = String(id);
    if (seen.has(key)) return false;
    seen.add(key);
    if (seen.size > this.most) for (const oldest of seen) return seen.delete(oldest);
    return true;
  }
}

/** Read one event's JSON; undefined when it is none of ours. */
export function parseLive(data: string): LiveEvent | undefined {
  try {
    const told = JSON.parse(data) as LiveEvent;
    return typeof told === "object" && told !== null && typeof told.topic === "string" ? told : undefined;
  } catch {
    return undefined;
  }
}

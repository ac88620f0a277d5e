// Reads a stream of server-sent events, as far as this server's events go: `event`, `data`, comments.

export async function* eventsOf(body) {
  let rest = "";
  for await (const text of chunksOf(body)) {
    const blocks = (rest + text).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = parse(block);
      if (event.data !== null) yield event;
    }
  }
}

// Not every browser iterates a stream by itself.
async function* chunksOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    reader.cancel().catch(() => {}); // it may have failed already; nobody reads on
  }
}

function parse(block) {
  const event = { event: "message", data: null };
  for (const line of block.split("\n")) {
    const [, name, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
    if (name === "event") event.event = value;
    if (name === "data") event.data = event.data === null ? value : `${event.data}\n${value}`;
  }
  return event;
}

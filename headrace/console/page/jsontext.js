// JSON as text: indented without reading its numbers, which JavaScript would round, and with the bare NaN that servers send.
const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g;
const DEEPEST = 64;

// The text with one value a line, and lists of plain values on one line. What is no JSON comes back as it is.
export function indented(text) {
  const tokens = text.match(TOKENS) || [];
  let at = 0;

  function value(depth) {
    const token = tokens[at++];
    if (token === undefined || depth > DEEPEST) throw new SyntaxError("no JSON");
    return token === "{" || token === "[" ? many(token, depth) : token;
  }

  function many(open, depth) {
    const [close, keys] = open === "{" ? ["}", true] : ["]", false];
    const items = [];
    let flat = !keys;
    while (tokens[at] !== close) {
      let item = "";
      if (keys) {
        item = `${tokens[at++]}: `;
        if (tokens[at++] !== ":") throw new SyntaxError("no JSON");
      }
      if (tokens[at] === "{" || tokens[at] === "[") flat = false;
      items.push(item + value(depth + 1));
      if (tokens[at] === ",") at++;
      else if (tokens[at] !== close) throw new SyntaxError("no JSON");
    }
    at++;
    if (!items.length) return open + close;
    if (flat) return open + items.join(", ") + close;
    const space = "  ".repeat(depth);
    return `${open}\n${items.map((item) => `${space}  ${item}`).join(",\n")}\n${space}${close}`;
  }

  try {
    const found = value(0);
    return at === tokens.length ? found : text;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

// Draws /docs by Swagger UI. Where the server has keys, one is asked for first: what the API can do is not told without.

import { knownKey } from "./api.js";
import { $ } from "./dom.js";
import { askForKey } from "./key.js";

const OPENAPI = "openapi.json";
const SCHEME = "key"; // of the OpenAPI's securitySchemes

const headers = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

async function begin() {
  tell(null);
  const key = knownKey();
  const answer = await fetch(OPENAPI, { headers: headers(key) }).catch(() => null);
  if (answer?.ok) return draw(key);
  if (answer?.status !== 401) return tell("The server can’t be reached, or something went wrong there.", "Try again");
  if (await askForKey(key ? "This API key is not valid." : "")) return begin();
  tell("This server asks for a key before it tells what it can do.", "Enter a key");
}

// Operations have the key that stands behind "Authorize": there it can be taken back, or replaced by another.
function draw(key) {
  const ui = SwaggerUIBundle({
    url: OPENAPI,
    dom_id: "#docs",
    deepLinking: true,
    requestInterceptor: (request) => {
      if (request.loadSpec) Object.assign(request.headers, headers(key));
      return request;
    },
    onComplete: () => {
      if (key) ui.preauthorizeApiKey(SCHEME, key); // without such a scheme it does nothing
    },
  });
}

function tell(message, act) {
  $("told").hidden = !message;
  $("told-message").textContent = message ?? "";
  $("told-again").textContent = act ?? "";
}

$("told-again").addEventListener("click", begin);
begin();

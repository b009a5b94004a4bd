// The GraphiQL page of the hub. The hub writes its configuration into the page as JSON:
//   endpoint    address of the graph
//   demoTokens  [{ role, token }] in demo mode, else null: then the user pastes a token
//   examples    [{ name, query, variables }] offered in the header; variables may be an object, text or absent

import { createRoot } from "react-dom/client";
import { App } from "./App.jsx";
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

const given = JSON.parse(document.getElementById("hub-config").textContent);
const config = {
  endpoint: given.endpoint ?? "/graphql",
  demoTokens: given.demoTokens ?? null,
  examples: given.examples ?? [],
};

createRoot(document.getElementById("root")).render(<App config={config} />);

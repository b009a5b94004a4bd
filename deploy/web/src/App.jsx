import { useMemo, useState } from "react";
import { GraphiQLInterface } from "graphiql";
import { GraphiQLProvider } from "@graphiql/react";
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN, HistoryStore } from "@graphiql/plugin-history";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { ExamplePicker, RolePicker, TokenField } from "./pickers.jsx";

const PLUGINS = [DOC_EXPLORER_PLUGIN, explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN];
const ROLE_KEY = "plumbline:role";

export function App({ config }) {
  const { endpoint, demoTokens, examples } = config;
  const [role, setRole] = useState(() => rememberedRole(demoTokens));
  const [pastedToken, setPastedToken] = useState("");
  const token = demoTokens ? demoTokens.find((entry) => entry.role === role)?.token : pastedToken;
  // A new fetcher makes GraphiQL read the schema again: what a caller may introspect depends on the token.
  const fetcher = useMemo(() => authorizedFetcher(endpoint, token), [endpoint, token]);

  const chooseRole = (chosen) => {
    localStorage.setItem(ROLE_KEY, chosen);
    setRole(chosen);
  };

  return (
    <GraphiQLProvider
      fetcher={fetcher}
      plugins={PLUGINS}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      visiblePlugin={DOC_EXPLORER_PLUGIN}
      defaultQuery=""
      schemaDescription
      inputValueDeprecation
    >
      <HistoryStore>
        <header className="hub-header">
          <strong>Plumbline</strong>
          <ExamplePicker examples={examples} />
          {demoTokens ? (
            <RolePicker roles={demoTokens.map((entry) => entry.role)} role={role} onChoose={chooseRole} />
          ) : (
            <TokenField token={pastedToken} onChange={setPastedToken} />
          )}
        </header>
        <main className="hub-main">
          <GraphiQLInterface defaultEditorToolsVisibility="variables" />
        </main>
      </HistoryStore>
    </GraphiQLProvider>
  );
}

/** Return a fetcher that sends the token, unless the headers editor names an authorization of its own. */
function authorizedFetcher(url, token) {
  const plain = createGraphiQLFetcher({ url, enableIncrementalDelivery: false });
  if (!token) return plain;
  return (params, options) => {
    const typed = options?.headers ?? {};
    const own = Object.keys(typed).some((name) => name.toLowerCase() === "authorization");
    const headers = own ? typed : { ...typed, authorization: `Bearer ${token}` };
    return plain(params, { ...options, headers });
  };
}

function rememberedRole(demoTokens) {
  const roles = demoTokens?.map((entry) => entry.role) ?? [];
  const remembered = localStorage.getItem(ROLE_KEY);
  return roles.includes(remembered) ? remembered : roles[0];
}

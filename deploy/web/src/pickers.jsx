import { useEffect } from "react";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";

/** Lists the example queries; choosing one opens it in a tab of its own. An empty page starts with the first. */
export function ExamplePicker({ examples }) {
  const { addTab } = useGraphiQLActions();
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const ready = Boolean(queryEditor && variableEditor);

  const fill = ({ query, variables }) => {
    queryEditor.setValue(query);
    variableEditor.setValue(variablesText(variables));
  };
  const open = (event) => {
    addTab();
    fill(examples[Number(event.target.value)]);
  };
  useEffect(() => {
    if (ready && examples.length > 0 && !queryEditor.getValue()) fill(examples[0]);
  }, [ready]);

  if (examples.length === 0) return null;
  return (
    <label>
      Example queries
      <select value="" disabled={!ready} onChange={open}>
        <option value="" disabled>
          Open…
        </option>
        {examples.map(({ name }, index) => (
          <option key={name} value={index}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Return what the variables editor shows for an example's variables: an object, JSON text, or nothing. */
function variablesText(variables) {
  if (variables == null) return "";
  return typeof variables === "string" ? variables : JSON.stringify(variables, null, 2);
}

/** Chooses whose token is sent; shown in demo mode only. */
export function RolePicker({ roles, role, onChoose }) {
  return (
    <label>
      Ask as
      <select value={role} onChange={(event) => onChoose(event.target.value)}>
        {roles.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

/** Takes the caller's own token; it stays in this page's memory. */
export function TokenField({ token, onChange }) {
  return (
    <label>
      Token
      <input
        type="password"
        autoComplete="off"
        placeholder="paste a bearer token"
        value={token}
        onChange={(event) => onChange(event.target.value.trim())}
      />
    </label>
  );
}

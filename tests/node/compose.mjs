// Composes subgraphs into a supergraph: node compose.mjs NAME=FILE …; prints {"errors": […], "supergraph": "…"}.
import { readFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const services = process.argv.slice(2).map((argument) => {
  const [name, file] = argument.split("=");
  return { name, url: `http://${name}.test/graphql`, typeDefs: parse(readFileSync(file, "utf8")) };
});
const result = composeServices(services);
const errors = (result.errors ?? []).map((error) => error.message);
console.log(JSON.stringify({ errors, supergraph: result.supergraphSdl ?? null }));

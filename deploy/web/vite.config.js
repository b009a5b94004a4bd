import { defineConfig } from "vite";

export default defineConfig({
  // The hub serves hub/app/static under this path; index.html itself answers browsers at the GraphQL endpoint.
  base: "/static/",
  build: {
    outDir: "../../hub/app/static",
    emptyOutDir: true,
    target: "es2022",
    // The editor is one large piece by nature, and it is loaded from the same machine.
    chunkSizeWarningLimit: 8000,
    // Libraries mark files for server rendering, which a static page does not do.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
  worker: { format: "es" },
  logLevel: "warn",
});

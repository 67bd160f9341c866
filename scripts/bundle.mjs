// Bundles the compiled agent into bundle/, which the image holds: a package like a checkout's, with all that the agent
// imports in a few files. cdk8s and constructs stay packages, since templates of the user's import the same ones.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const OUT = "bundle";
const PACKAGES = ["cdk8s", "constructs"];

// What was written for CommonJS asks for these.
const banner = [
  'import { createRequire as makeRequire } from "node:module";',
  "const require = makeRequire(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

rmSync(OUT, { recursive: true, force: true });
await build({
  entryPoints: ["dist/src/main.js"],
  outdir: `${OUT}/dist/src`,
  bundle: true,
  // What is imported only when it is needed stays apart: the Kubernetes client alone takes 0.4 s.
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  platform: "node",
  format: "esm",
  target: "node22",
  external: PACKAGES,
  banner: { js: banner },
  legalComments: "linked",
  logLevel: "warning",
});
chmodSync(`${OUT}/dist/src/main.js`, 0o755);

// The digest of the shipped templates is that of their sources, here as in a checkout: no upgrade by the way it is installed.
for (const path of ["templates", "crds", "dist/templates", "LICENSE", "cdk8s.yaml"]) {
  cpSync(path, `${OUT}/${path}`, { recursive: true });
}
for (const name of PACKAGES) {
  const from = `node_modules/${name}`;
  const { dependencies = {}, bundledDependencies = [] } = JSON.parse(readFileSync(`${from}/package.json`, "utf8"));
  const lacking = Object.keys(dependencies).filter((each) => !bundledDependencies.includes(each));
  if (lacking.length > 0) throw new Error(`${name} does not bring ${lacking.join(", ")}: add it to PACKAGES`);
  cpSync(from, `${OUT}/node_modules/${name}`, { recursive: true });
}
const { name, version, license, type, bin, exports, engines } = JSON.parse(readFileSync("package.json", "utf8"));
writeFileSync(
  `${OUT}/package.json`,
  `${JSON.stringify({ name, version, license, private: true, type, bin, exports, engines }, null, 2)}\n`,
);
writeFileSync(
  `${OUT}/sbom.cdx.json`,
  execFileSync("npm", ["sbom", "--sbom-format=cyclonedx", "--omit=dev"], { maxBuffer: 1 << 28 }),
);

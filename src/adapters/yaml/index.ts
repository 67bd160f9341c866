/** YAML in and out; the only importer of the package yaml. */

export { parseYamlDocuments } from "./documents.js";
export { compareCodePoints, formatDocument, formatYaml } from "./format.js";
export { type ParsedYaml, type ParseOptions, parseYaml, parseYamlDocument, type YamlPath } from "./parse.js";

/** YAML in and out; the only importer of the package yaml. */

export { compareCodePoints, formatDocument, formatYaml } from "./format.js";
export { type ParsedYaml, type ParseOptions, parseYaml, parseYamlDocument, type YamlPath } from "./parse.js";

/** HTTPS with client certificates, proxies, deadlines and limits; the only importer of undici. */

export { createHTTPClient, type HTTPClient, type HTTPClientOptions, type HTTPFetch } from "./client.js";

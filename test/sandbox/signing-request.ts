/** Makes signing requests of any kind, right and wrong ones: DER by hand, so that nothing of ours is tested by itself. */

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};

const sequence = (...parts: Buffer[]) => tlv(0x30, ...parts);

const types = {
  C: "550406",
  O: "55040a",
  OU: "55040b",
  L: "550407",
  ST: "550408",
  CN: "550403",
} as const;

export type Attribute = readonly [type: keyof typeof types, value: string];

export const rsaKey = (bits = 2048) => generateKeyPairSync("rsa", { modulusLength: bits });
export const ecKey = () => generateKeyPairSync("ec", { namedCurve: "P-256" });

/** `O=A,OU=B` as attributes. */
export function attributesOf(subject: string): Attribute[] {
  return subject.split(",").map((part) => part.split("=") as unknown as Attribute);
}

interface RequestOptions {
  readonly subject: readonly Attribute[];
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
  /** Signs with this one instead. */
  readonly signer?: KeyObject;
}

/** The PEM text of a request, signed with SHA-256. */
export function requestPEM({ subject, keys, signer = keys.privateKey }: RequestOptions): string {
  const name = sequence(
    ...subject.map(([type, value]) =>
      tlv(0x31, sequence(tlv(0x06, Buffer.from(types[type], "hex")), tlv(0x0c, Buffer.from(value)))),
    ),
  );
  const key = keys.publicKey.export({ type: "spki", format: "der" });
  const info = sequence(tlv(0x02, Buffer.from([0])), name, key, tlv(0xa0));
  const isRSA = keys.publicKey.asymmetricKeyType === "rsa";
  const algorithm = isRSA
    ? sequence(tlv(0x06, Buffer.from("2a864886f70d01010b", "hex")), tlv(0x05))
    : sequence(tlv(0x06, Buffer.from("2a8648ce3d040302", "hex")));
  const signature = tlv(0x03, Buffer.from([0]), sign("sha256", info, signer));
  const text = sequence(info, algorithm, signature)
    .toString("base64")
    .replaceAll(/(.{64})/g, "$1\n")
    .trimEnd();
  return `-----BEGIN CERTIFICATE REQUEST-----\n${text}\n-----END CERTIFICATE REQUEST-----\n`;
}

export const base64 = (text: string) => Buffer.from(text).toString("base64");

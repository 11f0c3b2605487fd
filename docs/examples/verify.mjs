// Verifies an exported ledger (a CBOR sequence of envelopes): every signature and every link. Only node's crypto.
// node verify.mjs ledger.cborseq PUBLIC_KEY_HEX          What it does is told in docs/wire.md.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, publicHex] = process.argv.slice(2), raw = Buffer.from(publicHex, "hex");
const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const header = Buffer.concat([ // { 1: -19, 4: kid, 16: typ } with its length: always these 46 bytes
  Buffer.from("582ca301320448", "hex"), sha256(raw).subarray(0, 8),
  Buffer.from("10781c", "hex"), Buffer.from("application/tram-record+cbor")]);
const start = Buffer.concat([Buffer.from("d284", "hex"), header, Buffer.from("a0", "hex")]);
const context = Buffer.concat([Buffer.from("846a5369676e617475726531", "hex"), header, Buffer.from("40", "hex")]);
const fail = (why) => { console.error(why); process.exit(1); };

function item(b, at) { // one CBOR item: [value, next byte]; floats are left as the number of their bits
  const major = b[at] >> 5, info = b[at] & 31, size = info < 24 ? 0 : 2 ** (info - 24);
  let end = at + 1 + size, value;
  if (info > 27 || end > b.length) fail(`damaged at byte ${at}`);
  const n = size ? Number(BigInt("0x" + b.subarray(at + 1, end).toString("hex"))) : info;
  const next = () => { [value, end] = item(b, end); return value; };
  if (major === 2 || major === 3) return [major === 2 ? b.subarray(end, end + n) : b.toString("utf8", end, end + n), end + n];
  if (major === 4) { const list = []; while (list.length < n) list.push(next()); return [list, end]; }
  if (major === 5) { const map = new Map(); for (let i = 0; i < n; i++) map.set(next(), next()); return [map, end]; }
  return [major === 1 ? -1 - n : n, end];
}

let count = 0, newest, ledgers = new Map(); // by id: each has an end of its own, so a record of another one hides nothing
for (let b = readFileSync(file), at = 0, end; at < b.length; at = end, count++) {
  if (!b.subarray(at, at + start.length).equals(start)) fail(`no envelope of this key at byte ${at}`);
  const [payload, to] = item(b, at + start.length), [signature, last] = item(b, to), [record] = item(payload, 0);
  const [ledger, seq, prev] = [3, 4, 5].map((field) => record.get(field));
  const signed = Buffer.concat([context, b.subarray(at + start.length, to)]); // ["Signature1", header, h'', payload]
  if (!verify(null, signed, key, signature)) fail(`seq ${seq}: the signature is bad`);
  const id = ledger.toString("hex"), before = ledgers.get(id);
  if (before && !prev.equals(before.hash)) fail(`seq ${seq} does not follow seq ${before.seq}`);
  if (!before && seq > 1) console.error(`ledger ${id} begins at seq ${seq}: of what is before it nothing is proven`);
  ledgers.set(id, { seq: newest = seq, hash: sha256(b.subarray(at, end = last)) });
}
console.log(count ? `${count} records verified, the last is seq ${newest}` : fail("there is no record in it"));

"""Envelopes that a verifier must refuse, each with one thing wrong and everything else right."""

import struct
from collections.abc import Iterator

from telemetry import cbor
from telemetry.envelope import HEAD, RECEIPT, RECORD
from telemetry.keys import kid_of
from telemetry.record import ZERO_HASH
from tests.vectors.world import (
    CENTRE_KEY,
    FIRST_BOOT,
    HASH8,
    LEDGER,
    MONO_MS,
    STATION,
    STATION_KEY,
    STORE_ID,
    STRANGER_KEY,
    WALL_MS,
    cose,
    pack,
    seed,
)

Case = dict[str, object]

ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = b"\x01" + bytes(31)
P = 2**255 - 19
FIELDS: dict[int, bytes] = {
    1: b"\x01",
    2: cbor.encode(STATION),
    3: cbor.encode(LEDGER),
    4: b"\x02",
    5: cbor.encode(seed("hash 1")),
    6: b"\x01",
    7: cbor.encode([FIRST_BOOT.count, FIRST_BOOT.boot_id]),
    8: cbor.encode(WALL_MS),
    9: cbor.encode(MONO_MS),
    10: b"\x82\x02\x0c",
    11: cbor.encode(HASH8),
    12: pack(WALL_MS),
}


def payload(changed: dict[int, bytes] | None = None, *, without: int = 0) -> bytes:
    """A good record's payload with some fields' bytes replaced, added or left out."""
    fields = {key: value for key, value in {**FIELDS, **(changed or {})}.items() if key != without}
    return cbor.encode_head(5, len(fields)) + b"".join(cbor.encode(k) + v for k, v in sorted(fields.items()))


def cases() -> Iterator[Case]:
    """`as` is the type the receiver expects there, `station` what the topic says."""
    yield from _signatures()
    yield from _types()
    yield from _headers()
    yield from _shapes()
    yield from _encodings()
    yield from _records()
    yield from _receipts_and_heads()


def _case(name: str, why: str, envelope: bytes, refused_as: str, *, expected: str = "record") -> Case:
    return {
        "name": name,
        "why": why,
        "as": expected,
        "station": STATION,
        "envelope": envelope.hex(),
        "refused_as": refused_as,
    }


def _signatures() -> Iterator[Case]:
    good = cose(payload())
    at = good.rindex(b"\x02\xfa") + 3
    edited = good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]
    yield _case("an edited value", "one bit of a reading was changed after signing", edited, "bad-signature")
    flipped = good[:-1] + bytes((good[-1] ^ 1,))
    yield _case("an edited signature", "one bit of the signature was changed", flipped, "bad-signature")
    s = int.from_bytes(good[-32:], "little") + ORDER
    malleable = good[:-32] + s.to_bytes(32, "little")
    yield _case(
        "S + L", "the signature's S is not below the group order (RFC 8032 5.1.7)", malleable, "bad-signature"
    )
    stranger = cose(payload(), key=STRANGER_KEY)
    yield _case("an unknown key", "signed properly, by a key that nobody enrolled", stranger, "unknown-key")
    header = cbor.encode({1: -19, 4: STATION_KEY.kid, 16: RECORD})
    claimed = cose(payload(), key=STRANGER_KEY, protected=header)
    yield _case(
        "a borrowed key id", "signed by a stranger under the station's key id", claimed, "bad-signature"
    )
    header = cbor.encode({1: -19, 4: kid_of(IDENTITY), 16: RECORD})
    universal = cose(payload(), protected=header)[:-64] + IDENTITY + bytes(32)
    why = "under the identity point this signature fits every message; such a key is never on a ring"
    yield _case("the universal signature", why, universal, "unknown-key")
    yield _case("signature of zeros", "64 zeros are no signature", good[:-64] + bytes(64), "bad-signature")


def _types() -> Iterator[Case]:
    receipt = cose(payload(), typ=RECEIPT)
    yield _case(
        "a receipt as record", "the typ is signed: a receipt is never a record", receipt, "wrong-type"
    )
    head = cose(payload(), typ=HEAD)
    yield _case("a head as record", "the typ is signed: a head is never a record", head, "wrong-type")
    record = cose(_receipt(), key=CENTRE_KEY)
    yield _case(
        "a record as receipt", "signed by the centre, as a record", record, "wrong-type", expected="receipt"
    )
    by_station = cose(_receipt(), typ=RECEIPT)
    yield _case(
        "a receipt by the station",
        "a station cannot receipt itself",
        by_station,
        "unknown-key",
        expected="receipt",
    )


def _headers() -> Iterator[Case]:
    kid = STATION_KEY.kid
    for name, why, protected in (
        ("alg EdDSA (-8)", "only the fully specified Ed25519 (-19) is used", {1: -8, 4: kid, 16: RECORD}),
        ("no typ", "the type is what separates records from receipts", {1: -19, 4: kid}),
        ("no key id", "without it a verifier would have to try keys", {1: -19, 16: RECORD}),
        ("a fourth header field", "exactly three fields are allowed", {1: -19, 4: kid, 5: b"", 16: RECORD}),
        ("a key id of 9 bytes", "a key id has 8 bytes", {1: -19, 4: kid + b"\x00", 16: RECORD}),
    ):
        yield _case(name, why, cose(payload(), protected=cbor.encode(protected)), "malformed")
    typ = b"\x10" + cbor.encode(RECORD)
    disordered = b"\xa3\x04\x48" + kid + b"\x01\x32" + typ
    yield _case("header keys out of order", "4 before 1", cose(payload(), protected=disordered), "malformed")
    doubled = b"\xa4\x01\x32\x01\x32\x04\x48" + kid + typ
    yield _case(
        "a header key twice", "the algorithm is named twice", cose(payload(), protected=doubled), "malformed"
    )
    unprotected = cose(payload(), unprotected=b"\xa1\x04\x48" + kid)
    yield _case(
        "a key id in the unprotected header", "it is not signed: it must be empty", unprotected, "malformed"
    )


def _shapes() -> Iterator[Case]:
    good = cose(payload())
    yield _case("no tag", "tag 18 is part of the shape", cose(payload(), tag=b""), "malformed")
    yield _case("tag 17", "COSE_Mac0 is no signature", cose(payload(), tag=b"\xd1"), "malformed")
    yield _case("tag 18 in two bytes", "not the shortest form", cose(payload(), tag=b"\xd8\x12"), "malformed")
    yield _case("a byte after the end", "one zero follows the envelope", good + b"\x00", "malformed")
    yield _case("cut short", "the last byte is missing", good[:-1], "malformed")
    yield _case("nothing", "no bytes at all", b"", "malformed")
    short = good[:-66] + b"\x58\x3f" + good[-64:-1]
    yield _case("a signature of 63 bytes", "a signature has 64 bytes", short, "malformed")
    five = b"\xd2\x85" + good[2:] + b"\xf6"
    yield _case("an array of five", "a COSE_Sign1 has four elements", five, "malformed")
    body = payload()
    head = b"\xa0" + cbor.encode_head(2, len(body))
    long_form = good.replace(head, b"\xa0\x5a" + struct.pack(">I", len(body)), 1)
    yield _case("a long length", "the payload's length is not in its shortest form", long_form, "malformed")
    chunks = good.replace(head, b"\xa0\x5f" + head[1:], 1)
    chunks = chunks[:-66] + b"\xff" + chunks[-66:]
    yield _case("a payload in chunks", "indefinite lengths are not allowed", chunks, "malformed")
    large = payload({12: cbor.encode([{0: "x", 3: "y" * 32_700}])})
    yield _case("more than 32 KiB", "an envelope has at most 32768 bytes", cose(large), "too-large")


def _encodings() -> Iterator[Case]:
    def refused(name: str, why: str, raw: bytes) -> Case:
        return _case(name, why, cose(raw), "bad-record")

    def value(raw: bytes) -> bytes:
        return payload({12: b"\x81\xa3\x00\x62pH\x02" + raw + b"\x21" + cbor.encode(f"{STATION}:water:")})

    yield refused(
        "NaN, 32 bits", "no NaN: a reading without a value has flags and no v", value(b"\xfa\x7f\xc0\x00\x00")
    )
    yield refused("NaN, 64 bits", "no NaN", value(b"\xfb\x7f\xf8" + bytes(6)))
    yield refused("infinity", "no infinity", value(b"\xfa\x7f\x80\x00\x00"))
    yield refused("a half float", "floats have 32 or 64 bits, never 16", value(b"\xf9\x47\x40"))
    yield refused("a long float", "7.25 fits in 32 bits", value(b"\xfb" + struct.pack(">d", 7.25)))
    yield refused("a long integer", "7 fits in the initial byte", value(b"\x18\x07"))
    yield refused("undefined", "only false, true and null", value(b"\xf7"))
    yield refused("a tag inside", "no tags inside a payload", value(b"\xc1\x07"))
    yield refused("text that is not UTF-8", "0xff in a text", payload({2: b"\x61\xff"}))
    yield refused(
        "a key twice",
        "field 4 is there twice",
        b"\xad" + payload()[1:].replace(b"\x04\x02\x05", b"\x04\x02\x04\x03\x05", 1),
    )
    swapped = b"\xac\x02" + FIELDS[2] + b"\x01\x01" + payload()[4 + len(FIELDS[2]) :]
    yield refused("keys out of order", "field 2 before field 1", swapped)
    yield refused(
        "an indefinite map", "indefinite lengths are not allowed", b"\xbf" + payload()[1:] + b"\xff"
    )
    yield refused("bytes after the record", "one null follows the record in the payload", payload() + b"\xf6")
    yield refused(
        "nested too deeply", "nine arrays and maps inside each other", payload({12: b"\x81" * 8 + b"\x00"})
    )
    yield refused("a cut record", "the payload ends in the middle of field 12", payload()[:-3])
    yield refused("not a map", "the payload is an array", cbor.encode([1, STATION]))
    yield refused(
        "a byte string as map key", "map keys are integers and text", payload({12: b"\xa1\x41a\x00"})
    )


def _records() -> Iterator[Case]:
    other = cose(payload({2: cbor.encode("OTHER")}))
    why = "the signed station is not the one whose topic it came on"
    yield _case("another station's record", why, other, "other-station")
    for name, why, changed in (
        ("version 2", "this verifier reads version 1", {1: b"\x02"}),
        ("a station id with a slash", "ids have letters, digits, '_', '.', '-'", {2: cbor.encode("a/b")}),
        ("a ledger id of 15 bytes", "it has 16", {3: cbor.encode(bytes(15))}),
        ("seq 0", "the first record has seq 1", {4: b"\x00"}),
        ("seq 1 that follows something", "the first record's prev is zeros", {4: b"\x01"}),
        ("seq 2 that follows nothing", "only the first record's prev is zeros", {5: cbor.encode(ZERO_HASH)}),
        ("seq over 63 bits", "integers stay below 2^63", {4: cbor.encode(2**63)}),
        ("a negative time", "times are not negative", {8: b"\x20"}),
        ("a boot of one", "the boot is a counter and an id", {7: b"\x81\x01"}),
        ("a kind as text", "kinds are numbers", {6: cbor.encode("readings")}),
        ("true as a number", "true is not 1", {1: b"\xf5"}),
        ("a field 13", "exactly the fields 1 to 12", {13: b"\x00"}),
    ):
        yield _case(name, why, cose(payload(changed)), "bad-record")
    yield _case("no field 9", "exactly the fields 1 to 12", cose(payload(without=9)), "bad-record")


def _receipt(**changed: object) -> bytes:
    fields: dict[str, object] = {
        "ver": 1,
        "station": STATION,
        "ledger": LEDGER,
        "through": 500,
        "hash": seed("hash 500"),
        "ranges": [[700, 720, seed("hash 720")]],
        "store": STORE_ID,
        "number": 7,
        "wall": WALL_MS,
        "status": 0,
        **changed,
    }
    return cbor.encode(dict(enumerate(fields.values(), start=1)))


def _head(**changed: object) -> bytes:
    fields: dict[str, object] = {
        "ver": 1,
        "station": STATION,
        "ledger": LEDGER,
        "newest": 720,
        "hash": seed("hash 720"),
        "lowest": 1,
        "owed": [[701, 720]],
        "wall": WALL_MS,
        "clock": [2, 12],
        **changed,
    }
    return cbor.encode(dict(enumerate(fields.values(), start=1)))


def _receipts_and_heads() -> Iterator[Case]:
    many = [[700 + 2 * n, 700 + 2 * n, seed(f"{n}")] for n in range(65)]
    receipts: tuple[tuple[str, str, Case], ...] = (
        ("through 0 with a hash", "nothing has no hash", {"through": 0, "ranges": []}),
        ("a range inside through", "ranges are beyond through", {"ranges": [[500, 501, seed("x")]]}),
        (
            "ranges out of order",
            "ascending and apart",
            {"ranges": [[9000, 9001, seed("x")], [700, 720, seed("y")]]},
        ),
        ("an empty range", "first is not above last", {"ranges": [[720, 700, seed("x")]]}),
        ("65 ranges", "at most 64", {"ranges": many}),
    )
    for name, why, changed in receipts:
        envelope = cose(_receipt(**changed), key=CENTRE_KEY, typ=RECEIPT)
        yield _case(f"receipt: {name}", why, envelope, "bad-record", expected="receipt")
    other = cose(_receipt(station="OTHER"), key=CENTRE_KEY, typ=RECEIPT)
    yield _case(
        "receipt: for another station", "it proves nothing here", other, "other-station", expected="receipt"
    )
    heads: tuple[tuple[str, str, Case], ...] = (
        ("owed beyond the newest", "what is not signed is not owed", {"owed": [[701, 721]]}),
        ("lowest beyond the newest", "what is not signed is not held", {"lowest": 721}),
        ("no clock", "the clock is a state and an error", {"clock": []}),
    )
    for name, why, changed in heads:
        envelope = cose(_head(**changed), typ=HEAD)
        yield _case(f"head: {name}", why, envelope, "bad-record", expected="head")


def refused_keys() -> list[Case]:
    """Public keys that must never be trusted, whatever a person typed."""
    order_8 = int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    )
    refused = [
        ("identity, order 1", 1),
        ("order 2", P - 1),
        ("order 4", 0),
        ("order 4, sign bit set", 2**255),
        ("order 8", order_8),
        ("order 8, sign bit set", order_8 + 2**255),
        ("order 8, the other", P - order_8),
        ("order 8, the other, sign bit set", P - order_8 + 2**255),
        ("0, not canonical", P),
        ("1, not canonical", P + 1),
        ("identity, sign bit set", 1 + 2**255),
        ("not a point of the curve", 2),
    ]
    keys: list[Case] = [{"why": why, "public": n.to_bytes(32, "little").hex()} for why, n in refused]
    return [*keys, {"why": "31 bytes", "public": STATION_KEY.public[:31].hex()}]


def unreadable() -> Iterator[Case]:
    """Records whose envelope and fields are right and whose body is not: stored and linked, the body not used."""
    name = b"\x21" + cbor.encode(f"{STATION}:water:")
    ph = b"\x00\x62pH\x02\x07"
    nothing = {1: "water", 2: [], 3: 5, 4: {}, 5: bytes(32)}
    packs = (
        ("both v and vs", "one value", b"\x81\xa4" + ph + b"\x03\x617" + name),
        ("flags of 0", "flags are left out when there are none", b"\x81\xa4" + ph + name + b"\x62q_\x00"),
        ("neither value nor flags", "one of them is there", b"\x81\xa2\x00\x62pH" + name),
        ("must understand", "a label that ends in '_'", b"\x81\xa4" + ph + name + b"\x62x_\x01"),
        ("a time per reading", "label 6 is not used", b"\x81\xa4" + ph + b"\x06\x01" + name),
        ("a relative base time", "absolute, not before 2020", b"\x81\xa4" + ph + name + b"\x22\x05"),
        ("no base name", "the first entry has it", b"\x81\xa2" + ph),
        ("two base names", "only the first entry has it", b"\x82" + 2 * (b"\xa3" + ph + name)),
        ("true as a value", "a number or a text", b"\x81\xa3\x00\x62pH\x02\xf5" + name),
        ("an empty pack", "at least one entry", b"\x80"),
        (
            "another station's pack",
            "it names its own",
            b"\x81\xa3" + ph + b"\x21" + cbor.encode("OTHER:water:"),
        ),
    )
    others = (
        ("a gap before it begins", "from is not above to", 2, cbor.encode({1: 1, 2: "water", 3: 9, 4: 8})),
        ("a tombstone that names nothing", "at least one range", 6, cbor.encode(nothing)),
        ("a boot record without its key", "fields 1, 2, 3 and 5", 0, cbor.encode({2: 1, 3: None, 5: "tram"})),
    )
    for title, why, kind, body in (*((title, why, 1, body) for title, why, body in packs), *others):
        envelope = cose(payload({6: cbor.encode(kind), 12: body}))
        yield {"name": title, "why": why, "station": STATION, "envelope": envelope.hex()}

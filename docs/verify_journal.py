#!/usr/bin/env python3
"""Checks a Muster data folder from the documented format alone (docs/journal-format.md).

    python3 docs/verify_journal.py DATA [PUBLIC_KEY]
    python3 docs/verify_journal.py --proof FILE [PUBLIC_KEY]

Checks every record, every chain and every signed checkpoint; or the proof that one entry stands at its place. It decides
nothing anew: `muster verify` does that. Without PUBLIC_KEY it believes the key that the checkpoints name.
"""

import hashlib
import json
import pathlib
import struct
import sys


class Fault(Exception):
    pass


# --- CRC-32C (Castagnoli), reflected polynomial 0x82F63B78.

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


# --- Ed25519 verification, RFC 8032 section 5.1.7, in extended coordinates.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    product = (0, 1, 1, 0)
    while number:
        if number & 1:
            product = add(product, point)
        point = add(point, point)
        number >>= 1
    return product


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    public, commitment = point_of(key), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or public is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = times(scalar, BASE), add(commitment, times(challenge, public))
    same = lambda axis: (left[axis] * right[2] - right[axis] * left[2]) % P == 0
    return same(0) and same(1)


# --- The journal.


def record_at(data, at):
    """The record at a place, where it ends and where its write began; `None` where there is no whole record."""
    if at + 8 > len(data):
        return None
    length, checksum = struct.unpack_from("<II", data, at)
    # Looked at before anything is copied: a damaged journal is searched byte by byte for a whole record.
    if not 83 <= length <= len(data) - at - 8 or data[at + 8] != 2:
        return None
    body = data[at + 8 : at + 8 + length]
    if crc32c(body) != checksum:
        return None
    name = 10 + body[9]
    district = body[10:name].decode()
    (commit,) = struct.unpack_from("<Q", body, 1)
    (seq,) = struct.unpack_from("<Q", body, name)
    prev, hashed = body[name + 8 : name + 40], body[name + 40 : name + 72]
    return district, seq, prev, hashed, body[name + 72 :], at + 8 + length, commit


def read_chains(folder):
    """The hashes of every district's entries, in order."""
    chains = {}
    segments = sorted(folder.glob("*.seg"))
    for segment in segments:
        data, at = segment.read_bytes(), 24
        if any(data[:24]) and data[:8] != b"MUSTERJ1":
            raise Fault(f"{segment.name}: the header is not that of a journal segment")
        while at < len(data):
            found = record_at(data, at)
            if found is None:
                rest = data[at:].rstrip(b"\0")
                later = lambda found: found is not None and found[-1] > at
                behind = any(rest[place] and later(record_at(data, at + place)) for place in range(1, len(rest)))
                if rest and (segment != segments[-1] or behind):
                    raise Fault(f"{segment.name}, byte {at}: no whole record, and this is not the torn end of the journal")
                break
            district, seq, prev, hashed, payload, at, _ = found
            chain = chains.setdefault(district, [])
            place = f"{district}, entry {seq}"
            if seq != len(chain) + 1 or prev != (chain[-1] if chain else bytes(32)):
                raise Fault(f"{place}: it does not follow entry {len(chain)}")
            if hashlib.sha256(payload).digest() != hashed:
                raise Fault(f"{place}: the entry was changed, its hash is not {hashed.hex()}")
            if json.loads(payload)["prev"] != prev.hex():
                raise Fault(f"{place}: the entry itself names another entry before it")
            chain.append(hashed)
    return chains


# --- The checkpoints.


def check_signature(line, held_key):
    district, seq, key = line["district"], line["seq"], line["key"]
    statement = f"muster checkpoint v1\n{district}\n{seq}\n{line['hash']}\n{line['root']}\n{line['at']}\n"
    signed = is_signed(bytes.fromhex(key), statement.encode(), bytes.fromhex(line["signature"]))
    if not signed or held_key not in (None, key):
        raise Fault(f"the checkpoint of {district} at entry {seq} ({line['at']}) does not bear the host's signature")


def root_of(hashed, position, size, path):
    """The root that a leaf leads to (RFC 6962, 2.1.1); the nearest neighbour comes first in the path."""
    if size == 1:
        return hashlib.sha256(b"\0" + hashed).digest()
    half = 1 << (size - 1).bit_length() - 1
    if position < half:
        return hashlib.sha256(b"\1" + root_of(hashed, position, half, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\1" + path[-1] + root_of(hashed, position - half, size - half, path[:-1])).digest()


def check_proof(file, held_key):
    """Says what a proof proves."""
    proof = json.loads(file.read_text(encoding="utf-8"))
    district, seq, line = proof["district"], proof["seq"], proof["checkpoint"]
    check_signature(line, held_key)
    entry, path = json.loads(proof["entry"]), [bytes.fromhex(step) for step in proof["path"]]
    hashed = hashlib.sha256(proof["entry"].encode()).digest()
    if (entry["district"], entry["seq"], line["district"]) != (district, seq, district) or not 1 <= seq <= line["seq"]:
        raise Fault(f"the entry is not entry {seq} of {district}")
    try:
        root = root_of(hashed, seq - 1, line["seq"], path)
    except IndexError:
        root = b""
    if root.hex() != line["root"]:
        raise Fault(f"the entry was changed, or does not stand at {seq} under what was signed at {line['at']}")
    return f"entry {seq} of {district} stands in a chain of {line['seq']} entries, signed {line['at']}"


def readable(line):
    """What a line says; a torn one says nothing."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def check_checkpoints(file, chains, held_key):
    """How many hold, by district."""
    by_district = {}
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    for line in filter(None, map(readable, lines)):
        check_signature(line, held_key)
        by_district.setdefault(line["district"], []).append(line)
    for district, signed in by_district.items():
        chain, subtrees, size = chains.get(district, []), [], 0
        for line in sorted(signed, key=lambda line: line["seq"]):
            seq = line["seq"]
            if seq > len(chain):
                raise Fault(f"{district}: entry {seq} was signed at {line['at']}, but the journal ends at {len(chain)}: its tail was cut")
            for hashed in chain[size:seq]:
                whole, bits = hashlib.sha256(b"\0" + hashed).digest(), size
                while bits & 1:
                    whole, bits = hashlib.sha256(b"\1" + subtrees.pop() + whole).digest(), bits >> 1
                subtrees.append(whole)
                size += 1
            root = subtrees[-1]
            for left in reversed(subtrees[:-1]):
                root = hashlib.sha256(b"\1" + left + root).digest()
            if line["hash"] != chain[seq - 1].hex() or line["root"] != root.hex():
                raise Fault(f"{district}: the entries up to {seq} are not those that were signed at {line['at']}")
    return {district: len(signed) for district, signed in by_district.items()}


def main():
    arguments = sys.argv[1:]
    is_proof = arguments[:1] == ["--proof"]
    if len(arguments) - is_proof not in (1, 2):
        sys.exit(__doc__)
    data, key = pathlib.Path(arguments[is_proof]), (arguments[is_proof + 1 :] or [None])[0]
    try:
        if is_proof:
            print(check_proof(data, key))
            return
        chains = read_chains(data / "journal")
        signed = check_checkpoints(data / "checkpoints" / "checkpoints.jsonl", chains, key)
    except Fault as fault:
        print(f"FAULT: {fault}")
        sys.exit(1)
    for district, chain in sorted(chains.items()):
        print(f"{district}: {len(chain)} entries hold, {signed.get(district, 0)} signed checkpoints, head {chain[-1].hex()}")


main()

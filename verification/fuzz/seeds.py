#!/usr/bin/env python3
"""Writes the seed corpus of every fuzz target: what the repository records, whole and valid.

    verification/fuzz/seeds.py        into verification/fuzz/corpus/<target>/seed-<name>

Files found by fuzzing stay beside the seeds. Nothing but Python's own library is needed.
"""
import hashlib
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODELS = [ROOT / "models" / name for name in ("digits_int8", "digits_int6")]
HASH = "0xA1b2c3D4E5f60718293A4B5C6D7E8f9001122334"


def put(target, name, data):
    """Writes one seed."""
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


def npy(version, descr, shape, data):
    """An array file with a header of its own making, so that both versions occur."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def c_entry(device, symbol, params):
    """As the target splits its input: device type, cut, length of the symbol, both files."""
    return bytes([device, 0]) + struct.pack("<H", len(symbol)) + symbol + params


def models():
    """Name, symbol and params of every recorded model."""
    for case in json.loads((ROOT / "verification/vectors/cvm.json").read_text()):
        symbol = json.dumps(case["symbol"], separators=(",", ":")).encode()
        yield case["name"], symbol, bytes.fromhex(case["params_hex"])
    for folder in MODELS:
        yield folder.name, (folder / "symbol").read_bytes(), (folder / "params").read_bytes()


for name, symbol, params in models():
    put("symbol", name, symbol)
    put("params", name, params)
    put("c_entry", name, c_entry(len(name) % 3, symbol, params))
for folder in MODELS:
    for file in folder.glob("*.npy"):
        put("npy", f"{folder.name}-{file.stem}", file.read_bytes())
for version in (1, 2):
    for descr in ("|i1", "<i4", ">i4"):
        put("npy", f"{version}-{descr[1:]}-{'big' if descr[0] == '>' else 'little'}",
            npy(version, descr, "(2, 2)", bytes(range(16))))
common = {"model": HASH, "modelSize": 12950, "cvm_version": 1, "cvm_networkid": 43}
requests = {
    "file": {"type": 1, "input": HASH.lower(), "inputSize": 912, **common},
    "content": {"type": 2, "input": "0x00ff7f80", **common},
    "price": {"type": 3, **common},
    "available": {"type": 4, "infohash": HASH, "rawSize": 1, "cvm_networkid": 21},
}
for name, request in requests.items():
    put("request", name, json.dumps(request).encode())
stratum = json.loads((ROOT / "verification/vectors/cuckoo.json").read_text())["stratum"]["user_first_lines"]
for number, line in enumerate(stratum):
    put("stratum", f"grin-{number}", line[3:].encode() + b"\n")
cortex = json.loads((ROOT / "verification/vectors/cortex.json").read_text())["proofs"]
for number, proof in enumerate(cortex):
    work = ["0x" + proof["seal_hash"], "0x" + 64 * "0", "0x10" + 62 * "0", "0x685ddc"]
    answers = [{"id": 0, "jsonrpc": "2.0", "result": work}, {"id": 73, "result": True},
               {"id": 73, "error": [21, "Job not found", None]}]
    put("stratum", f"cortex-{number}", b"".join(json.dumps(answer).encode() + b"\n" for answer in answers))
for number, address in enumerate(("stratum+tcp://pool:8008", "http://[::1]:8545/x", "tcp://a.b-c_d:1")):
    put("endpoint", str(number), address.encode())

# A script is records: operation, (place,) length, bytes. A request begins with its code.
name = hashlib.sha256(bytes(200)).digest()
requests = [b"\x20" + name, b"\x21" + name + struct.pack("<I", 200), b"\x22" + bytes(4) + bytes(200), b"\x23", b"\x25\0\0",
            b"\x26" + name + struct.pack("<III", 0, 0, 200), b"\x24" + name, b"\x02", b"\x40", b"\x41\0\0",
            b"\x30" + struct.pack("<IIIHI", 0, 0, 0, 16, 100) + b"input", b"\x31" + struct.pack("<HI", 0, 100),
            b"\x50" + struct.pack("<II", 4, 0), b"\x51" + bytes(4) + b"code", b"\x52", b"\x53\0"]
put("stick", "requests", b"".join(bytes([4, len(request)]) + request + b"\3\x20" for request in requests))
put("stick", "cut", b"".join(bytes([4, len(request)]) + request + b"\1\3\3\x40" for request in requests))
put("flash", "objects", b"".join(bytes([2, 40, 200]) + bytes([n]) * 200 + bytes([4, 9, 0]) for n in range(8)) + b"\3\0\0")
lying = struct.pack("<III", 1, 0, 9000) + bytes(32)
put("flash", "headers", b"".join(bytes([1, n, 44]) + lying + b"\2\7\4code" for n in range(4)))
put("flash", "images", b"\6\0\5image" + b"\7\0\0" + b"\4\5\0" + b"\6\1\6newer!" + b"\7\1\0" + b"\5\xff\0")

#!/usr/bin/env python3
"""Writes the seed corpus of every fuzz target: what the repository records, whole and valid.

    verification/fuzz/seeds.py        into verification/fuzz/corpus/<target>/seed-<name>

Files found by fuzzing stay beside the seeds. Nothing but Python's own library is needed.
"""
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

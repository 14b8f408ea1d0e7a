#!/usr/bin/env python3
"""Runs a WASI program under wasmtime, as cargo's runner for wasm32-wasip1: wasi.py PROGRAM [ARGUMENT...].

The program sees the repository read-only under its own path, the environment, and standard output.
"""
import os
import pathlib
import sys

import wasmtime

ROOT = str(pathlib.Path(__file__).resolve().parents[2])


def main():
    config = wasmtime.WasiConfig()
    config.argv = sys.argv[1:]
    config.env = list(os.environ.items())
    config.inherit_stdout()
    config.inherit_stderr()
    config.preopen_dir(ROOT, ROOT, fs_mutable=False)
    engine = wasmtime.Engine()
    linker = wasmtime.Linker(engine)
    linker.define_wasi()
    store = wasmtime.Store(engine)
    store.set_wasi(config)
    instance = linker.instantiate(store, wasmtime.Module.from_file(engine, sys.argv[1]))
    try:
        instance.exports(store)["_start"](store)
    except wasmtime.ExitTrap as ended:
        return ended.code
    return 0


sys.exit(main())

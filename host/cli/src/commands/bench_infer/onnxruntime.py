"""Runs the shapes of a chain model as a u8s8 QDQ model on one thread of onnxruntime.

Started by `myelin bench infer`, which writes a line of three lengths and so many bytes of symbol, params
and input, all through the pipe: no file is left behind when either side is interrupted. Writes
`ready VERSION`, then reads numbers, one a line, runs the model so often and writes the CPU time of the
process it took in seconds.

Shapes and attributes come from the symbol alone; weights are those of params.
Every scale is a power of two and every tensor keeps the chain's integers: a requantisation by s bits
is a QuantizeLinear of scale 2^s, and what reads its result takes it at scale 1. Answers differ from
the chain's in rounding (half to even) and in the clip of rectified values (255 instead of 127).
"""

import json
import signal
import struct
import sys
import time
from ast import literal_eval

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIGNED, RECTIFIED = 128, 0  # zero points of unsigned bytes


def read_params(data):
    """The arrays of a params file by name."""
    at = 16
    (count,) = struct.unpack_from("<Q", data, at)
    at += 8
    names = []
    for _ in range(count):
        (length,) = struct.unpack_from("<Q", data, at)
        names.append(data[at + 8 : at + 8 + length].decode())
        at += 8 + length
    at += 8
    arrays = {}
    for name in names:
        rank, _, bits = struct.unpack_from("<iBB", data, at + 24)
        at += 32
        shape = struct.unpack_from(f"<{rank}q", data, at)
        at += 8 * rank
        (size,) = struct.unpack_from("<q", data, at)
        at += 8
        kind = {8: np.int8, 32: np.int32}[bits]
        arrays[name] = np.frombuffer(data, kind, size // (bits // 8), at).reshape(shape)
        at += size
    return arrays


class Builder:
    """From a symbol to an ONNX graph."""

    def __init__(self, symbol, params):
        self.nodes, self.initializers, self.count = [], [], 0
        self.one = self.constant(np.float32(1), "one")
        self.zero_points = {z: self.constant(np.uint8(z), f"zero{z}") for z in (SIGNED, RECTIFIED)}
        self.weight_zero = self.constant(np.int8(0), "weight_zero")
        self.bias_zero = self.constant(np.int32(0), "bias_zero")
        self.params, self.symbol = params, symbol
        self.shapes = symbol["attrs"]["shape"][1]
        self.rows = symbol["node_row_ptr"]
        self.attributes = [json.loads(text) for text in symbol["attrs"]["op_attrs"][1]]
        self.values = {}
        self.readers = {}
        for index, node in enumerate(symbol["nodes"]):
            for source in node["inputs"]:
                self.readers.setdefault(source[0], []).append(index)

    def constant(self, array, name):
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def emit(self, op, inputs, **attributes):
        self.count += 1
        name = f"{op}{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def real(self, value):
        """A value as real numbers."""
        name, zero = value
        return name if zero is None else self.emit("DequantizeLinear", [name, self.one, self.zero_points[zero]])

    def quantised(self, name, zero, scale=1.0):
        step = self.one if scale == 1.0 else self.constant(np.float32(scale), f"scale{self.count}")
        return self.emit("QuantizeLinear", [name, step, self.zero_points[zero]]), zero

    def weights(self, index, zero):
        name = self.symbol["nodes"][index]["name"]
        array = self.params[name]
        assert list(array.shape) == self.shapes[self.rows[index]], name
        kind = np.int8 if zero == self.weight_zero else np.int32
        return self.emit("DequantizeLinear", [self.constant(array.astype(kind), name), self.one, zero])

    def parameters(self, node):
        sources = [source[0] for source in node["inputs"][1:]]
        return [self.weights(source, zero) for source, zero in zip(sources, (self.weight_zero, self.bias_zero))]

    def conv2d(self, index, node, inputs):
        a = {key: literal_eval(text) for key, text in self.attributes[index].items()}
        pads = list(a["padding"]) * 2
        return self.emit("Conv", [self.real(inputs[0]), *self.parameters(node)], kernel_shape=a["kernel_size"],
                         strides=a["strides"], pads=pads, dilations=a["dilation"], group=a["groups"]), None

    def dense(self, index, node, inputs):
        return self.emit("Gemm", [self.real(inputs[0]), *self.parameters(node)], transB=1), None

    def relu(self, index, node, inputs):
        if inputs[0][1] == RECTIFIED:
            return inputs[0]
        return self.emit("Relu", [self.real(inputs[0])]), None

    def cvm_right_shift(self, index, node, inputs):
        source = node["inputs"][0][0]
        before = self.symbol["nodes"][source].get("attrs", {}).get("func_name")
        readers = [self.symbol["nodes"][reader]["attrs"]["func_name"] for reader in self.readers.get(index, [])]
        rectified = before == "relu" or (readers and all(reader == "relu" for reader in readers))
        scale = 2.0 ** int(self.attributes[index]["shift_bit"])
        if before == "sum":
            # What was summed is an average here.
            scale /= np.prod(self.shapes[self.rows[self.symbol["nodes"][source]["inputs"][0][0]]][2:])
            rectified = True
        return self.quantised(inputs[0][0], RECTIFIED if rectified else SIGNED, scale)

    def sum(self, index, node, inputs):
        assert self.attributes[index]["axis"].replace(" ", "") == "(2,3)"
        return self.emit("Flatten", [self.emit("GlobalAveragePool", [self.real(inputs[0])])]), None

    def elemwise_add(self, index, node, inputs):
        return self.emit("Add", [self.real(value) for value in inputs]), None

    def concatenate(self, index, node, inputs):
        joined = self.emit("Concat", [self.real(value) for value in inputs], axis=int(self.attributes[index]["axis"]))
        zero = RECTIFIED if all(value[1] == RECTIFIED for value in inputs) else SIGNED
        return self.quantised(joined, zero)

    def max_pool2d(self, index, node, inputs):
        a = {key: literal_eval(text) for key, text in self.attributes[index].items()}
        pads = (list(a["padding"]) * 4)[:4]
        pooled = self.emit("MaxPool", [self.real(inputs[0])], kernel_shape=a["pool_size"], strides=a["strides"],
                           pads=pads, ceil_mode=int(a["ceil_mode"]))
        return self.quantised(pooled, inputs[0][1])

    def flatten(self, index, node, inputs):
        flat = self.emit("Flatten", [self.real(inputs[0])])
        return (flat, None) if inputs[0][1] is None else self.quantised(flat, inputs[0][1])

    def build(self):
        nodes = self.symbol["nodes"]
        for index, node in enumerate(nodes):
            if node["name"] == "data":
                self.values[index] = ("data", SIGNED)
            elif node["op"] != "null":
                sources = [source[0] for source in node["inputs"]]
                inputs = [self.values[source] for source in sources if source in self.values]
                self.values[index] = getattr(self, node["attrs"]["func_name"])(index, node, inputs)
        head = self.real(self.values[self.symbol["heads"][0][0]])
        shape = self.shapes[self.rows[[node["name"] for node in nodes].index("data")]]
        data = helper.make_tensor_value_info("data", TensorProto.UINT8, shape)
        output = helper.make_tensor_value_info(head, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "chain", [data], [output], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
        return model, shape, head


def load(symbol, params, raw):
    model, shape, head = Builder(json.loads(symbol), read_params(params)).build()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    data = (np.frombuffer(raw, np.int8).reshape(shape).astype(np.int16) + SIGNED).astype(np.uint8)
    binding = session.io_binding()
    binding.bind_ortvalue_input("data", onnxruntime.OrtValue.ortvalue_from_numpy(data))
    binding.bind_output(head)
    return session, binding


def main():
    # An interrupt is for the one who asks: its end closes the pipes, and so ends this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    requests = sys.stdin.buffer
    lengths = [int(length) for length in requests.readline().split()]
    files = [requests.read(length) for length in lengths]
    if len(lengths) != 3 or [len(file) for file in files] != lengths:
        return
    session, binding = load(*files)
    del files
    print("ready", onnxruntime.__version__, flush=True)
    for line in requests:
        start = time.process_time_ns()
        for _ in range(int(line)):
            session.run_with_iobinding(binding)
        seconds = (time.process_time_ns() - start) / 1e9
        assert np.ptp(binding.copy_outputs_to_cpu()[0]) > 0, "the answer says nothing"
        print(seconds, flush=True)


if __name__ == "__main__":
    main()

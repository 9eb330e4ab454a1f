"""Times ResNet-18 and CLIP's ViT-B/32 image tower, random weights, in ONNX Runtime's CPU provider.

Usage: onnxruntime_networks.py [threads] [repeats]. Needs onnxruntime, onnx and numpy.
Prints one line a network: its name, a tab, the times of all repeats in milliseconds.
"""
import sys
import time

import numpy as np

import onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(1)

class Graph:
    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0

    def name(self):
        self.count += 1
        return f"t{self.count}"

    def const(self, values):
        name = self.name()
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def random(self, *shape):
        fan_in = int(np.prod(shape[1:])) or 1
        return self.const((rng.standard_normal(shape) * (2.0 / fan_in) ** 0.5).astype(np.float32))

    def add(self, op, *inputs, **attributes):
        name = self.name()
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def session(self, shape, output, threads):
        graph = helper.make_graph(
            self.nodes, "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 10
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads == 1 else "0")
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

def resnet18(g, channels=3):
    def conv(x, out, into, kernel, stride):
        pad = kernel // 2
        return g.add("Conv", x, g.random(out, into, kernel, kernel), g.random(out), strides=[stride, stride],
                     pads=[pad] * 4, kernel_shape=[kernel, kernel])

    x = g.add("Relu", conv("x", 64, channels, 7, 2))
    x = g.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    into = 64
    for out, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        for block in range(2):
            s = stride if block == 0 else 1
            y = g.add("Relu", conv(x, out, into, 3, s))
            y = conv(y, out, out, 3, 1)
            if into != out:
                x = conv(x, out, into, 1, s)
            x = g.add("Relu", g.add("Add", y, x))
            into = out
    return x

def vit_b32(g, width=768, tokens=50, layers=12, embedding=512):
    def linear(x, out, into):
        return g.add("Add", g.add("MatMul", x, g.random(into, out)), g.random(out))

    def norm(x):
        return g.add("LayerNormalization", x, g.random(width), g.random(width), axis=-1, epsilon=1e-5)

    def ints(*values):
        return g.const(np.array(values, dtype=np.int64))

    heads = width // 64
    x = g.add("Conv", "x", g.random(width, 3, 32, 32), strides=[32, 32], kernel_shape=[32, 32])
    x = g.add("Transpose", g.add("Reshape", x, ints(1, width, tokens - 1)), perm=[0, 2, 1])
    x = g.add("Concat", g.random(1, 1, width), x, axis=1)
    x = norm(g.add("Add", x, g.random(1, tokens, width)))
    for _ in range(layers):
        qkv = g.add("Reshape", linear(norm(x), 3 * width, width), ints(1, tokens, 3, heads, 64))
        parts = g.name(), g.name(), g.name()
        g.nodes.append(helper.make_node("Split", [qkv, ints(1, 1, 1)], list(parts), axis=2))
        q, k, v = (g.add("Reshape", p, ints(1, tokens, heads, 64)) for p in parts)
        q, v = g.add("Transpose", q, perm=[0, 2, 1, 3]), g.add("Transpose", v, perm=[0, 2, 1, 3])
        k = g.add("Transpose", k, perm=[0, 2, 3, 1])
        scores = g.add("Mul", g.add("MatMul", q, k), g.const(np.float32(0.125)))
        mixed = g.add("MatMul", g.add("Softmax", scores, axis=-1), v)
        mixed = g.add("Reshape", g.add("Transpose", mixed, perm=[0, 2, 1, 3]), ints(1, tokens, width))
        x = g.add("Add", x, linear(mixed, width, width))
        h = linear(norm(x), 4 * width, width)
        h = g.add("Mul", h, g.add("Sigmoid", g.add("Mul", h, g.const(np.float32(1.702)))))
        x = g.add("Add", x, linear(h, width, 4 * width))
    x = g.add("Gather", x, g.const(np.int64(0)), axis=1)
    return g.add("MatMul", norm(x), g.random(width, embedding))

def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    for name, build in [("resnet18 224", resnet18), ("vit-b/32 224", vit_b32)]:
        graph = Graph()
        shape = [1, 3, 224, 224]
        session = graph.session(shape, build(graph), threads)
        x = rng.standard_normal(shape).astype(np.float32)
        times = []
        for _ in range(repeats + 3):
            start = time.perf_counter()
            session.run(None, {"x": x})
            times.append((time.perf_counter() - start) * 1e3)
        print(name, " ".join(f"{t:.3f}" for t in times[3:]), sep="\t", flush=True)


if __name__ == "__main__":
    main()

"""Writes packages/onnx/test/fixtures/everything.onnx: one small model with every kind of thing that an ONNX file can hold, made by the
reference implementation. Run: pip install onnx==1.23.2 && python3 tools/onnx-proto/fixture.py"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

target = Path(__file__).resolve().parents[2] / "packages" / "onnx" / "test" / "fixtures" / "everything.onnx"


def info(name, elem=TensorProto.FLOAT, shape=("N", 3)):
    return helper.make_tensor_value_info(name, elem, shape)


# x -> scaled (a model-local function) -> + weight -> If
function = helper.make_function(
    "custom", "Scale", ["a"], ["b"],
    [
        helper.make_node("Constant", [], ["factor"]),
        helper.make_node("Mul", ["a", "factor"], ["scaled"]),
        helper.make_node("Identity", ["scaled"], ["b"]),
    ],
    [helper.make_opsetid("", 21)],
    attributes=["by"],
    attribute_protos=[helper.make_attribute("unused", 3)],
    doc_string="b = a * by",
)
reference = function.node[0].attribute.add()
reference.name, reference.type, reference.ref_attr_name = "value_float", onnx.AttributeProto.FLOAT, "by"

branches = [
    helper.make_graph([helper.make_node(op, ["sum"], ["branch_out"])], f"{op}_branch", [], [info("branch_out")])
    for op in ("Neg", "Exp")
]
sparse = helper.make_sparse_tensor(
    helper.make_tensor("sparse_bias", TensorProto.FLOAT, [2], [5.0, 7.0]),
    helper.make_tensor("sparse_bias_indices", TensorProto.INT64, [2], [0, 2]),
    [3],
)
nodes = [
    helper.make_node("Scale", ["x"], ["scaled"], name="scale", domain="custom", by=2.5),
    helper.make_node("Add", ["scaled", "weight"], ["added"], name="add", doc_string="adds"),
    helper.make_node("Add", ["added", "sparse_bias"], ["sum"]),
    helper.make_node("If", ["flag"], ["chosen"], then_branch=branches[0], else_branch=branches[1]),
    helper.make_node("SplitToSequence", ["chosen"], ["sequence"], axis=0),
    helper.make_node("SequenceAt", ["sequence", "zero"], ["first"]),
]
graph = helper.make_graph(
    nodes, "everything", [info("x"), info("flag", TensorProto.BOOL, [])], [info("chosen"), info("first", shape=(None, 3))],
    initializer=[
        numpy_helper.from_array(np.array([1, 2, 3], np.float32), "weight"),
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("half", TensorProto.FLOAT16, [2], [0.5, -2.0]),
        helper.make_tensor("doubles", TensorProto.DOUBLE, [2], [0.1, 1e300]),
        helper.make_tensor("unsigned", TensorProto.UINT64, [1], [2**64 - 1]),
        helper.make_tensor("words", TensorProto.STRING, [2], ["a", "\u00e9"]),
        helper.make_tensor("nibbles", TensorProto.INT4, [3], [1, -2, 7]),
        helper.make_tensor("eights", TensorProto.FLOAT8E4M3FN, [2], [1.0, 2.0]),
        helper.make_tensor("complexes", TensorProto.COMPLEX64, [1], [1 + 2j]),
    ],
    sparse_initializer=[sparse],
    doc_string="a graph",
    value_info=[
        info("sum"),
        helper.make_tensor_sequence_value_info("sequence", TensorProto.FLOAT, None),
        helper.make_value_info("maybe", helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [1]))),
        helper.make_value_info("map", helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))),
    ],
)
annotation = graph.quantization_annotation.add()
annotation.tensor_name = "weight"
entry = annotation.quant_parameter_tensor_names.add()
entry.key, entry.value = "SCALE_TENSOR", "zero"
external = graph.initializer.add()
external.name, external.data_type, external.data_location = "outside", TensorProto.FLOAT, TensorProto.EXTERNAL
external.dims.append(4)
for key, value in (("location", "everything.data"), ("offset", "0"), ("length", "16"), ("checksum", "none")):
    entry = external.external_data.add()
    entry.key, entry.value = key, value

odd = graph.node[1].attribute.add()
odd.CopyFrom(helper.make_attribute("types", [helper.make_tensor_type_proto(TensorProto.FLOAT, ["K"])]))
graph.node[1].attribute.append(helper.make_attribute("tensors", [helper.make_tensor("t", TensorProto.INT32, [1], [4])]))
graph.node[1].attribute.append(helper.make_attribute("empty", "", doc_string="a present but empty string"))
graph.node[1].attribute.append(helper.make_attribute("nothing", 0))

model = helper.make_model(
    graph, functions=[function], producer_name="reference", producer_version="1", domain="test", model_version=7,
    doc_string="a model", ir_version=10, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("custom", 1)],
)
helper.set_model_props(model, {"license": "Apache-2.0", "empty": ""})
helper.set_model_props(graph.node[0], {"origin": "somewhere"}) if hasattr(graph.node[0], "metadata_props") else None
training = model.training_info.add()
training.algorithm.CopyFrom(helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "algorithm", [info("x")], [info("y")]))
binding = training.update_binding.add()
binding.key, binding.value = "weight", "y"

# Fields that this schema doesn't know: number 9999, once varint and once length-delimited.
unknown = bytes([0xF8, 0xF0, 0x04, 0x2A]) + bytes([0xFA, 0xF0, 0x04, 0x03]) + b"abc"
target.parent.mkdir(parents=True, exist_ok=True)
target.write_bytes(model.SerializeToString(deterministic=True) + unknown)
print(target, target.stat().st_size)

"""What pytest leaves out where an optional package is missing."""

from importlib.util import find_spec

# The examples of the converters need skl2onnx, which is not there for every version of Python.
collect_ignore = [] if find_spec("skl2onnx") and find_spec("onnxruntime") else ["skmlp/onnx"]

r"""
From a pipeline to a server
===========================

A fitted pipeline becomes one file in the ONNX format. The server that answers with it needs onnxruntime,
but neither scikit-learn nor skmlp. (Converting needs the extra ``onnx``: see "Install".)
"""

import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from onnxruntime import InferenceSession
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp.onnx
from skmlp import MLPClassifier

# %%
# A pipeline
# ----------

data = load_breast_cancer()
X, y = data.data.astype(np.float32), data.target_names[data.target]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
network = MLPClassifier((50,), solver="lbfgs", alpha=3, max_iter=1000, n_members=5, random_state=0)
model = make_pipeline(StandardScaler(), network).fit(X_train, y_train)
print(f"accuracy on new data: {model.score(X_test, y_test):.2f}")

# %%
# A file
# ------
#
# ``zipmap=False`` gives probabilities as an array, not as dictionaries.

skmlp.onnx.register()
folder = TemporaryDirectory()
path = Path(folder.name) / "model.onnx"
path.write_bytes(to_onnx(model, X_train[:1], options={"zipmap": False}).SerializeToString())
print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")

# %%
# A server
# --------
#
# This is all of it. It gets rows as JSON, and answers with labels and probabilities.

session = InferenceSession(path)


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        labels, probabilities = session.run(None, {"X": np.array(rows, dtype=np.float32)})
        answer = json.dumps({"labels": labels.tolist(), "probabilities": probabilities.tolist()})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *args):
        """Print nothing."""


server = HTTPServer(("localhost", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

# %%
# A client
# --------

address = f"http://localhost:{server.server_port}"
with urllib.request.urlopen(address, data=json.dumps(X_test[:3].tolist()).encode()) as response:
    answer = json.load(response)
print(answer["labels"])
print(np.round(answer["probabilities"], 2))
server.shutdown()

# %%
# The same predictions, sooner for a few rows
# -------------------------------------------
#
# The probabilities are those of the pipeline, to rounding.

(_, served), expected = session.run(None, {"X": X_test}), model.predict_proba(X_test)
print(f"largest difference: {np.abs(served - expected).max():.0e}")


def milliseconds(predict, rows):
    """Return the time of one call, the best of ten."""
    times = []
    for _ in range(10):
        started = time.perf_counter()
        predict(rows)
        times.append(time.perf_counter() - started)
    return 1000 * min(times)


sizes = [1, 10, 100, 1000, 10_000]
ways = {
    "pipeline": model.predict_proba,
    "onnxruntime": lambda rows: session.run(None, {"X": rows}),
}
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, predict in ways.items():
    times = [milliseconds(predict, np.resize(X_test, (size, X.shape[1]))) for size in sizes]
    print(f"{name:12} one row: {times[0]:.2f} ms")
    axis.plot(sizes, times, "o-", label=name)
axis.set(xscale="log", yscale="log", xlabel="rows in a call", ylabel="milliseconds for a call")
axis.legend()

# %%
# For a few rows, most of the time of the pipeline is spent on checks. onnxruntime has made them when it
# loaded the model. For thousands, numpy is as quick.
#
# The page "Export to ONNX" says what can be converted.

folder.cleanup()
plt.show()

"""Print variables with which numpy and OpenBLAS compute as on an older processor than this one.

As NAME=value for ``env``; what they change, or why nothing can be changed, goes to stderr.
"""

import json
import os
import subprocess
import sys

import numpy as np

OLDER = {
    "SapphireRapids": "Haswell",
    "Cooperlake": "Haswell",
    "SkylakeX": "Haswell",
    "Zen": "Nehalem",  # it has Haswell's kernels
    "Haswell": "Nehalem",
    "Sandybridge": "Nehalem",
    "Nehalem": "Prescott",
}
"""Which of OpenBLAS's families of processors is older; of a family that is not here, ARMv8 is."""

PROGRAM = """
import json
import numpy, scipy.linalg, threadpoolctl

families = {library.get("architecture") for library in threadpoolctl.threadpool_info()}
print(json.dumps(sorted(families - {None})))
"""


def families(**variables: str) -> list[str] | None:
    """Return the families whose kernels OpenBLAS takes with ``variables``; None if numpy refuses them."""
    command = [sys.executable, "-W", "error::ImportWarning", "-c", PROGRAM]
    run = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    return json.loads(run.stdout) if run.returncode == 0 else None


def main() -> None:
    """Print the variables that have an effect here."""
    variables = {}
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    features = ",".join(name for name in found if families(NPY_DISABLE_CPU_FEATURES=name) is not None)
    if features:
        variables["NPY_DISABLE_CPU_FEATURES"] = features
    print(f"numpy: {features or 'nothing'} to switch off", file=sys.stderr)
    detected = families() or []
    for older in {OLDER.get(family, "ARMV8") for family in detected}:
        taken = families(OPENBLAS_CORETYPE=older)
        if taken != detected:
            variables["OPENBLAS_CORETYPE"] = older
            print(f"OpenBLAS: {taken} instead of {detected}", file=sys.stderr)
    if "OPENBLAS_CORETYPE" not in variables:
        print(f"OpenBLAS: no older family than {detected}", file=sys.stderr)
    print(*(f"{name}={value}" for name, value in variables.items()))


if __name__ == "__main__":
    main()

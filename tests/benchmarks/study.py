"""What `rlvision demo` costs once installed: seconds, peak memory, bytes on disk.

Run: python tests/benchmarks/study.py
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Run the demo in a new folder, in its own process, and print one table row a result."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rlvision_widgets.cli", "demo", "--no-lab"], cwd=folder, check=True)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the demo is this process's only child
        store = sum(file.stat().st_size for file in Path(folder, "coinrun.zarr").rglob("*") if file.is_file())
        page = Path(folder, "coinrun.html").stat().st_size
    print("| default study and snapshot (8 x 512 steps, value at 2b) | |")
    print("|---|---|")
    print(f"| wall time | {seconds:.0f} s |")
    print(f"| CPU time | {used.ru_utime + used.ru_stime:.0f} s |")
    print(f"| peak memory | {used.ru_maxrss / 2**20:.2f} GiB |")
    print(f"| study on disk | {store / 1e6:.1f} MB |")
    print(f"| snapshot | {page / 1e6:.1f} MB |")


if __name__ == "__main__":
    main()

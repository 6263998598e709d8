"""Memory that loading left behind."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

FREED = """
import re
from mlcli.serving.memory import give_back

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

pieces = [bytearray(100_000) for _ in range(800)]
stays = pieces[::100]
last = bytearray(100)
del pieces
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a process is read from /proc")
def test_memory_that_was_freed_goes_back_to_the_system():
    found = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)

    assert re.fullmatch(r"-?[\d.]+\n", found.stdout)
    assert float(found.stdout) > 30, "MB; some 80 were freed between pieces that stay"

"""The helper process starts beside the import: what it does not need must not cost it time and memory."""

import subprocess
import sys

from tests.agent_box import PROJECT


def test_the_helper_loads_neither_database_nor_network_nor_signatures():
    ask = "import sys, agent.helper_main; print(*{'pymysql', 'ssl', 'ecdsa', 'agent.entry'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", ask], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

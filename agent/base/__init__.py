"""What the whole agent stands on: interpreter, files, exit codes, failures, log. It knows nothing that lies above."""

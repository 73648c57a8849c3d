"""From one version to the next: killed, overtaken, on slow disks, without a database."""

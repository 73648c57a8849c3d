"""What watches the work: probes of silent agents, alarms, health, the engine's status, the watchdog of a worker."""

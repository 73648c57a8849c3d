"""Nothing stops silently: alarms arrive, and monitoring is told the truth."""

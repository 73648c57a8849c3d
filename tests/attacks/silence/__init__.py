"""Nothing stops silently: alarms arrive, and monitoring gets the truth."""

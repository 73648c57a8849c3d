"""Workers as processes: killed, frozen, idle, of other versions, elsewhere."""

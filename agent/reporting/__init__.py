"""The exchange between agent and controller: events, answers, downloads."""

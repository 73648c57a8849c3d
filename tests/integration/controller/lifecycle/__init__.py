"""How a job and its agent begin."""

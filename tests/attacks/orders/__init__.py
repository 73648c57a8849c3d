"""Orders, billing systems and their keys: what is ordered is what is made, and a refusal is seen."""

"""Other accounts of the machine read, replace or wake nothing that is not theirs."""

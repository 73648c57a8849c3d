"""A double of WHMCS's External API, as strict as the real one is known to be."""

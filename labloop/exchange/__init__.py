"""Files <-> records, checked against the spec."""

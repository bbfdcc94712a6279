"""Figures and pages from records: data in `progress`, drawing in the files beside it."""

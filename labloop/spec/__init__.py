"""campaign.yaml -> frozen pydantic models."""

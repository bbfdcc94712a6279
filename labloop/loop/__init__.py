"""The use cases, one transaction each; everything a person or a script does goes through here."""

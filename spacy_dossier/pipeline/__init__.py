"""spaCy components: one file each, factory and class together."""

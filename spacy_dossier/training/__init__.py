"""What spaCy's training loop takes from the plugin: corpus reader, augmenters, callbacks."""

"""The settings of a component that is added without any."""

from thinc.api import Config

# spaCy's own default for its trainable components
TOK2VEC = """
[{name}.model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""


def default_config(name: str, settings: str) -> Config:
    """RETURNS (Config): The settings of a component, its section of a config, with a model over spaCy's tok2vec."""
    return Config().from_str(settings + TOK2VEC.format(name=name))[name]

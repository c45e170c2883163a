"""Raw ops on sparse tensors: coordinates [n, rank], values [n] and the shape of the whole."""

"""Raw ops on ragged tensors: values and the positions at which rows begin and end."""

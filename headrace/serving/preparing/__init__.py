"""New versions are prepared by a process of their own, so that the models that serve meanwhile hardly notice."""

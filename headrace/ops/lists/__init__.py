"""TensorLists: what TensorArrays in functions and the gradients of loops are made of."""

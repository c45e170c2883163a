"""Control flow in graphs: branches and loops with their gradients, and what is made of them."""

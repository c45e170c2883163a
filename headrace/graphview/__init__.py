"""A graph for people: what the optimizer's passes change, and one page with an interactive drawing."""

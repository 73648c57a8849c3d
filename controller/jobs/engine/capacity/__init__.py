"""How much a worker takes on: which servers are its own, their slots, and how its threads are shared among them."""

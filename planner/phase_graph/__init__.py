"""What leads where: the graph of phases, laid out and drawn."""

"""Money: double entry in integer fen and card-seconds, holds, restricted credit, statements. It knows causes, and nothing of machines."""

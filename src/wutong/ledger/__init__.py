"""Money: double entry in integer fen. It knows accounts, transfers and holds, and nothing of machines."""

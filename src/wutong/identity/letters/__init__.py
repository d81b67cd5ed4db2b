"""Links sent by mail that prove who reads an address: for another password, and for another address. It never says whether an address is known."""

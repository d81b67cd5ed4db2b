"""Storage of tenants: quota, what is used and reserved, and the journal of byte-seconds. It knows no prices."""

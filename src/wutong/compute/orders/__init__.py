"""What tenants buy ahead: packages of card-hours and reserved capacity; and money paid in and back. It never runs or charges a job."""

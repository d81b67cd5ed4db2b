"""Tickets: threads between an organisation and a named engineer of the centre."""

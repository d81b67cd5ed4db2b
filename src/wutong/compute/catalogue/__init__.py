"""What compute costs: versions of prices by flavour, and the packages on offer. It never charges anybody."""

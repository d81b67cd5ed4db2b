"""The catalogue of machines: accelerator kinds, pools, nodes and flavours, and what is possible on them. It never knows a price."""

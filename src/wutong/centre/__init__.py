"""The machines: accelerators, pools, nodes, flavours, the engines that run work, and the journal of usage. It never knows money."""

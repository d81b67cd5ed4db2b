"""Platform 1: catalogue, orders, environments, jobs and their settling. It asks the centre to run and the ledger to book."""

"""Tenants on a cluster: their accounts, UNIX users, shares, service classes and folders, made and kept as the centre wishes them.

Goes one way: what stands on the cluster is compared with the wishes and corrected, never taken for a wish. What others made is left alone.
"""

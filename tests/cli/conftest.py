"""One whole centre, real in every part, that this folder's tests share with tests/flows."""

from tests.flows.fixtures import centre, finance, newcomer, stranger, tenant

__all__ = ["centre", "finance", "newcomer", "stranger", "tenant"]
